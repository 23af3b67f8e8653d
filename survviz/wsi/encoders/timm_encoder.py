"""Foundation models through timm, from weights that the user has: a local folder, or a hub id said out loud."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.wsi.encoders.model_specs import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

HUB_PREFIX = "hub:"
WEIGHTS_FILE = "model.safetensors"
FORBIDDEN_ARGUMENTS = {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}
CONVERT = (
    "python -c \"import torch, safetensors.torch as s; s.save_file(torch.load('pytorch_model.bin', map_location='cpu', "
    "weights_only=True), 'model.safetensors')\""
)


def import_timm() -> Any:
    """The timm module.

    Raises:
        InputError: it is not installed, or torchvision, which it imports, does not fit the installed torch.
    """
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise InputError(
            f"Foundation models need timm ({error.name} is missing): pip install 'survviz[encoders]'. "
            "The embedded encoder 'he-descriptor' needs nothing."
        ) from error
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f"timm cannot be imported: {error}. Its torchvision does not fit the installed torch; install a matching "
            "pair from one source: pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu."
        ) from error


def find_weights(name: str, weights: str | Path | None, hub: str) -> tuple[Path, Path | None]:
    """The safetensors file, and the `config.json` beside it if there is one.

    Raises:
        InputError: nothing was given, it does not exist, or it is of a kind that can run code.
    """
    if weights is None:
        where = f' or weights="{HUB_PREFIX}{hub}" once you have access to it' if hub else ""
        raise InputError(f"Encoder {name!r} needs weights: give the folder that holds {WEIGHTS_FILE}{where}.")
    if str(weights).startswith(HUB_PREFIX):
        return download(str(weights).removeprefix(HUB_PREFIX))
    path = Path(weights)
    if not path.exists():
        raise InputError(
            f"No weights at {path}. Give a folder with {WEIGHTS_FILE}, that file, or {HUB_PREFIX}ORG/NAME for the hub."
        )
    folder = path if path.is_dir() else path.parent
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if file.suffix != ".safetensors" or not file.is_file():
        found = ", ".join(sorted(item.name for item in folder.iterdir() if item.suffix in (".bin", ".pth", ".pt")))
        convert = (
            f" It holds {found}, which could run code when loaded; turn it into safetensors: {CONVERT}" if found else ""
        )
        raise InputError(f"{folder} holds no {WEIGHTS_FILE}.{convert}")
    config = folder / "config.json"
    return file, config if config.is_file() else None


def download(repository: str) -> tuple[Path, Path | None]:
    """Fetch (or find in the local cache) the weights of a hub repository that the user named.

    Raises:
        InputError: no access, no network, or no safetensors there.
    """
    try:
        hub = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise InputError("The hub needs huggingface_hub: pip install 'survviz[encoders]'.") from error
    paths = []
    for file in (WEIGHTS_FILE, "config.json"):
        try:
            paths.append(Path(hub.hf_hub_download(repository, file)))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{file} of {repository!r} could not be fetched from the hub ({type(error).__name__}). Ask its owners "
                "for access and log in (hf auth login), or download it yourself and give the folder. If it offers only "
                f"pytorch_model.bin, turn that into safetensors: {CONVERT}"
            ) from error
    return paths[0], paths[1]


def read_config(path: Path) -> dict[str, Any]:
    """timm's `config.json`.

    Raises:
        InputError: it is not JSON, or names no architecture.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable JSON ({error}).") from error
    if not isinstance(config, dict) or not isinstance(config.get("architecture"), str):
        raise InputError(f"{path} names no timm architecture; expected timm's config.json (timm.models.save_for_hf).")
    return config


def spec_from_config(spec: ModelSpec, config: dict[str, Any]) -> ModelSpec:
    """Fill in what a generic model's own config says: architecture, arguments, input size, normalisation."""
    given = config.get("pretrained_cfg") or config
    arguments = dict(config.get("model_args") or {})
    if forbidden := FORBIDDEN_ARGUMENTS & set(arguments):
        raise InputError(
            f"config.json sets {', '.join(sorted(forbidden))}; survviz loads the weights itself. Remove it."
        )
    if config.get("global_pool") is not None:
        arguments.setdefault("global_pool", config["global_pool"])
    side = int((given.get("input_size") or (3, spec.input_px, spec.input_px))[-1])
    mean, std = tuple(given.get("mean") or spec.mean), tuple(given.get("std") or spec.std)
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0 or not 16 <= side <= 2048:
        raise InputError(f"config.json: mean {mean}, std {std}, side {side} px do not describe an RGB model.")
    return replace(
        spec,
        architecture=config["architecture"],
        arguments=arguments,
        input_px=side,
        patch_px=side,
        mean=mean,
        std=std,
        interpolation="bilinear" if given.get("interpolation") == "bilinear" else "bicubic",
    )


