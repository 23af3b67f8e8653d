"""What is left of the C-index when the record of the patient entered now is released with local privacy.

`python -m benchmarks.local_release --cohort DIR`, on the validation patients of MultiSurv's published split.
"""
