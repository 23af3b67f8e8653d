"""What the systems of bilinear and low-rank fusion promise beyond the contract of every model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from survviz.errors import InputError
from survviz.models import create_model
from survviz.models.bilinear import Bilinear
from survviz.models.ca_mlif import CaMlif
from survviz.models.gpdbn import Gpdbn
from survviz.models.hfbsurv import HfbSurv
from survviz.types import Modality
from tests.models.small import batch, one, small_model, without

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def count(name: str, **config: Any) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in create_model(name, **config).parameters())


@pytest.mark.parametrize(
    ("gated", "skip", "expected"),
    [
        (("pathology", "genomic"), False, 143_809),
        (("pathology", "genomic"), True, 148_033),
        (("pathology",), False, 109_953),
        ((), False, 76_097),
        ((), True, 80_321),
    ],
)
def test_pathomic_fusion_has_its_table_of_sizes(gated: tuple[Modality, ...], skip: bool, expected: int) -> None:
    """The omic network alone has 26,321 with its own head, as in the paper's single-modality baseline."""
    assert count("pathomic-fusion", gated=gated, skip=skip) == expected + 26_288
    assert count("pathomic-fusion", modalities=("genomic",)) == 26_321


@pytest.mark.parametrize(("config", "expected"), [({}, 3_741_865), ({"variant": "released"}, 2_375_585)])
def test_ca_mlif_has_the_size_that_its_docstring_says(config: dict[str, Any], expected: int) -> None:
    assert count("ca-mlif", **config) == expected


@pytest.mark.parametrize(
    ("modalities", "width"),
    [
        (("pathology",), 512),
        (("pathology", "clinical"), 32),
        (("pathology", "genomic"), 64),
        (("genomic", "clinical"), 32),
        (("pathology", "genomic", "clinical"), 128),
    ],
)
def test_ablations_of_the_bilinear_model_have_the_published_heads(modalities: tuple[Modality, ...], width: int) -> None:
    with torch.device("meta"):
        model = create_model("bilinear", modalities=modalities)
    assert model.output_layer.in_features == width


def test_pairs_without_a_member_are_dropped_and_the_rest_scaled_up() -> None:
    model = small_model("bilinear", seed=1)
    assert isinstance(model, Bilinear)
    inputs = batch(model)
    whole, partial = model(inputs), model(without(inputs, "genomic"))
    pair = whole.embeddings["pathology|clinical"]
    torch.testing.assert_close(partial.embeddings["pathology|clinical"], 3 * pair)
    zeros = torch.zeros_like
    pieces = [zeros(whole.embeddings["pathology|genomic"]), 3 * pair, zeros(whole.embeddings["genomic|clinical"])]
    torch.testing.assert_close(partial.logits, model.output_layer(torch.cat(pieces, dim=1)), **CLOSE)


def test_one_modality_alone_is_uninformed_unless_the_residual_layer_is_on() -> None:
    for residual in (False, True):
        model = small_model("bilinear", residual=residual)
        risks = model(without(batch(model, (4, 5, 6)), "genomic", "clinical")).logits
        assert (risks.std() > 1e-4) == residual


def test_the_residual_layer_is_that_of_667_numbers() -> None:
    """ReLU(Linear(667 -> 128)), and a head on 256 numbers."""
    assert count("bilinear", residual=True) - count("bilinear") == 667 * 128 + 128 + 128


def test_gpdbn_is_its_products_case_by_case() -> None:
    model = small_model("gpdbn", n_genes=16, d_patch=16)
    assert isinstance(model, Gpdbn)
    inputs = batch(model)
    found = model(inputs)
    for row in range(3):
        case = one(inputs, row)
        vectors = {"genomic": case.vectors["rna"][0], "pathology": case.patches[0].mean(dim=0)}
        joined = list(vectors.values())
        for first, second in (("genomic", "genomic"), ("genomic", "pathology"), ("pathology", "pathology")):
            products = torch.stack([a * b for a in vectors[first] for b in vectors[second]])
            joined.append(model.products[f"{first} {second}"](products))
        expected = model.output_layer(model.encode(torch.cat(joined)))
        torch.testing.assert_close(found.logits[row], expected, **CLOSE)


def test_each_branch_of_hfbsurv_weighs_its_own_features() -> None:
    """The release's copy-number branch weighed those of the genes."""
    model = small_model("hfbsurv")
    assert isinstance(model, HfbSurv)
    inputs, other = batch(model), batch(model, seed=3)
    changed = model(replace(inputs, vectors={**inputs.vectors, "cnv": other.vectors["cnv"]}))
    first = model(inputs)
    moved = {name for name, value in changed.embeddings.items() if not torch.equal(value, first.embeddings[name])}
    assert {"genomic", "pathology"}.isdisjoint(moved)
    assert {"cnv", "genomic|cnv", "pathology|cnv", "fused"} <= moved


def test_pair_shares_of_hfbsurv_sum_to_one_over_the_pairs_present() -> None:
    """Each pair's term has length one before its share."""
    model = small_model("hfbsurv")
    inputs = without(batch(model), "cnv", row=1)
    embeddings = model(inputs).embeddings
    lengths = sum(embeddings[name].norm(dim=1) for name in ("genomic|pathology", "genomic|cnv", "pathology|cnv"))
    torch.testing.assert_close(lengths, torch.ones(3), **CLOSE)


def test_pg_mlif_fuses_low_rank_whatever_the_batch() -> None:
    """The released weights belonged to places in a batch of 32; 32 equal cases have one risk, as one has."""
    model = small_model("pg-mlif")
    case = one(batch(model), 0)
    many = type(case)(
        case.patches.expand(32, -1, -1),
        case.patch_mask.expand(32, -1),
        {},
        {name: value.expand(32, -1) for name, value in case.vectors.items()},
    )
    torch.testing.assert_close(model(many).logits, model(case).logits.expand(32, -1), **CLOSE)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_ca_mlif_aligns_each_class_token_with_its_second(variant: str) -> None:
    model = small_model("ca-mlif", variant=variant)
    assert [(term.kind, term.weight) for term in model.auxiliary] == [("l1", 0.5)] * 2
    assert [(*term.first, *term.second) for term in model.auxiliary] == [
        ("pathology", "pathology|genomic"),
        ("genomic", "genomic|pathology"),
    ]


def test_ca_mlif_has_a_map_of_patches_only_where_it_pools_them() -> None:
    assert [attends.direction for attends in small_model("ca-mlif").attends] == [("case", "pathology")]
    assert small_model("ca-mlif", pathology="regions").attends == ()


def test_the_second_class_token_reads_the_other_modality() -> None:
    for variant in ("paper", "released"):
        model = small_model("ca-mlif", variant=variant)
        assert isinstance(model, CaMlif)
        inputs, other = batch(model), batch(model, seed=3)
        changed = model(replace(inputs, vectors={**inputs.vectors, "rna": other.vectors["rna"]}))
        first = model(inputs)
        assert torch.equal(changed.embeddings["pathology"], first.embeddings["pathology"])
        assert not torch.allclose(changed.embeddings["pathology|genomic"], first.embeddings["pathology|genomic"])


def test_ca_mlif_says_in_words_what_it_cannot_be() -> None:
    with pytest.raises(InputError, match="needs pathology or genomic tokens"):
        create_model("ca-mlif", modalities=("clinical",))
    with pytest.raises(InputError, match="3 heads do not divide a width of 16"):
        create_model("ca-mlif", d_embed=16, heads=3)
