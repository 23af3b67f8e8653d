"""CMTA against its parts put together by hand, torch's own cross-attention, and what it says of missing modalities."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from survviz.errors import InputError
from survviz.models import create_model
from survviz.models.blocks import MultiheadCrossAttention
from survviz.models.cmta import Cmta
from tests.models.small import batch, one, small_model, without


def model() -> Cmta:
    found = small_model("cmta")
    assert isinstance(found, Cmta)
    return found.double()


def double_batch(cmta: Cmta, patches: tuple[int, ...]):
    inputs = batch(cmta, patches)
    return type(inputs)(
        inputs.patches.double(), inputs.patch_mask, {}, {"rna": inputs.vectors["rna"].double()}, inputs.present
    )


def torch_attention(block: MultiheadCrossAttention) -> nn.MultiheadAttention:
    """torch's layer with the same weights."""
    found = nn.MultiheadAttention(block.out_proj.in_features, 1, batch_first=True).double()
    found.load_state_dict(block.state_dict())
    return found.eval()


def test_one_case_is_its_parts_in_a_row() -> None:
    """Seven patches: a square of nine, whose last two are the first two."""
    cmta = model()
    inputs = double_batch(cmta, (7,))
    output = cmta(inputs, attention=True)

    patches = cmta.project_patches(inputs.patches)
    patches = torch.cat([patches, patches[:, :2]], dim=1)
    families = cmta.project_families(inputs.vectors["rna"])
    on_square = torch.ones(1, 9, dtype=torch.bool), torch.tensor([3])
    every = (torch.ones(1, 3, dtype=torch.bool),)
    p, g = cmta.encode_pathology(patches, *on_square)[0], cmta.encode_genomic(families, *every)[0]
    p_class, p, g_class, g = p[:, 0], p[:, 1:], g[:, 0], g[:, 1:]
    p_in_g, from_patches = torch_attention(cmta.patches_ask)(p, g, g)
    g_in_p, to_patches = torch_attention(cmta.families_ask)(g, p, p)
    p_new = cmta.decode_pathology(p_in_g, *on_square)[0][:, 0]
    g_new = cmta.decode_genomic(g_in_p, *every)[0][:, 0]
    fused = torch.cat([(p_class + p_new) / 2, (g_class + g_new) / 2], dim=-1)

    torch.testing.assert_close(output.logits, cmta.output_layer(cmta.hidden(fused)))
    expected = {"pathology": p_class, "genomic": g_class, "pathology|genomic": p_new, "genomic|pathology": g_new}
    assert tuple(output.embeddings) == tuple(expected)
    for name, value in expected.items():
        torch.testing.assert_close(output.embeddings[name], value)
    shares = to_patches[:, :, :7].clone()  # (1, T, N)
    shares[:, :, :2] += to_patches[:, :, 7:]
    torch.testing.assert_close(output.attention["genomic", "pathology"].logits[0].exp(), shares)
    back = output.attention["pathology", "genomic"].logits[0]
    torch.testing.assert_close(back.softmax(dim=-1), from_patches[:, :7])


@pytest.mark.parametrize("n_patches", [1, 2, 3, 5, 10])
def test_a_case_is_the_same_in_a_padded_batch(n_patches: int) -> None:
    cmta = model()
    inputs = double_batch(cmta, (n_patches, 26, 4))
    together, alone = cmta(inputs), cmta(one(inputs, 0))
    torch.testing.assert_close(together.logits[:1], alone.logits)
    for name, value in alone.embeddings.items():
        torch.testing.assert_close(together.embeddings[name][:1], value)


@pytest.mark.parametrize(("missing", "kept"), [("genomic", "pathology"), ("pathology", "genomic")])
def test_a_lone_modality_is_read_alone(missing, kept) -> None:
    cmta = model()
    inputs = double_batch(cmta, (7,))
    complete, lone = cmta(inputs), cmta(without(inputs, missing))
    torch.testing.assert_close(lone.embeddings[kept], complete.embeddings[kept])
    assert [name for name, value in lone.embeddings.items() if value.any()] == [kept]
    zero = torch.zeros_like(lone.embeddings[kept])
    parts = [lone.embeddings[kept], zero] if kept == "pathology" else [zero, lone.embeddings[kept]]
    torch.testing.assert_close(lone.logits, cmta.output_layer(cmta.hidden(torch.cat(parts, dim=-1))))


def test_genomic_tokens_may_be_precomputed() -> None:
    cmta = small_model("cmta", programmes=None)
    output = cmta(batch(cmta), attention=True)
    assert output.attention["genomic", "pathology"].logits.shape == (3, 1, 2, 9)


def test_the_towers_of_genes_have_no_positions() -> None:
    with torch.device("meta"):
        cmta = create_model("cmta")
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in cmta.named_children()}
    assert sizes == {
        "project_patches": 328_192,
        "project_families": 2_892_288,
        "encode_pathology": 549_136,
        "decode_pathology": 549_136,
        "encode_genomic": 527_120,
        "decode_genomic": 527_120,
        "patches_ask": 263_168,
        "families_ask": 263_168,
        "hidden": 197_120,
        "output_layer": 1_028,
    }


def test_one_modality_alone_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="for pathology alone use the model 'transmil'"):
        create_model("cmta", modalities=("pathology",))
