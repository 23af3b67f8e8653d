"""Glioma from pixels: 1,505 tissue regions of 769 patients, RNA, copy number and mutations for 490 of them.

The regions are Pathomic Fusion's: 1,024 px at 20x (0.5 um per pixel, 512 um), stored here as 256 px, so 2 um per pixel.
They are encoded by the embedded descriptor for that scale, as `survviz extract --encoder he-descriptor-2um` encodes any
slide, so that a model trained on them can be given a user's slide.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.real_cohorts.patients import complete, usable
from survviz.data.barcodes import tcga_case
from survviz.data.cohort_writing import CohortTables, Written, write_cohort
from survviz.data.split_file import read_split_file
from survviz.errors import InputError
from survviz.types import Bag
from survviz.units import to_mpp
from survviz.wsi.encoders import create_encoder
from survviz.wsi.features import read_features, write_features

MPP = 2.0
CLEAR = "clear space fraction (glass, fat, lumen)"
MOST_CLEAR = 0.5
"""Patches with more glass are left out, as the patch grid of a slide does."""

SUBTYPES = {(0, 0): "IDH wild type", (1, 0): "IDH mutant, 1p/19q intact", (1, 1): "IDH mutant, 1p/19q codeleted"}
FIELDS = {"Age": "age", "Sex": "sex", "Subtype": "subtype"}


def write(data: Path, out: Path, processes: int, *, encoder: str, name: str, with_omics: bool) -> Written:
    """Encode what is not encoded yet, and write the cohort.

    Args:
        encoder: its patches tile a region: 64 px give 16 of them, 256 px one.
        with_omics: only the patients who have RNA, copy number and mutations.
    """
    root = data / "gbmlgg"
    rows = pd.read_csv(root / "cases.csv")
    if not all(tcga_case(roi) == case for roi, case in zip(rows["roi"], rows["case_id"], strict=True)):
        raise SystemExit("a region's name is not its patient's barcode")
    shared = out.parent / "gbmlgg-features" / encoder  # the cohorts of some and of all patients read the same files
    encode_regions([root / "roi" / roi for roi in rows["roi"]], shared, encoder, processes)
    slides = pd.DataFrame({"case_id": rows["case_id"], "slide_id": [Path(roi).stem for roi in rows["roi"]], "mpp": MPP})
    return write_cohort(out, tables(root, rows, name=name, encoder=encoder, slides=slides, with_omics=with_omics))


def tables(
    root: Path, rows: pd.DataFrame, *, name: str, encoder: str, slides: pd.DataFrame, with_omics: bool
) -> CohortTables:
    """Clinical fields and outcome per patient, joined to the omics by barcode."""
    clinical, notes = usable(one_row_per_patient(rows))
    omics = pd.read_parquet(root / "omics.parquet").set_index("case_id")
    rna = omics.filter(regex="_rnaseq$").rename(columns=lambda gene: gene.removesuffix("_rnaseq"))
    notes = (*notes, "grade and histology left out: known only for patients with omics, so that lacking them tells GBM")
    if with_omics:
        clinical, lacking = complete(clinical, [omics.index])
        notes = (*notes, *lacking)
    return CohortTables(
        name=name,
        clinical=clinical,
        time_unit="days",
        fields=FIELDS,
        matrices={
            "rna": (rna, "z-score"),
            "cnv": (omics.filter(regex="_(cnv|mut)$"), "GISTIC -2 to 2; _mut: 1 = mutated"),
        },
        slides=slides,
        features={"folder": f"../gbmlgg-features/{encoder}", "encoder": encoder},
        splits={
            source: read_split_file(root / f"splits_15_{source}.csv", case_ids=clinical.index)
            for source in ("original", "pgmlif")
        },
        notes=notes,
    )


def one_row_per_patient(rows: pd.DataFrame) -> pd.DataFrame:
    """Outcome and what is known at diagnosis, by case; a patient's rows must agree."""
    fields = rows.drop(columns="roi").drop_duplicates().set_index("case_id")
    if not fields.index.is_unique:
        raise SystemExit("two regions of one patient have different outcomes or fields")
    pairs = zip(fields["idh_mutation"], fields["codeletion_1p19q"], strict=True)
    return fields.rename(columns={"time_days": "time", "age_years": "age"})[["time", "event", "age", "sex"]].assign(
        subtype=["IDH wild type" if idh == 0 else SUBTYPES.get((idh, codeletion)) for idh, codeletion in pairs]
    )


def encode_regions(images: Sequence[Path], folder: Path, encoder: str, processes: int) -> None:
    """One feature file per region; what is there already and readable is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = [image for image in images if not is_encoded(folder / f"{image.stem}.h5", encoder)]
    with ProcessPoolExecutor(max_workers=processes) as pool:
        for _ in pool.map(partial(encode_region, folder=folder, encoder=encoder), todo, chunksize=8):
            pass


def is_encoded(file: Path, encoder: str) -> bool:
    """Whether a whole feature file of this encoder's current revision is there."""
    try:
        bag = read_features(file)
    except InputError:
        return False
    return bag.encoder == encoder and bag.encoder_revision == create_encoder(encoder).revision


def encode_region(image: Path, folder: Path, encoder: str) -> Path:
    """Encode the patches that tile a region; its own pixels are level 0."""
    made = create_encoder(encoder)
    with Image.open(image) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    side = made.patch_px
    corners = [(x, y) for y in range(0, pixels.shape[0], side) for x in range(0, pixels.shape[1], side)]
    features = made.encode(np.stack([pixels[y : y + side, x : x + side] for x, y in corners]))
    clear = features[:, (made.feature_names or ()).index(CLEAR)]
    kept = clear <= max(MOST_CLEAR, clear.min())  # a region of glass keeps its fullest patch
    bag = Bag(
        slide_id=image.stem,
        features=features[kept],
        coords=np.array(corners, dtype=np.int64)[kept],
        patch_size_level0=side,
        mpp=to_mpp(MPP),
        encoder=made.name,
        encoder_revision=made.revision,
        slide_size=(pixels.shape[1], pixels.shape[0]),
    )
    return write_features(folder / f"{image.stem}.h5", bag, patch_px=side)
