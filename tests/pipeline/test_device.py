"""What a machine says when a tensor does not fit."""

from __future__ import annotations

import pytest
import torch

from survviz.pipeline.device import ran_out_of_memory


def test_a_tensor_beyond_the_machine_is_known_as_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 55, dtype=torch.float32)
    assert ran_out_of_memory(caught.value)
    assert ran_out_of_memory(MemoryError())
    assert ran_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))


def test_another_mistake_is_not() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2) @ torch.ones(3)
    assert not ran_out_of_memory(caught.value)
