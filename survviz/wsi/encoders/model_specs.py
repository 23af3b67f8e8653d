"""What is known of each foundation model: architecture, arguments for timm, normalisation, size of the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Pooling = Literal["model", "class+mean"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """How to build and feed one model.

    Attributes:
        architecture: name in timm; empty if the weights come with a config that says it.
        arguments: for `timm.create_model`; `layers` are named and looked up in timm and torch when it is built.
        dim: size of the embedding; None if only the model itself can say.
        input_px: side to which a patch is resized.
        patch_px: side of the patches to cut at `mpp`.
        pooling: "model" takes what the model returns; "class+mean" joins the class token and the mean patch token.
        hub: where the authors publish it.
        licence: of the weights.
    """

    name: str
    architecture: str
    dim: int | None
    input_px: int = 224
    patch_px: int = 224
    mpp: float = 0.5
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    arguments: Mapping[str, object] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)
    pooling: Pooling = "model"
    hub: str = ""
    licence: str = ""


SWIGLU = {"mlp_layer": "timm.layers.SwiGLUPacked", "act_layer": "torch.nn.SiLU"}
RESTRICTED = "CC-BY-NC-ND 4.0, access on request"

SPECS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="uni",
            architecture="vit_large_patch16_224",
            dim=1024,
            patch_px=256,
            interpolation="bilinear",
            arguments={"img_size": 224, "patch_size": 16, "init_values": 1e-5, "dynamic_img_size": True},
            hub="MahmoodLab/UNI",
            licence=RESTRICTED,
        ),
        ModelSpec(
            name="uni2-h",
            architecture="vit_giant_patch14_224",
            dim=1536,
            patch_px=256,
            interpolation="bilinear",
            arguments={
                "img_size": 224,
                "patch_size": 14,
                "depth": 24,
                "num_heads": 24,
                "init_values": 1e-5,
                "embed_dim": 1536,
                "mlp_ratio": 2.66667 * 2,
                "no_embed_class": True,
                "reg_tokens": 8,
                "dynamic_img_size": True,
            },
            layers=SWIGLU,
            hub="MahmoodLab/UNI2-h",
            licence=RESTRICTED,
        ),
        ModelSpec(
            name="virchow2",
            architecture="vit_huge_patch14_224",
            dim=2560,
            arguments={
                "img_size": 224,
                "init_values": 1e-5,
                "reg_tokens": 4,
                "mlp_ratio": 5.3375,
                "global_pool": "",
                "dynamic_img_size": True,
            },
            layers=SWIGLU,
            pooling="class+mean",
            hub="paige-ai/Virchow2",
            licence=RESTRICTED,
        ),
        ModelSpec(
            name="h-optimus-0",
            architecture="vit_giant_patch14_reg4_dinov2",
            dim=1536,
            mean=(0.707223, 0.578729, 0.703617),
            std=(0.211883, 0.230117, 0.177517),
            arguments={"img_size": 224, "init_values": 1e-5, "dynamic_img_size": False},
            hub="bioptimus/H-optimus-0",
            licence="Apache-2.0, access on request",
        ),
    )
}

GENERIC = ModelSpec(name="timm", architecture="", dim=None)
"""Any timm model: everything else comes from its config.json."""

CONCH_REASON = (
    "CONCH's image tower ends in an attention pooler of its own code base, which timm does not have, so survviz cannot "
    "load it. Extract patch features with TRIDENT (encoder conch_v1) and give survviz the h5 files: it reads them."
)
