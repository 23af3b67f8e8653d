"""A synthetic cohort with planted truth: slides, tables, features, and what decides survival."""

from __future__ import annotations

from survviz.sample.cohort import write_sample
from survviz.sample.regions import TRUTH_MPP, Region
from survviz.sample.slides import read_truth

__all__ = ["TRUTH_MPP", "Region", "read_truth", "write_sample"]
