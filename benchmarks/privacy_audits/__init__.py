"""What attacks find out from the private trainer and from releases, each beside a positive control that it must catch.

`python -m benchmarks.privacy_audits --cohort DIR` on the published training patients.
"""
