"""Cohort folders from the real data beside the project; see `__main__`."""
