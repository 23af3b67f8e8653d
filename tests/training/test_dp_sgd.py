"""Steps of DP-SGD: whose gradient enters, how long it may be, what is added, and by what it is divided."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from survviz.errors import InputError, PrivacyError
from survviz.losses import discrete_nll
from survviz.models import Model, create_model
from survviz.models.inputs import random_inputs
from survviz.privacy.gaussian_vector import SCALE, rounded_gaussian
from survviz.privacy.stream import SecretStream, poisson_batch
from survviz.training.dp_sgd import MANY_PATCHES, DpSgd, Examples, check_private
from survviz.training.private_config import PrivateConfig

KEY = bytes(range(32))
N = 30
FIELDS = {"Age": (0,), "Sex": (1, 2), "Stage": (3, 4, 5)}
SMALL = {"d_embed": 8, "d_hidden": 8, "heads": 2, "dropout": 0.0, "n_bins": 3, "shortcut": True}
CONFIG = PrivateConfig.model_validate(
    {"patients": N, "batch": 15, "steps": 4, "clip": 0.5, "lr": 0.1, "warmup": 0, "threads": 1}
)


def network(**settings: object) -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return create_model("bilayer", clinical_fields=FIELDS, modalities=("clinical",), **{**SMALL, **settings})


@pytest.fixture(scope="module")
def examples() -> Examples:
    inputs = random_inputs(network().config.reads, (1,) * N, seed=5)
    random = torch.Generator().manual_seed(1)
    bins, events = torch.randint(3, (N,), generator=random), torch.rand(N, generator=random) < 0.5
    return Examples(tuple(f"P{i}" for i in range(N)), inputs, bins, events)


def run(examples: Examples, config: PrivateConfig = CONFIG, **given: object) -> DpSgd:
    settings = {"noise_multiplier": 1.0, "key": KEY, "seed": 0, **given}
    return DpSgd(network(), examples, config, **settings)  # pyright: ignore[reportArgumentType]


def released(examples: Examples, config: PrivateConfig = CONFIG, **given: object) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    run(examples, config, **given).run(lambda _, values: found.append(values))
    return found


def one_gradient(model: nn.Module, examples: Examples, row: int) -> np.ndarray:
    """The oracle: a patient alone, by plain autograd."""
    model = copy.deepcopy(model).train()
    one = examples.take([row])
    discrete_nll(model(one.inputs).logits, one.bin, one.event).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).double().numpy()


def drawn(step: int, n: int = N) -> np.ndarray:
    return np.flatnonzero(poisson_batch(n, CONFIG.sampling_rate, SecretStream(KEY, "batch", step)))


def test_the_sum_is_that_of_clipped_gradients_of_each_patient_alone(examples: Examples) -> None:
    expected = np.zeros(run(examples).size)
    for row in drawn(0):
        gradient = one_gradient(network(), examples, int(row))
        expected += gradient * min(1.0, CONFIG.clip / np.linalg.norm(gradient))
    np.testing.assert_allclose(released(examples, noise_multiplier=0.0)[0], expected, atol=1e-5)


def test_noise_is_the_exact_gaussian_of_the_key_on_the_lattice(examples: Examples) -> None:
    found, clean = released(examples)[0], released(examples, noise_multiplier=0.0)[0]
    step = CONFIG.clip / SCALE
    np.testing.assert_allclose(found / step, np.rint(found / step), atol=1e-6)
    noise = rounded_gaussian(len(found), SecretStream(KEY, "noise", 0))
    assert np.abs((found - clean) / step - noise).max() < len(drawn(0)) + 1  # rounding of each gradient


def test_no_patient_moves_the_sum_by_more_than_the_clipping_norm(examples: Examples) -> None:
    """The worst neighbour: one patient of the batch replaced by nobody."""
    rows = drawn(0)
    whole = released(examples)[0]
    for gone in rows[:5]:
        model, others = network(), [int(row) for row in rows if row != gone]
        rest = DpSgd(model, examples, CONFIG, noise_multiplier=1.0, key=KEY, seed=0)
        parts = sum(
            (g * min(1.0, CONFIG.clip / np.linalg.norm(g)) for g in (one_gradient(model, examples, r) for r in others)),
            start=np.zeros(rest.size),
        )
        noise = rounded_gaussian(rest.size, SecretStream(KEY, "noise", 0)) * CONFIG.clip / SCALE
        assert np.linalg.norm(whole - noise - parts) <= CONFIG.clip + 1e-3


def test_the_sum_is_divided_by_the_public_batch(examples: Examples) -> None:
    config = CONFIG.model_copy(update={"optimizer": "sgd", "momentum": 0.0, "steps": 1})
    before = torch.cat([p.detach().flatten() for p in network().parameters()]).numpy()
    job, seen = run(examples, config, noise_multiplier=0.0), []
    job.run(lambda _, values: seen.append(values))
    after = torch.cat([p.detach().flatten() for p in job.model.parameters()]).numpy()
    np.testing.assert_allclose(before - after, config.lr * seen[0] / config.batch, atol=1e-6)


def test_an_empty_batch_is_noise_alone(examples: Examples) -> None:
    nobody = examples.take([])
    found = released(nobody)
    noise = rounded_gaussian(len(found[0]), SecretStream(KEY, "noise", 0))
    np.testing.assert_allclose(found[0], noise * CONFIG.clip / SCALE, atol=1e-12)
    assert released(nobody, noise_multiplier=0.0)[0].max() == 0


def test_microbatches_change_nothing_but_rounding(examples: Examples) -> None:
    whole, small = released(examples), released(examples, CONFIG.model_copy(update={"microbatch": 4}))
    np.testing.assert_allclose(whole[0], small[0], atol=16 * CONFIG.clip / SCALE)


def test_who_stays_frozen_has_no_gradient(examples: Examples) -> None:
    model = network()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(("shortcut", "output_layer")))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    DpSgd(model, examples, CONFIG, noise_multiplier=1.0, key=KEY, seed=0).run()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"shortcut.clinical.weight", "output_layer.weight", "output_layer.bias"}


def test_a_resumed_run_draws_the_same_and_ends_at_the_same_bits(examples: Examples) -> None:
    whole = run(examples)
    whole.run()
    kept: dict[int, dict[str, torch.Tensor]] = {}
    first = run(examples)
    first.run(lambda step, _: kept.update({step: first.tensors()}))
    again = run(examples)
    again.restore(kept[2], 2)
    later: list[np.ndarray] = []
    again.run(lambda _, values: later.append(values))
    assert len(later) == 2
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_planted_canaries_are_drawn_and_clipped_like_patients(examples: Examples) -> None:
    job = run(examples, noise_multiplier=0.0)
    planted = np.zeros((40, job.size))
    planted[:, 0] = 100.0
    config = CONFIG.model_copy(update={"steps": 1})
    inside = int((poisson_batch(N + 40, CONFIG.sampling_rate, SecretStream(KEY, "batch", 0))[N:]).sum())
    alone = released(examples.take([]), config, noise_multiplier=0.0)[0]
    found = released(examples.take([]), config, noise_multiplier=0.0, planted=planted)[0]
    seen = poisson_batch(40, CONFIG.sampling_rate, SecretStream(KEY, "batch", 0)).sum()
    assert found[0] - alone[0] == pytest.approx(CONFIG.clip * seen)
    assert inside > 0
    with pytest.raises(PrivacyError, match="expected \\(m,"):
        run(examples, planted=planted[:, :3])


def test_a_cox_model_and_batchnorm_are_refused() -> None:
    with pytest.raises(InputError, match="couples patients"):
        check_private(network(output="log-hazard"))
    model = network()
    model.extra = nn.BatchNorm1d(3)
    with pytest.raises(InputError, match="Use LayerNorm"):
        check_private(model)
    for parameter in (silent := network()).parameters():
        parameter.requires_grad_(False)
    with pytest.raises(InputError, match="learns"):
        check_private(silent)


@pytest.mark.parametrize("name", ["patience", "choose_by", "loss", "auxiliary", "inner_val", "batch_size", "epochs"])
def test_what_looks_at_patients_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValidationError, match="not possible with a guarantee"):
        PrivateConfig.model_validate({"patients": 100, "batch": 10, name: 1})


def test_a_batch_of_more_than_everybody_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most as many"):
        PrivateConfig.model_validate({"patients": 10, "batch": 11})


def test_the_rate_is_public_whatever_the_number_of_patients(examples: Examples) -> None:
    half = examples.take(range(10))
    sizes = [
        int(poisson_batch(len(half), CONFIG.sampling_rate, SecretStream(KEY, "batch", step)).sum())
        for step in range(200)
    ]
    assert np.mean(sizes) == pytest.approx(10 * CONFIG.batch / CONFIG.patients, abs=4 * math.sqrt(2.5 / 200))


@pytest.mark.parametrize("longest", [MANY_PATCHES - 1, MANY_PATCHES + 40])
def test_bags_of_any_size_are_clipped_patient_by_patient(longest: int) -> None:
    """By hooks below, by a pass per patient above; padding and a patient without patches included."""

    def bags() -> Model:
        torch.manual_seed(3)
        return create_model("abmil", d_patch=6, d_embed=8, d_attention=4, dropout=0.0, n_bins=3)

    inputs = random_inputs(bags().config.reads, (longest, 20, longest - 3, 0, 7))
    examples = Examples(tuple("ABCDE"), inputs, torch.tensor([0, 1, 2, 0, 1]), torch.tensor([True, False] * 2 + [True]))
    config = CONFIG.model_copy(
        update={"model": "abmil", "modalities": ("pathology",), "patients": 5, "batch": 5, "steps": 1, "microbatch": 2}
    )
    expected = np.zeros(sum(p.numel() for p in bags().parameters()))
    for row in range(5):
        gradient = one_gradient(bags(), examples, row)
        expected += gradient * min(1.0, config.clip / np.linalg.norm(gradient))
    found: list[np.ndarray] = []
    sgd = DpSgd(bags(), examples, config, noise_multiplier=0.0, key=KEY, seed=0)
    sgd.run(lambda _, values: found.append(values))
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
