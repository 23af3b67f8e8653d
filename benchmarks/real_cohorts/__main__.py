"""Cohort folders in survviz's format from the real data beside the project (never committed):

    python -m benchmarks.real_cohorts --data ../shared/data --out DIR [--only NAME ...] [--processes 2]

Patients are joined by TCGA barcode only. Each folder holds `cohort.toml`, its tables, and the published splits in
`splits/`. What was left out of each cohort is printed, and stands in its `notes.txt`.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

from benchmarks.real_cohorts import brca_gpdbn, gbmlgg, kirc_histology, pancancer, tcga
from survviz.data.cohort_writing import CohortTables, Written, write_cohort

Builder = Callable[[Path, Path, int], Written]


def tables_only(build: Callable[[Path], CohortTables]) -> Builder:
    """A cohort that needs no pixels."""
    return lambda data, out, processes: write_cohort(out, build(data))


BUILDERS: dict[str, Builder] = {
    **{name: tables_only(functools.partial(tcga.build, name=name)) for name in tcga.PROJECTS},
    "gbmlgg": functools.partial(gbmlgg.write, name="TCGA-GBMLGG", encoder="he-descriptor-2um", with_omics=True),
    "gbmlgg-regions": functools.partial(
        gbmlgg.write, name="TCGA-GBMLGG regions", encoder="he-descriptor-2um-region", with_omics=True
    ),
    "gbmlgg-all": functools.partial(
        gbmlgg.write, name="TCGA-GBMLGG, all patients", encoder="he-descriptor-2um", with_omics=False
    ),
    "pancancer": tables_only(pancancer.build),
    "kirc-histology": tables_only(kirc_histology.build),
    "brca-gpdbn": tables_only(brca_gpdbn.build),
}


def main() -> None:
    """Build the asked cohorts and print what is in them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(BUILDERS), default=list(BUILDERS))
    parser.add_argument("--processes", type=int, default=1, help="for encoding pixels")
    given = parser.parse_args()
    print("| cohort | patients | deaths | modalities (patients) |\n|---|---|---|---|")
    for name in given.only:
        made = BUILDERS[name](given.data, given.out / name, given.processes)
        tables = ", ".join(f"{table} {count}" for table, count in made.tables.items())
        print(f"| {name} | {made.n_cases} | {made.n_events} | {tables} |", flush=True)
        for note in made.notes:
            print(f"<!-- {name}: {note} -->")


if __name__ == "__main__":
    main()
