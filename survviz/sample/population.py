"""Which nuclei lie where."""

from __future__ import annotations

import numpy as np

from survviz.sample.bodies import Library
from survviz.sample.cells import scatter
from survviz.sample.ground import Ground
from survviz.sample.layout import CELL
from survviz.sample.masks import HALF, Masks
from survviz.sample.noise import Field
from survviz.sample.nuclei import TUMOUR_LEVELS
from survviz.sample.plan import SlidePlan
from survviz.sample.structures import Placed, paste


class Population:
    """Pastes the nuclei of one slide, tissue by tissue."""

    def __init__(self, plan: SlidePlan, masks: Masks, library: Library, rng: np.random.Generator) -> None:
        self.plan = plan
        self.masks = masks
        self.library = library
        self.rng = rng
        cover = masks.cover
        tissue = cover["tissue"]
        rest = tissue * (1 - cover["tumour"])
        self.share = {
            "tumour": tissue * cover["tumour"] * (1 - cover["necrosis"]),
            "necrosis": tissue * cover["necrosis"],
            "lymphocytes": rest * cover["lymphocytes"],
            "fat": rest * cover["fat"],
            "normal": rest * cover["normal"] * (1 - cover["fat"]) * (1 - cover["lymphocytes"]),
            "stroma": rest * (1 - cover["lymphocytes"]) * (1 - cover["fat"]) * (1 - cover["normal"]),
        }

    def value(self, field: Field, points: Field) -> Field:
        """Value of a half-size field at level-0 points."""
        row = np.clip(points[:, 1].astype(int) // HALF, 0, field.shape[0] - 1)
        column = np.clip(points[:, 0].astype(int) // HALF, 0, field.shape[1] - 1)
        return field[row, column]

    def spots(self, where: str, spacing: float, keep: float = 1.0, jitter: float = 0.3) -> Field:
        """Points inside a tissue; a share `keep` of them stays."""
        points = scatter(self.rng, self.plan.width, self.plan.height, spacing, jitter)
        chance = self.value(self.share[where], points) * keep
        return points[self.rng.random(len(points)) < chance]

    def flow(self, points: Field, spread: float) -> Field:
        """Direction of the fibres at points, shaken."""
        angle = self.masks.fibre_angle
        row = np.clip(points[:, 1].astype(int) // CELL, 0, angle.shape[0] - 1)
        column = np.clip(points[:, 0].astype(int) // CELL, 0, angle.shape[1] - 1)
        return (angle[row, column] + self.rng.normal(0, spread, len(points))) % np.pi

    def any_angle(self, points: Field) -> Field:
        return self.rng.uniform(0, np.pi, len(points)).astype(np.float32)

    def put(self, od: Field, kind: str, points: Field, angles: Field) -> None:
        paste(od, Placed(points, self.library.pick(self.rng, kind, angles)))

    def stroma(self, od: Field, wall: Field) -> None:
        """Fibroblasts along the fibres, some plump; a few lymphocytes; the nuclei of the fat's septa."""
        for kind, spacing, keep, spread in (("fibroblast", 34, 0.62, 0.16), ("plump", 60, 0.4, 0.3)):
            points = self.spots("stroma", spacing, keep)
            self.put(od, kind, points, self.flow(points, spread))
        points = self.spots("stroma", 46, 0.16)
        self.put(od, "lymphocyte", points, self.any_angle(points))
        points = self.spots("fat", 12, 0.5)
        points = points[self.value(wall, points) > 0.6]
        points = points[self.rng.random(len(points)) < 0.05]
        self.put(od, "endothelium", points, self.any_angle(points))

    def normal(self, od: Field) -> None:
        """Lamina propria: a mixed infiltrate."""
        for kind, spacing, keep in (
            ("fibroblast", 30, 0.5),
            ("plump", 34, 0.4),
            ("lymphocyte", 24, 0.15 + 0.7 * self.plan.inflammation),
            ("plasma", 26, 0.15 + 0.5 * self.plan.inflammation),
        ):
            points = self.spots("normal", spacing, keep)
            self.put(od, kind, points, self.any_angle(points))

    def gland_atypia(self, count: int) -> Field:
        """Atypia of each gland, around the slide's."""
        return np.clip(self.plan.gland_atypia + self.rng.normal(0, 0.12, count), 0, 1).astype(np.float32)

    def lymphocytes(self, od: Field) -> None:
        """Aggregates in the stroma, as dense as the inflammation."""
        amount = self.plan.inflammation
        points = self.spots("lymphocytes", 13.4 - 2.2 * amount, 0.62 + 0.36 * amount, 0.2)
        self.put(od, "lymphocyte", points, self.any_angle(points))
        points = self.spots("lymphocytes", 34, 0.3)
        self.put(od, "plasma", points, self.any_angle(points))

    def tumour(self, od: Field, ground: Ground) -> None:
        """Nuclei at the centre of each cell, palisading at the border of a nest; mitoses, apoptosis, lymphocytes."""
        points, rng, level = ground.cells, self.rng, self.plan.pleomorphism
        points = points[self.value(self.share["tumour"], points) > 0.3 + 0.4 * rng.random(len(points))]
        points = points + rng.normal(0, 1.6, points.shape).astype(np.float32)
        angles = self._palisade(points)
        drawn = np.clip(level + rng.normal(0, 0.06 + 0.10 * level, len(points)), 0, 1)
        kinds = np.round(drawn * (TUMOUR_LEVELS - 1)).astype(int)
        fate = rng.random(len(points))
        mitotic, dying = fate < 0.001 + 0.020 * level**1.5, fate > 0.995 - 0.006 * level
        for kind in range(TUMOUR_LEVELS):
            chosen = (kinds == kind) & ~mitotic & ~dying
            self.put(od, f"tumour-{kind}", points[chosen], angles[chosen])
        self.put(od, "mitosis", points[mitotic], angles[mitotic])
        self.put(od, "apoptosis", points[dying], angles[dying])
        among = self.spots("tumour", 22, 0.02 + 0.45 * self.plan.lymphocytes)
        self.put(od, "lymphocyte", among, self.any_angle(among))
        if self.plan.squamous:
            deep = points[self.value(self.masks.depth, points) > 9]
            pearls = deep[rng.random(len(deep)) < 0.010]
            self.put(od, "keratin", pearls, self.any_angle(pearls))

    def _palisade(self, points: Field) -> Field:
        """Upright on the border of a nest, along a slow flow inside."""
        depth = self.masks.depth[::4, ::4]
        slope_y, slope_x = (np.asarray(np.gradient(depth, axis=axis)) for axis in (0, 1))
        row = np.clip(points[:, 1].astype(int) // CELL, 0, depth.shape[0] - 1)
        column = np.clip(points[:, 0].astype(int) // CELL, 0, depth.shape[1] - 1)
        upright = np.arctan2(slope_y[row, column], slope_x[row, column])
        near = depth[row, column] < 3.0
        inner = self.flow(points, 0.7)
        return np.where(near, upright + self.rng.normal(0, 0.25, len(points)), inner) % np.pi

    def necrosis(self, od: Field) -> None:
        """Ghosts of cells, shrunken nuclei near the living rim, nuclear dust."""
        for kind, spacing, keep in (
            ("ghost", 26, 0.55),
            ("pyknotic", 36, 0.33),
            ("debris", 20, 0.42),
            ("lymphocyte", 60, 0.2),
        ):
            points = self.spots("necrosis", spacing, keep)
            self.put(od, kind, points, self.any_angle(points))
