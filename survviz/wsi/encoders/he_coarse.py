"""The embedded descriptor for pixels of 2 um: enlarged to its own 0.5 um per pixel, so that lengths stay in um.

For models trained on regions that were stored at 2 um per pixel. A sharper slide is first read at 2 um per pixel like
any other, and only then enlarged: it shows what a coarse one would, and its numbers can be compared. Texture below
4 um, the insides of nuclei and sharpness say little at this scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from survviz.wsi.encoders.he_descriptor import REVISION, HEDescriptor

ENLARGEMENT = 4
COARSE_REVISION = f"{REVISION}.1"
"""The descriptor's own revision and that of the enlargement."""


class CoarseHEDescriptor(HEDescriptor):
    """`he-descriptor` of patches at 2 um per pixel.

    Args:
        name: as in the registry.
        patch_px: side of a patch at 2 um per pixel; 64 spans 128 um, as `he-descriptor` does.
    """

    mpp = HEDescriptor.mpp * ENLARGEMENT
    revision = COARSE_REVISION
    min_side = 16

    def __init__(self, name: str, patch_px: int) -> None:
        super().__init__()
        self.name = name
        self.patch_px = patch_px

    def encode(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB to (B, D) float32; sides of at least 16 px.

        Raises:
            InputError: another shape or type.
        """
        self.check(patches)
        rows = [super(CoarseHEDescriptor, self).encode(enlarge(patch)[None])[0] for patch in patches]
        return np.stack(rows) if rows else np.empty((0, self.dim), dtype=np.float32)


def enlarge(patch: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) to (4 H, 4 W, 3), bicubic."""
    height, width = patch.shape[:2]
    size = (width * ENLARGEMENT, height * ENLARGEMENT)
    return np.asarray(Image.fromarray(patch).resize(size, Image.Resampling.BICUBIC))
