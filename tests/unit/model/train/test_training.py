import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from hounsfield.model.networks import NetworkSpec, export_scores
from hounsfield.model.train.fit import Sampler, predict, settle, train
from hounsfield.model.train.heads import HeadPlan, Purpose, Slices, draw_head, prepare, prepare_set
from hounsfield.model.train.package import keras_bytes
from hounsfield.model.train.recipe import STRIP, Recipe

TINY = Recipe(seed=5, steps=3, batch=8, network=NetworkSpec(shape=(32, 32, 2)))


def slices(count: int = 40) -> Slices:
    """Blobs: a positive has a bright square."""
    rng = np.random.default_rng(1)
    tensors = rng.normal(0, 0.1, (count, 32, 32, 2)).astype(np.float16)
    maps = np.zeros((count, 8, 8, 1), np.float16)
    positive = np.arange(count) % 2 == 1
    tensors[positive, 8:16, 8:16] += 1
    maps[positive, 2:4, 2:4] = 1
    return Slices(
        tensors=tensors,
        maps=maps,
        lesion_mm2=np.where(positive, 100.0, 0.0),
        brain_mm2=np.full(count, 9000.0),
        rules=np.zeros((count, 0), np.float32),
        heads=np.arange(count),
        kinds=positive.astype(np.int64),
    )


def test_two_trainings_with_one_seed_are_bit_equal() -> None:
    files = []
    for _ in range(2):
        settle(TINY.seed)
        files.append(keras_bytes(export_scores(train(slices(), TINY))))
    assert files[0] == files[1]
    members = zipfile.ZipFile(io.BytesIO(files[0])).namelist()
    assert sorted(members) == ["config.json", "metadata.json", "model.weights.h5"]


def test_training_learns_what_is_easy() -> None:
    settle(1)
    seen: list[tuple[int, float]] = []
    recipe = replace(TINY, steps=60, batch=16)
    model = train(slices(), recipe, lambda step, loss: seen.append((step, loss)), every=20)
    assert [step for step, _ in seen] == [20, 40, 60]
    assert seen[-1][1] < seen[0][1]
    scores = predict(model, slices().tensors)[:, 0]
    truth = slices().lesion_mm2 > 0
    assert scores[truth].mean() > scores[~truth].mean() + 0.2


def test_half_of_a_batch_is_positive_and_traces_of_blood_are_left_out() -> None:
    given = slices()
    given.lesion_mm2[:10] = 5.0
    sampler = Sampler(given, 16, 1)
    tensors, labels, maps = sampler.draw()
    assert tensors.shape == (16, 32, 32, 2)
    assert labels.sum() == 8
    assert (maps[:8].sum(axis=(1, 2, 3)) > 0).all()
    assert not maps[8:].any()


def test_the_map_moves_with_the_slice() -> None:
    sampler = Sampler(slices(), 64, 2)
    for _ in range(4):
        tensors, _, maps = sampler.draw()
        for tensor, lesion in zip(tensors[:32], maps[:32], strict=True):
            bright = tensor[..., 0].reshape(8, 4, 8, 4).mean(axis=(1, 3)) > 0.5
            assert np.array_equal(bright, lesion[..., 0] > 0.5)


def test_a_set_with_one_class_is_refused() -> None:
    given = slices()
    given.lesion_mm2[:] = 0
    with pytest.raises(ValueError, match="with and without"):
        Sampler(given, 8, 1)


def test_a_head_is_the_same_in_whatever_process_it_is_drawn() -> None:
    plans = [HeadPlan(Purpose.HARD, number, 3) for number in range(2)]
    here, there = (list(prepare_set(plans, STRIP, processes)) for processes in (1, 2))
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(one.tensors, other.tensors)
        assert np.array_equal(one.rules, other.rules)


def test_no_head_is_in_two_sets() -> None:
    heads = [draw_head(HeadPlan(purpose, 0, 1))[0] for purpose in Purpose]
    means = {float(head.hu.mean()) for head in heads}
    assert len(means) == len(Purpose)


def test_the_lesion_map_lies_where_the_lesion_is() -> None:
    for number in range(12):
        given = prepare(HeadPlan(Purpose.TRAINING, number, 2), STRIP)
        large = given.lesion_mm2 > 600
        if large.any():
            break
    cells = given.maps[large].astype(np.float32)
    shares = cells.sum(axis=(1, 2, 3)) * (240 / cells.shape[1]) ** 2
    assert np.allclose(shares, given.lesion_mm2[large], rtol=0.1)
    assert given.rules.shape == (len(given.heads), 0)
