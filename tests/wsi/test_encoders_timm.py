"""Foundation models: published sizes, local weights, own normalisation, and clear words when something is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from survviz.errors import InputError
from survviz.wsi.encoders import EMBEDDED, Encoder, create_encoder, list_encoders
from survviz.wsi.encoders.model_specs import SPECS, ModelSpec
from survviz.wsi.encoders.timm_encoder import TimmEncoder, build, spec_from_config


@pytest.fixture(scope="module")
def timm() -> Iterator[Any]:
    """timm beside a CPU torch: torchvision's PyPI wheel wants two operator schemas declared first."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision" and "timm" not in sys.modules]:
        del sys.modules[name]  # left behind by an import that failed
    try:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:  # declared already, or a torchvision with its operators is installed
        library = None
    import timm

    yield timm
    del library


TINY = {"img_size": 64, "embed_dim": 48, "depth": 2, "num_heads": 3, "patch_size": 16}


def save_model(timm: Any, folder: Path, *, num_classes: int = 0, **arguments: Any) -> Path:
    """A small random ViT in timm's own layout."""
    torch.manual_seed(0)
    arguments = TINY | arguments
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=num_classes, **arguments)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": num_classes,
        "model_args": arguments,
        "pretrained_cfg": {
            "input_size": [3, 64, 64],
            "mean": [0.7, 0.6, 0.7],
            "std": [0.2, 0.25, 0.2],
            "interpolation": "bilinear",
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def folder(timm: Any, tmp_path: Path) -> Path:
    return save_model(timm, tmp_path / "vit")


def patches(n: int = 3, side: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "millions"), [("uni", 303), ("uni2-h", 681), ("virchow2", 632), ("h-optimus-0", 1135)]
)
def test_architecture_has_the_published_number_of_weights(timm: Any, name: str, millions: int) -> None:
    with torch.device("meta"):
        model = build(SPECS[name])
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.005)


@pytest.mark.parametrize("name", SPECS)
def test_embedding_has_the_published_size(timm: Any, name: str) -> None:
    spec = SPECS[name]
    with torch.device("meta"):
        model = build(spec).eval()
        output = model(torch.empty(1, 3, spec.input_px, spec.input_px))
    encoder = TimmEncoder.__new__(TimmEncoder)
    encoder.spec, encoder.model = spec, model
    assert encoder.pool(output).shape == (1, spec.dim)


def test_local_model_gives_what_timm_gives(timm: Any, folder: Path) -> None:
    encoder = create_encoder("timm", weights=folder)
    assert isinstance(encoder, Encoder)
    assert (encoder.dim, encoder.patch_px, encoder.mpp, encoder.feature_names) == (48, 64, 0.5, None)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0, **TINY).eval()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    images = torch.from_numpy(patches()).permute(0, 3, 1, 2) / 255
    images = (images - torch.tensor([0.7, 0.6, 0.7]).view(3, 1, 1)) / torch.tensor([0.2, 0.25, 0.2]).view(3, 1, 1)
    with torch.inference_mode():
        expected = model(images).numpy()
    np.testing.assert_allclose(encoder.encode(patches()), expected, atol=1e-5)


