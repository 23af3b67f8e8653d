"""`survviz pack`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from survviz.cli.console import progress_bar, show_json

stdout = Console(highlight=False, soft_wrap=True)


def run_pack(cohort: Path, out: Path | None, *, shard_gb: float | None, as_json: bool) -> None:
    """Pack, and say what to do where cohort.toml could not be changed."""
    from survviz.data.packing import pack_cohort

    with progress_bar("packing slides") as progress:
        size = None if shard_gb is None else max(1, int(shard_gb * 1e9))
        packed = pack_cohort(cohort, out, shard_bytes=size, progress=progress)
    if as_json:
        show_json(packed)
        return
    stdout.print(
        f"{packed.path}: {packed.n_slides} slides, {packed.n_patches:,} patches, {packed.n_bytes / 2**20:,.1f} MiB",
        markup=False,
    )
    if not packed.named:
        stdout.print(f'Add packed = "{packed.path}" to features in cohort.toml to train from it.', markup=False)
