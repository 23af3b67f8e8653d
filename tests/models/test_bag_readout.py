"""The narrow form of SurvPGC's reading of a bag equals the layers one after another, and so do single cases a batch."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from survviz.models import create_model
from survviz.models.blocks import BagReadout, PartialCrossAttention, centred, feed_forward, masked_mean
from survviz.models.blocks.bag_dropout import BagDropout
from survviz.models.case_by_case import LARGE, bags_of
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


def test_paths_together_equal_each_path_and_its_layers_one_after_another_with_the_same_gradients() -> None:
    paths, tokens, patches, mask = paths_and_patches()
    read, norm = feed_forward(8, 0.0).double(), torch.nn.LayerNorm(8).double()
    for one in (read[0], norm):
        torch.nn.init.normal_(one.weight)
        torch.nn.init.normal_(one.bias)
    layer = torch.nn.Linear(16, 16).double()
    patches = functional.linear(patches, *centred(layer))
    leaves = [*layer.parameters(), *read.parameters(), *norm.parameters()]
    leaves += [parameter for path in paths for parameter in path.parameters()]
    pieces = [(patches[:1], mask[:1]), (patches[1:, :4], mask[1:, :4])]
    for found in (
        BagReadout(paths, tokens, read, norm).read([(patches, mask)], [2], attention=True),
        BagReadout(paths, tokens, read, norm).read(pieces, [1, 1]),
    ):
        loss, expected_loss = torch.zeros(()), torch.zeros(())
        for path, own, one in zip(paths, tokens, found, strict=True):
            new_tokens, new_patches, to_patches, from_patches = path(own, patches, mask)
            torch.testing.assert_close(one.tokens, new_tokens)
            readout = masked_mean(norm(read(new_patches)), mask)
            torch.testing.assert_close(one.readout, readout)
            if one.to_patches is not None:
                torch.testing.assert_close(one.to_patches, to_patches)
                torch.testing.assert_close(one.from_patches, from_patches)
            loss = loss + one.tokens.square().sum() + one.readout.square().sum()
            expected_loss = expected_loss + new_tokens.square().sum() + readout.square().sum()
        grads, expected = (torch.autograd.grad(one, leaves, retain_graph=True) for one in (loss, expected_loss))
        for one, other in zip(grads, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_a_bag_without_patches_reads_as_zero() -> None:
    paths, tokens, patches, mask = paths_and_patches()
    mask[0] = False
    read, norm = feed_forward(8, 0.0).double(), torch.nn.LayerNorm(8).double()
    for one in BagReadout(paths, tokens, read, norm).read([(patches, mask)], [2]):
        assert (one.readout[0] == 0).all()
        assert (one.readout[1] != 0).any()


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


def test_large_bags_computed_one_by_one_equal_the_batch() -> None:
    """Larger than the limit; one case has no patch, one has gaps between its patches."""
    inputs = batch((3000, 1, 0, 1500), 1024)
    inputs.patch_mask[3, ::7] = False
    assert inputs.patches.numel() > LARGE
    assert [bag.shape[1] for bag, _ in bags_of(inputs)] == [3000, 1, 1, 1500]
    model = create_model("survpgc").eval()
    with torch.inference_mode():
        whole, found = model(inputs, attention=True), model(inputs)
    torch.testing.assert_close(found.logits, whole.logits, atol=1e-5, rtol=0)
    for name, values in whole.embeddings.items():
        torch.testing.assert_close(found.embeddings[name], values, atol=1e-5, rtol=0)


def test_small_bags_are_computed_together() -> None:
    inputs = batch((5, 0, 3), 4)
    assert [bag.shape for bag, _ in bags_of(inputs)] == [(3, 5, 4)]