def test_value_does_not_depend_on_the_batch(folder: Path) -> None:
    encoder = create_encoder("timm", weights=folder)
    together = encoder.encode(patches(5))
    alone = np.concatenate([encoder.encode(patch[None]) for patch in patches(5)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together.dtype == np.float32


def test_patches_of_another_size_are_resized(folder: Path) -> None:
    encoder = create_encoder("timm", weights=folder)
    flat = np.full((1, 100, 100, 3), 130, np.uint8)
    np.testing.assert_allclose(encoder.encode(flat), encoder.encode(flat[:, :64, :64]), atol=1e-5)


def test_empty_batch_gives_no_rows(folder: Path) -> None:
    encoder = create_encoder("timm", weights=folder)
    assert encoder.encode(patches(0)).shape == (0, 48)


def test_classifier_in_the_file_is_left_out(timm: Any, tmp_path: Path) -> None:
    encoder = create_encoder("timm", weights=save_model(timm, tmp_path / "head", num_classes=7))
    assert encoder.dim == 48


def test_class_and_mean_token_are_joined(timm: Any, tmp_path: Path) -> None:
    arguments = {**TINY, "global_pool": "", "reg_tokens": 4}
    folder = save_model(timm, tmp_path / "tokens", **{"global_pool": "", "reg_tokens": 4})
    spec = ModelSpec(
        name="tiny2",
        architecture="vit_tiny_patch16_224",
        dim=96,
        input_px=64,
        arguments=arguments,
        pooling="class+mean",
        hub="A/B",
    )
    encoder = TimmEncoder(spec, folder)
    tokens = encoder.model(encoder.prepare(patches(1)))
    assert tokens.shape == (1, 1 + 4 + 16, 48)
    expected = torch.cat([tokens[0, 0], tokens[0, 5:].mean(0)]).numpy()
    np.testing.assert_allclose(encoder.encode(patches(1))[0], expected, atol=1e-6)


def test_wrong_embedding_size_is_refused(folder: Path) -> None:
    spec = ModelSpec("tiny3", "vit_tiny_patch16_224", 1024, input_px=64, arguments=TINY, hub="A/B")
    with pytest.raises(InputError, match="expected 1024"):
        TimmEncoder(spec, folder)


def test_revision_follows_the_weights(timm: Any, folder: Path, tmp_path: Path) -> None:
    first = create_encoder("timm", weights=folder).revision
    assert len(first) == 12
    assert first == create_encoder("timm", weights=folder / "model.safetensors").revision
    state = load_file(folder / "model.safetensors")
    state["norm.bias"] = state["norm.bias"] + 1
    save_file(state, folder / "model.safetensors")
    assert create_encoder("timm", weights=folder).revision != first


@pytest.mark.parametrize("name", [name for name in list_encoders() if name not in EMBEDDED])
def test_every_foundation_model_says_what_it_needs(name: str) -> None:
    with pytest.raises(InputError, match="needs weights"):
        create_encoder(name)


def test_other_weights_under_a_known_name_are_refused(folder: Path) -> None:
    small = replace(SPECS["uni"], arguments={**TINY, "embed_dim": 96})
    with pytest.raises(InputError, match="does not fit"):
        TimmEncoder(small, folder)


def test_pickled_weights_are_refused_with_the_way_out(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin.*weights_only=True"):
        create_encoder("timm", weights=folder)


def test_missing_folder_is_named() -> None:
    with pytest.raises(InputError, match="nowhere"):
        create_encoder("uni", weights="nowhere")


def test_damaged_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(InputError, match="safetensors"):
        create_encoder("timm", weights=folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "no_such_net"}, "no architecture"),
        ({"architecture": 3}, "names no timm architecture"),
        ({"model_args": {"checkpoint_path": "/etc/passwd"}}, "checkpoint_path"),
        ({"model_args": {"no_such": 1}}, "cannot build"),
        ({"pretrained_cfg": {"std": [0, 1, 1], "mean": [0, 0, 0]}}, "do not describe"),
    ],
)
def test_bad_config_is_refused(folder: Path, change: dict[str, Any], message: str) -> None:
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=message):
        create_encoder("timm", weights=folder)


def test_generic_model_without_config_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json"):
        create_encoder("timm", weights=folder)


def test_flat_config_is_understood() -> None:
    spec = spec_from_config(
        ModelSpec("timm", "", None), {"architecture": "vit_tiny_patch16_224", "mean": [0, 0, 0], "std": [1, 1, 1]}
    )
    assert (spec.mean, spec.input_px) == ((0, 0, 0), 224)


def test_missing_timm_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"survviz\[encoders\]"):
        create_encoder("timm", weights=folder)


def test_conch_says_why_and_what_to_do_instead() -> None:
    with pytest.raises(InputError, match="TRIDENT"):
        create_encoder("conch")


def test_wrong_patches_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="uint8"):
        create_encoder("timm", weights=folder).encode(np.zeros((1, 64, 64, 3), np.float32))
