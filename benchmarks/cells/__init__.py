"""Every group of cells, in the order in which they run. How to add one: `benchmarks.harness`."""

from benchmarks.harness.cell import Group

MODELS = (
    "abmil", "bilayer", "bilinear", "bilinear-concat", "ca-mlif", "cheerla-gevaert", "cmta", "cox", "fan2023", "gpdbn",
    "hfbsurv", "intermediate-fusion", "late-fusion", "logistic-hazard", "mcat", "mixed-fusion", "mlp-clinic",
    "mlp-omics", "mlp-pathology", "motcat", "multisurv", "pathomic-fusion", "pg-mlif", "porpoise", "snn-clinic",
    "snn-omics", "survpath", "survpc", "survpgc", "survviz-fusion", "transmil",
)  # fmt: skip
"""Every model of the registry; a test sees to it."""

COMPUTE: tuple[Group, ...] = (
    Group("machine/limits", "benchmarks.cells.limits:blocks"),
    Group("goals/survpgc", "benchmarks.cells.survpgc:blocks", rounds=7),
    *(Group(f"models/{name}", "benchmarks.cells.models:blocks", name, rounds=3, quick=name == "survpgc")
      for name in MODELS),
    *(Group(f"evaluation/{n}", "benchmarks.cells.evaluation:blocks", n, quick=n == "1000")
      for n in ("1000", "10000", "100000", "1000000")),
    Group("evaluation/bootstrap", "benchmarks.cells.bootstrap:blocks"),
    *(Group(f"evaluation/cox-{p}", "benchmarks.cells.cox:blocks", p, rounds=3, quick=p == "20") for p in ("20", "300")),
    Group("explain/gradients", "benchmarks.cells.explaining:gradients", rounds=3),
    Group("explain/masks", "benchmarks.cells.explaining:masks", rounds=3),
    Group("private/bags", "benchmarks.cells.private:blocks"),
    Group("training/loops", "benchmarks.cells.training:loops", quick=False),
    Group("training/survpath", "benchmarks.cells.training:survpath"),
    Group("growth/patches", "benchmarks.cells.growth:blocks"),
    Group("growth/cases", "benchmarks.cells.training:growth"),
    Group("gpu/models", "benchmarks.cells.gpu:blocks", devices=("cuda",)),
    Group("evaluation/cox-300-large", "benchmarks.cells.cox:large", limit_s=3600, quick=False, when_named=True),
)  # fmt: skip
"""Models, training, statistics, explanations."""

SLIDES: tuple[Group, ...] = (
    Group("slides/peers", "benchmarks.cells.reading:against_peers", threads=1, limit_s=1800),
    Group("slides/formats", "benchmarks.cells.reading:by_format", threads=1, rounds=3),
    Group("slides/tissue", "benchmarks.cells.tissue:tissue", threads=1, limit_s=1800),
    Group("app/tiles", "benchmarks.cells.serving:tiles", threads=1, limit_s=2400, quick=False),
    Group("app/memory", "benchmarks.cells.serving:memory", threads=1, limit_s=2400, quick=False),
    Group("app/pages", "benchmarks.cells.serving:demo", threads=1, limit_s=1200, quick=False),
    Group("app/every-page", "benchmarks.cells.serving:pages", threads=1, limit_s=2400, quick=False),
    Group("slides/picture", "benchmarks.cells.tissue:picture", threads=1, limit_s=1800),
)
"""Slides, tiles, maps, pages."""

GROUPS: tuple[Group, ...] = COMPUTE + SLIDES