def build(spec: ModelSpec) -> nn.Module:
    """An untrained model of this spec, without a classifier.

    Raises:
        InputError: timm is missing, does not know the architecture, or refuses the arguments.
    """
    timm = import_timm()
    if not timm.is_model(spec.architecture):
        raise InputError(f"timm {timm.__version__} knows no architecture {spec.architecture!r}.")
    layers = {}
    for argument, dotted in spec.layers.items():
        module, _, attribute = dotted.rpartition(".")
        layers[argument] = getattr(importlib.import_module(module), attribute)
    try:
        model = timm.create_model(spec.architecture, pretrained=False, **{**spec.arguments, **layers, "num_classes": 0})
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise InputError(f"timm cannot build {spec.architecture!r} with {dict(spec.arguments)}: {error}") from error
    return model


def load(model: nn.Module, file: Path) -> None:
    """Load weights strictly; a classifier that the file still carries is left out.

    Raises:
        InputError: the file is damaged or belongs to another architecture.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file} is not a readable safetensors file ({error}).") from error
    config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    heads = config.get("classifier") or ()
    prefixes = tuple(f"{head}." for head in ((heads,) if isinstance(heads, str) else heads))
    wanted = model.state_dict()
    state = {key: value for key, value in state.items() if key in wanted or not key.startswith(prefixes)}
    missing, extra = sorted(set(wanted) - set(state)), sorted(set(state) - set(wanted))
    shapes = [key for key in wanted if key in state and wanted[key].shape != state[key].shape]
    if missing or extra or shapes:
        example = ", ".join((missing + extra + shapes)[:3])
        raise InputError(
            f"{file} does not fit the architecture: {len(missing)} weights missing, {len(extra)} unknown, "
            f"{len(shapes)} of another shape (for example {example}). Are these the weights of that model?"
        )
    model.load_state_dict(state)


def digest(*files: Path) -> str:
    """First 12 hexadecimal digits of the SHA-256 of files, one after the other."""
    found = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                found.update(block)
    return found.hexdigest()[:12]


class TimmEncoder:
    """A frozen timm model with its own resize, normalisation and pooling; float16 arithmetic on a GPU."""

    feature_names: tuple[str, ...] | None = None

    def __init__(self, spec: ModelSpec, weights: str | Path | None, device: str = "cpu") -> None:
        """Build, load and check a model.

        Raises:
            InputError: timm or the weights are missing, or the weights do not fit.
        """
        import torch

        file, config = find_weights(spec.name, weights, spec.hub)
        pinned = [file]
        if not spec.architecture:
            if config is None:
                raise InputError(f"{file.parent} holds no config.json; a generic timm model needs it to be built.")
            spec = spec_from_config(spec, read_config(config))
            pinned.append(config)
        model = build(spec)
        load(model, file)
        self.spec = spec
        self.device = torch.device(device)
        self.model = model.eval().requires_grad_(False).to(self.device)
        self.name = spec.name
        self.revision = digest(*pinned)
        self.patch_px = spec.patch_px
        self.mpp = spec.mpp
        self.mean = torch.tensor(spec.mean, device=self.device).view(3, 1, 1)
        self.std = torch.tensor(spec.std, device=self.device).view(3, 1, 1)
        self.dim = self.encode(np.zeros((1, spec.input_px, spec.input_px, 3), dtype=np.uint8)).shape[1]
        if spec.dim is not None and self.dim != spec.dim:
            raise InputError(f"{spec.name} gives {self.dim} numbers with these weights; expected {spec.dim}.")

    def prepare(self, patches: NDArray[np.uint8]) -> Tensor:
        """(B, H, W, 3) uint8 to normalised (B, 3, input_px, input_px)."""
        import torch
        from torch.nn import functional

        images = torch.from_numpy(np.ascontiguousarray(patches)).to(self.device)
        images = images.permute(0, 3, 1, 2).float() / 255
        side = self.spec.input_px
        if images.shape[-2:] != (side, side):
            images = functional.interpolate(
                images, (side, side), mode=self.spec.interpolation, antialias=True, align_corners=False
            ).clamp(0, 1)
        return (images - self.mean) / self.std

    def pool(self, output: Tensor) -> Tensor:
        """(B, D) from what the model returns."""
        import torch

        if self.spec.pooling == "class+mean" and output.ndim == 3:
            first = int(getattr(self.model, "num_prefix_tokens", 1))
            output = torch.cat([output[:, 0], output[:, first:].mean(dim=1)], dim=-1)
        if output.ndim != 2:
            raise InputError(
                f"{self.spec.architecture} returns shape {tuple(output.shape)}; expected one vector per patch. Set "
                "global_pool in its config.json."
            )
        return output

    def encode(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB to (B, D) float32.

        Raises:
            InputError: another shape or type.
        """
        import torch

        if patches.dtype != np.uint8 or patches.ndim != 4 or patches.shape[-1] != 3:
            raise InputError(f"Patches of shape {patches.shape} and type {patches.dtype}; expected uint8 (B, H, W, 3).")
        if not len(patches):
            return np.zeros((0, self.dim), dtype=np.float32)
        half = self.device.type == "cuda"
        with torch.inference_mode(), torch.autocast(self.device.type, dtype=torch.float16, enabled=half):
            return self.pool(self.model(self.prepare(patches))).float().cpu().numpy()
