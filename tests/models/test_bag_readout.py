"""The narrow form of SurvPGC's reading of a bag equals the layers one after another, and so do single cases a batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from survviz.models import create_model
from survviz.models.blocks import (
    PartialCrossAttention,
    attend_together,
    feed_forward,
    masked_mean,
    mean_of_mixtures,
)
from survviz.models.blocks.dense import BagDropout
from survviz.models.case_by_case import LARGE, joined, pays_case_by_case, single_cases
from survviz.types import Inputs


def paths_and_patches() -> tuple[list[PartialCrossAttention], list[torch.Tensor], torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    paths = [PartialCrossAttention(16, 8).double() for _ in range(2)]
    for path in paths:
        torch.nn.init.normal_(path.norm.weight)
        torch.nn.init.normal_(path.norm.bias)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    tokens = [torch.randn(2, count, 16).double() for count in (3, 5)]
    return paths, tokens, torch.randn(2, 7, 16).double(), mask


def test_paths_together_equal_each_path_alone() -> None:
    paths, tokens, patches, mask = paths_and_patches()
    for path, own, found in zip(paths, tokens, attend_together(paths, tokens, patches, mask), strict=True):
        new_tokens, new_patches, to_patches, from_patches = path(own, patches, mask)
        torch.testing.assert_close(found.tokens, new_tokens)
        torch.testing.assert_close(found.shares @ found.values, new_patches)
        torch.testing.assert_close(found.to_patches, to_patches)
        torch.testing.assert_close(found.from_patches, from_patches)


def test_the_mean_of_mixtures_equals_its_layers_with_the_same_gradients() -> None:
    torch.manual_seed(0)
    read, norm = feed_forward(8, 0.0).double(), torch.nn.LayerNorm(8).double()
    for one in (read[0], norm):
        torch.nn.init.normal_(one.weight)
        torch.nn.init.normal_(one.bias)
    shares, values = torch.rand(2, 7, 3).double().requires_grad_(), torch.randn(2, 3, 8).double().requires_grad_()
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    narrow = mean_of_mixtures(shares, values, mask, read, norm)
    layers = masked_mean(norm(read(shares @ values)), mask)
    torch.testing.assert_close(narrow, layers)
    leaves = [shares, values, *read.parameters(), *norm.parameters()]
    for one, other in zip(
        torch.autograd.grad(narrow.square().sum(), leaves),
        torch.autograd.grad(layers.square().sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_bag_without_patches_reads_as_zero() -> None:
    read, norm = feed_forward(8, 0.0), torch.nn.LayerNorm(8)
    found = mean_of_mixtures(torch.rand(1, 3, 2), torch.randn(1, 2, 8), torch.zeros(1, 3, dtype=torch.bool), read, norm)
    assert (found == 0).all()


def test_bag_dropout_keeps_the_mean_and_the_rate() -> None:
    torch.manual_seed(0)
    dropped = BagDropout(0.1).train()(torch.ones(1001, 1003))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.1, abs=0.002)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.002)
    assert len(dropped.unique()) == 2
    torch.manual_seed(0)
    assert torch.equal(BagDropout(0.1).train()(torch.ones(1001, 1003)), dropped)
    assert torch.equal(BagDropout(0.1).eval()(dropped), dropped)


def batch(n_patches: tuple[int, ...], width: int) -> Inputs:
    random = torch.Generator().manual_seed(0)
    mask = torch.arange(max(n_patches)) < torch.tensor(n_patches).unsqueeze(1)
    n = len(n_patches)
    return Inputs(
        patches=torch.randn(n, max(n_patches), width, generator=random) * mask.unsqueeze(-1),
        patch_mask=mask,
        tokens={
            "clinical": torch.randn(n, 6, 512, generator=random),
            "genomic": torch.randn(n, 4, 768, generator=random),
        },
        present={name: torch.ones(n, dtype=torch.bool) for name in ("pathology", "clinical", "genomic")},
    )


def test_a_large_batch_computed_case_by_case_equals_the_batch() -> None:
    """Longer than the limit; one case has no patch, one has gaps between its patches."""
    inputs = batch((3000, 1, 0, 1500), 1024)
    inputs.patch_mask[3, ::7] = False
    assert inputs.patches.numel() > LARGE
    assert pays_case_by_case(inputs)
    model = create_model("survpgc").eval()
    with torch.inference_mode():
        whole, found = model(inputs, attention=True), model(inputs)
    torch.testing.assert_close(found.logits, whole.logits, atol=1e-5, rtol=0)
    for name, values in whole.embeddings.items():
        torch.testing.assert_close(found.embeddings[name], values, atol=1e-5, rtol=0)


def test_single_cases_lose_their_padding_only() -> None:
    inputs = batch((5, 0, 3), 4)
    lengths = [one.patches.shape[1] for one in single_cases(inputs)]
    assert lengths == [5, 1, 3]
    assert not pays_case_by_case(inputs)
    model = create_model("survpgc", d_patch=4).eval()
    with torch.inference_mode():
        found = joined([model(replace(one)) for one in single_cases(inputs)])
        torch.testing.assert_close(found.logits, model(inputs).logits, atol=1e-5, rtol=0)
