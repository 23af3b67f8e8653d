"""Random fields: smooth noise by enlarging coarse noise, and tileable textures by shaping a spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating]


def enlarge(field: Field, shape: tuple[int, int]) -> Field:
    """Resize a field smoothly to (height, width)."""
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Field:
    """Noise of about unit variance whose features are `scale` pixels wide."""
    coarse = [int(np.ceil(side / scale)) + 4 for side in shape]
    grid = rng.standard_normal(coarse, dtype=np.float32) * 1.5
    field = enlarge(grid, (round(coarse[0] * scale), round(coarse[1] * scale)))
    top, left = (int(rng.integers(0, max(1, have - want))) for have, want in zip(field.shape, shape, strict=True))
    return np.ascontiguousarray(field[top : top + shape[0], left : left + shape[1]])


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], scale: float, *, octaves: int = 4, gain: float = 0.5
) -> Field:
    """Sum of smooth noises, each half as wide and `gain` times as strong as the one before; unit variance."""
    total = np.zeros(shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        total += gain**octave * smooth_noise(rng, shape, max(scale / 2**octave, 1.5))
        power += gain ** (2 * octave)
    return total / np.float32(np.sqrt(power))


def tileable_noise(rng: np.random.Generator, side: int, width_y: float, width_x: float) -> Field:
    """Periodic noise of unit variance with features `width_y` by `width_x` pixels (Gaussian low-pass)."""
    fy = np.fft.fftfreq(side)[:, None] * width_y
    fx = np.fft.rfftfreq(side)[None, :] * width_x
    response = np.exp(-2.0 * (fy**2 + fx**2) * np.pi**2 * 0.18)
    response[0, 0] = 0.0
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) * response
    field = np.fft.irfft2(spectrum, s=(side, side))
    return (field / field.std()).astype(np.float32)


def smoothstep(field: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    return share * share * (3 - 2 * share)
