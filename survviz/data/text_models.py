"""Pretrained text encoders, loaded from a local path; their packages are optional."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError

MAX_TOKENS = 100


def content_hash(path: Path) -> str:
    """The first 16 hex digits of a file's SHA-256: the revision of a model that names none."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _package(name: str, encoder: str, install: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f"The text encoder {encoder!r} needs the package {name.split('.')[0]!r}, which cannot be imported "
            f"({error}). Install it: {install}. If it is installed, a torchvision that does not fit "
            "torch may be in the way."
        ) from error


class SentenceTransformers:
    """Any sentence-transformers model of a local folder with safetensors weights, on the CPU in float32."""

    name = "sentence-transformers"

    def __init__(self, folder: Path) -> None:
        weights = _check_folder(folder)
        package = _package("sentence_transformers", self.name, "pip install survviz[encoders]")
        try:
            self._model = package.SentenceTransformer(
                str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InputError(f"The sentence-transformers model in {folder} cannot be loaded: {error}.") from error
        self.revision = content_hash(weights)
        self.dim = int(self.encode(["one"]).shape[1])

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """(T, dim), of unit length."""
        vectors = self._model.encode(
            list(sentences), convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def _check_folder(folder: Path) -> Path:
    """The weights of a model folder, once it is sure that loading it runs no foreign code."""
    modules = folder / "modules.json"
    weights = folder / "model.safetensors"
    if not modules.is_file() or not weights.is_file():
        raise InputError(
            f"{folder} is not a sentence-transformers model with safetensors weights; expected modules.json and "
            "model.safetensors in it. Weights in pickle (pytorch_model.bin) are refused: convert them first."
        )
    try:
        kinds = [str(module["type"]) for module in json.loads(modules.read_text(encoding="utf-8"))]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{modules} is not what sentence-transformers writes: {error!r}.") from error
    foreign = [kind for kind in kinds if not kind.startswith("sentence_transformers.")]
    if foreign:
        raise InputError(
            f"{modules} asks to run {', '.join(foreign)}; only sentence-transformers' own modules are run."
        )
    return weights


class Conch:
    """The text tower of CONCH (Lu et al., Nature Medicine 2024), 512 numbers of unit length, as SurvPGC uses it."""

    name = "conch"
    dim = 512

    def __init__(self, weights: Path) -> None:
        install = "pip install git+https://github.com/mahmoodlab/CONCH (CC-BY-NC-ND 4.0, gated weights)"
        self._package = _package("conch.open_clip_custom", self.name, install)
        try:
            self._model, _ = self._package.create_model_from_pretrained("conch_ViT-B-16", str(weights))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InputError(
                f"CONCH cannot be loaded from {weights}: {error}. Expected its pytorch_model.bin."
            ) from error
        self._model.eval()
        self._tokenizer = self._package.get_tokenizer()
        self.revision = content_hash(weights)

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """(T, 512)."""
        import torch

        tokens = self._package.tokenize(texts=list(sentences), tokenizer=self._tokenizer)
        with torch.inference_mode():
            return self._model.encode_text(tokens).float().cpu().numpy()


class Musk:
    """The text tower of MUSK (Xiang et al., Nature 2025), 1,024 numbers of unit length.

    The folder holds the weights (`model.safetensors` or `musk.pth`) and the tokenizer (`tokenizer.spm`).
    """

    name = "musk"
    dim = 1024

    def __init__(self, folder: Path) -> None:
        install = "pip install git+https://github.com/lilab-stanford/MUSK (CC-BY-NC-ND 4.0, gated weights)"
        self._utils = _package("musk.utils", self.name, install)
        _package("musk.modeling", self.name, install)
        timm = _package("timm.models", self.name, "pip install survviz[encoders]")
        transformers = _package("transformers", self.name, "pip install survviz[encoders]")
        weights = next((folder / name for name in ("model.safetensors", "musk.pth") if (folder / name).is_file()), None)
        if weights is None or not (folder / "tokenizer.spm").is_file():
            raise InputError(
                f"{folder} is not a MUSK folder; expected model.safetensors (or musk.pth) and tokenizer.spm."
            )
        try:
            self._model = timm.create_model("musk_large_patch16_384", vocab_size=64010).eval()
            self._utils.load_model_and_may_interpolate(str(weights), self._model, "model|module", "")
            self._tokenizer = transformers.XLMRobertaTokenizer(str(folder / "tokenizer.spm"))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InputError(f"MUSK cannot be loaded from {folder}: {error}.") from error
        self.revision = content_hash(weights)

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """(T, 1024)."""
        import torch

        rows = []
        with torch.inference_mode():
            for sentence in sentences:
                ids, padding = self._utils.xlm_tokenizer(sentence, self._tokenizer, max_len=MAX_TOKENS)
                tokens, mask = torch.as_tensor(ids).reshape(1, -1), torch.as_tensor(padding).reshape(1, -1)
                output = self._model(text_description=tokens, padding_mask=mask, with_head=True, out_norm=True)
                rows.append(output[1].float().cpu().numpy()[0])
        return np.stack(rows)
