"""Somebody else's tables -> a cohort folder of ours: read, check, mend on request, write (docs/intake.md)."""
