"""Whose samples a molecular table holds: normals, aliquots, copies, metastases, machines, samples without values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from survviz.data.barcodes import one_sample_per_case, tcga_case, tcga_sample_type
from survviz.data.genes import shorten
from survviz.intake.findings import Finding
from survviz.intake.fixes import DropSamples, OneSamplePerCase
from survviz.intake.tables import Matrix
from survviz.intake.wording import many

NORMAL_WORDS = ("normal", "blood", "control")
LATER_TYPES = {2: "recurrent", 5: "additional", 6: "metastatic", 7: "metastatic"}
MOSTLY = 0.5


def check_samples(name: str, matrix: Matrix) -> Iterator[Finding]:
    """Findings about the samples of one matrix, in the order in which they should be mended."""
    samples = [str(sample) for sample in matrix.values.index]
    normal = [sample for sample, kind in zip(samples, _kinds(matrix), strict=True) if _is_normal(sample, kind)]
    if normal:
        yield _normals(name, samples, normal)
    tumour = sorted(set(range(len(samples))) - {i for i, one in enumerate(samples) if one in set(normal)})
    if matrix.role != "features":  # a case may have several slides and regions
        yield from _repeated(name, matrix, [samples[i] for i in tumour])
        yield from _aliquots(name, matrix, samples, tumour)
    yield from _later_tumours(name, [samples[i] for i in tumour])
    yield from _machines(name, matrix)
    if matrix.role != "cnv":  # many tumours have no change in a short list of genes
        yield from _copies(name, matrix)
    yield from _without_values(name, matrix)


def _kinds(matrix: Matrix) -> list[str]:
    column = next((one for one in matrix.about.columns if str(one).lower() in ("sample_type", "tissue_type")), None)
    return [""] * len(matrix.values) if column is None else [str(cell) for cell in matrix.about[column]]


def _is_normal(sample: str, kind: str) -> bool:
    """By the barcode (types 10 to 14 and controls from 20 on), else by what the table says of the sample."""
    written = tcga_sample_type(sample)
    if written is not None:
        return written >= 10
    kind = kind.strip().lower()
    return any(word in kind for word in NORMAL_WORDS) or kind in ("10", "11", "12", "13", "14", "20")


def _normals(name: str, samples: Sequence[str], normal: list[str]) -> Finding:
    rest = len(samples) - len(normal)
    text = (
        f"{len(normal):,} of {len(samples):,} samples are normal tissue, blood or controls ({shorten(normal)}), which "
        "a model of tumours would take for tumours. "
    )
    if not rest:
        return Finding(
            "normal-samples", "error", name, text + "No tumour sample is left: give a table of tumours.", tuple(normal)
        )
    fix = DropSamples(table=name, samples=tuple(dict.fromkeys(normal)), reason="normal tissue, blood or control")
    return Finding(
        "normal-samples", "error", name, f"{text}Leave them out; {rest:,} tumour samples stay.", tuple(normal),
        fixes=(fix,),
    )  # fmt: skip


def _repeated(name: str, matrix: Matrix, samples: Sequence[str]) -> Iterator[Finding]:
    twice = [sample for sample, count in Counter(samples).items() if count > 1]
    if not twice:
        return
    values = matrix.values
    rows = {sample: values.loc[[sample]].to_numpy() for sample in twice}
    alike = [sample for sample, cells in rows.items() if bool((_filled(cells) == _filled(cells[:1])).all())]
    same = (
        "always with the same values" if len(alike) == len(twice) else f"{len(twice) - len(alike):,} with other values"
    )
    text = (
        f"{many(twice, 'sample name stands', 'sample names stand')} more than once, {same} ({shorten(twice)}); "
        "expected one row per sample. Keep the first row of each, or find out which one is right."
    )
    fix = OneSamplePerCase(table=name, machines=_machines_by_use(matrix))
    yield Finding("duplicate-samples", "error", name, text, tuple(twice), fixes=(fix,))


def _aliquots(name: str, matrix: Matrix, samples: Sequence[str], tumour: Sequence[int]) -> Iterator[Finding]:
    """Several tumour samples of one TCGA patient; the one that is proposed is on the machine of most samples."""
    known = [i for i in tumour if tcga_sample_type(samples[i]) is not None]
    machines = _machines_by_use(matrix)
    column = list(matrix.about["machine"]) if machines else []
    rank = [-machines.index(column[i]) for i in known] if machines else None
    choice = one_sample_per_case([samples[i] for i in known], rank=rank)
    kept = {samples[known[i]] for i in choice.kept.values()}
    spare = [name for name in dict.fromkeys(samples[known[i]] for i in choice.spare) if name not in kept]
    if not spare:
        return
    patients = sorted({str(tcga_case(sample)) for sample in spare})
    text = (
        f"{many(patients, 'patient has', 'patients have')} several tumour samples or aliquots ({shorten(patients)}); "
        f"expected one per patient. Leave out {len(spare):,}: kept is the primary tumour, of several the one on the "
        "machine of most samples, then the first barcode."
    )
    fix = OneSamplePerCase(table=name, machines=machines)
    yield Finding("several-samples", "error", name, text, tuple(spare), fixes=(fix,))


def _later_tumours(name: str, samples: Sequence[str]) -> Iterator[Finding]:
    """Patients whose only sample is no primary tumour, where most others' are."""
    types = {sample: tcga_sample_type(sample) for sample in dict.fromkeys(samples)}
    primary = {tcga_case(sample) for sample, kind in types.items() if kind in (1, 3)}
    later = [s for s, kind in types.items() if kind in LATER_TYPES and tcga_case(s) not in primary]
    if not later:
        return
    kinds = sorted({LATER_TYPES[types[sample] or 0] for sample in later})
    text = (
        f"{many(later, 'patient has', 'patients have')} no primary tumour here, only a "
        f"{' or '.join(kinds)} one ({shorten(later)})"
    )
    if len(later) > len(primary):
        text += f", as most of this table. Say so where you describe the cohort; {len(primary):,} are primary tumours."
        yield Finding("metastases", "note", name, text, tuple(later))
        return
    text += f" beside {len(primary):,} primary tumours. Leave them out, or keep them and say so."
    fix = DropSamples(table=name, samples=tuple(later), reason="not the primary tumour")
    yield Finding("metastases", "warning", name, text, tuple(later), fixes=(fix,))


