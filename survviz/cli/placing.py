"""Where a verb's tasks run, from its options."""

from __future__ import annotations

from survviz.cluster import Place, Processes, Ray
from survviz.errors import InputError, UnknownNameError

ON = ("local", "ray")


def place_of(
    on: str,
    *,
    workers: int | None,
    ray_address: str | None,
    cpus: float | None,
    gpus: float | None,
    device: str = "cpu",
    workers_here: int = 0,
) -> tuple[Place, str]:
    """The place, and the device of its tasks: on Ray "auto" is the GPU that was asked for, else the CPU.

    Args:
        workers_here: local processes where nothing is said.

    Raises:
        UnknownNameError: `on` is no place.
        InputError: options of Ray without Ray, or a device that contradicts them.
    """
    if on not in ON:
        raise UnknownNameError("place", on, ON)
    if on == "local":
        if ray_address is not None or cpus is not None or gpus is not None:
            raise InputError("--ray-address, --cpus-per-task and --gpus-per-task belong to --on ray.")
        return Processes(workers_here if workers is None else workers), device
    if (ray_address or "").startswith("ray://"):
        raise InputError("Ray's client (ray://) is not used. Start survviz on a machine of the cluster, by HOST:PORT.")
    if workers == 0:
        raise InputError("--workers 0 means this process, and --on ray others. Leave one of them out.")
    kind = device.partition(":")[0]
    needed = (1.0 if kind == "cuda" else 0.0) if gpus is None else gpus
    if (kind == "cuda" and not needed) or (kind not in ("cuda", "auto") and needed):
        raise InputError(f"--device {device} contradicts --gpus-per-task {needed:g}.")
    place = Ray(address=ray_address, cpus=1.0 if cpus is None else cpus, gpus=needed, workers=workers)
    return place, device if device != "auto" else "cuda" if needed else "cpu"