def _machine_column(matrix: Matrix) -> str | None:
    return next(
        (str(one) for one in matrix.about.columns if str(one).lower() in ("machine", "platform", "batch")), None
    )


def _machines_by_use(matrix: Matrix) -> tuple[str, ...]:
    """The machines, that of the fewest samples first; () where nothing says so."""
    if "machine" not in matrix.about:
        return ()
    return tuple(str(machine) for machine, _ in reversed(Counter(matrix.about["machine"]).most_common()))


def _machines(name: str, matrix: Matrix) -> Iterator[Finding]:
    column = _machine_column(matrix)
    counts = Counter(str(cell).strip() for cell in matrix.about[column]) if column else Counter()
    counts.pop("", None)
    if len(counts) < 2:
        return
    shown = ", ".join(f"{machine}: {count:,}" for machine, count in counts.most_common(5))
    text = (
        f"The samples were measured on {len(counts)} machines or in {len(counts)} batches by {column!r} ({shown}). A "
        "shift between them can look like biology: compare within one, or correct for it before."
    )
    fewer = {machine for machine, _ in counts.most_common()[1:]}
    rows = [str(one) for one, cell in zip(matrix.values.index, matrix.about[column], strict=True) if cell in fewer]
    yield Finding("several-machines", "warning", name, text, tuple(rows), (str(column),))


def _copies(name: str, matrix: Matrix) -> Iterator[Finding]:
    """Samples of other names with the very same numbers."""
    values = np.ascontiguousarray(matrix.values.to_numpy(dtype=np.float32))
    if values.shape[1] < 5:
        return
    known, varied = np.isfinite(values).any(axis=1), _varies(values)
    groups: dict[bytes, list[str]] = {}
    for i in np.flatnonzero(known & varied):
        groups.setdefault(values[i].tobytes(), []).append(str(matrix.values.index[i]))
    alike = [sorted(set(group)) for group in groups.values() if len(set(group)) > 1]
    if not alike:
        return
    rows = tuple(sample for group in alike for sample in group)
    shown = shorten(" = ".join(group[:3]) for group in alike)
    text = (
        f"{len(rows):,} samples of different names have exactly the same values ({shown}). Two tumours "
        "never do: a row was copied, or one sample was renamed. Look them up at the source, or leave the later ones "
        "out."
    )
    later = tuple(sample for group in alike for sample in group[1:])
    fix = DropSamples(table=name, samples=later, reason="the same values as another sample")
    yield Finding("copied-samples", "warning", name, text, rows, fixes=(fix,))


def _without_values(name: str, matrix: Matrix) -> Iterator[Finding]:
    values = matrix.values.to_numpy(dtype=np.float32)
    if not values.size:
        return
    names = np.array([str(one) for one in matrix.values.index], dtype=object)
    missing = np.isnan(values).mean(axis=1)
    empty = missing == 1
    zero = ~empty & (matrix.role != "cnv") & (np.nanmax(np.where(np.isnan(values), 0, np.abs(values)), axis=1) == 0)
    for which, what in ((empty, "have no value at all"), (zero, "are 0 in every column")):
        if which.any():
            rows = tuple(dict.fromkeys(names[which]))
            text = (
                f"{len(rows):,} samples {what} ({shorten(rows)}); a model would read them as measured. Leave them out: "
                "these patients then count as without this table."
            )
            fix = DropSamples(table=name, samples=rows, reason=f"{what[what.index(' ') + 1 :]}")
            yield Finding("empty-samples", "error", name, text, rows, fixes=(fix,))
    gaps = (missing > MOSTLY) & ~empty
    if gaps.any():
        rows = tuple(dict.fromkeys(names[gaps]))
        text = (
            f"{many(rows, 'sample lacks', 'samples lack')} more than half of their values ({shorten(rows)}); a model "
            "takes each gap for the mean of the training cohort. Leave them out, or keep them and read their risks "
            "with care."
        )
        fix = DropSamples(table=name, samples=rows, reason="more than half of the values are missing")
        yield Finding("mostly-empty-samples", "warning", name, text, rows, fixes=(fix,))


def _filled(cells: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.nan_to_num(cells, nan=-np.inf)


def _varies(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether a sample has two different numbers."""
    return np.fmax.reduce(values, axis=1) != np.fmin.reduce(values, axis=1)
