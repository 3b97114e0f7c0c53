from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.training_sets import PIXELS, blob, config_of, write_set

from hounsfield.model.errors import TrainingError
from hounsfield.model.train.batches import BagBatches, ClassWeights, SliceBatches, needs_bags, softmax_targets
from hounsfield.model.train.view import View

NAN = float("nan")


def slice_batches(tmp_path: Path, **training: Any) -> tuple[View, SliceBatches]:
    config = config_of(tmp_path / "p", training={"batch": 8} | training)
    view = View.of(write_set(tmp_path / "p", blob, 6), config.data)
    rows = np.arange(len(view.truth))
    return view, SliceBatches(view, rows, config.training, config.augmentation, softmax=False)


def test_a_batch_depends_on_seed_epoch_and_step_alone(tmp_path: Path) -> None:
    view, batches = slice_batches(tmp_path)
    config = config_of(tmp_path / "p", training={"batch": 8})
    again = SliceBatches(view, np.arange(36), config.training, config.augmentation, softmax=False)
    for epoch, step in ((1, 3), (0, 0), (1, 3)):
        one, other = batches.batch(epoch, step), again.batch(epoch, step)
        assert all(np.array_equal(a, b) for a, b in zip(one.arrays(), other.arrays(), strict=True))
    assert not np.array_equal(batches.batch(0, 0).images, batches.batch(1, 0).images)
    assert tuple(array.shape for array in batches.batch(0, 0).arrays()) == batches.shapes()


def test_an_epoch_sees_every_slice_once_and_a_longer_one_goes_round(tmp_path: Path) -> None:
    _, batches = slice_batches(tmp_path, batch=4, steps=18)
    order = [batches._order(0, turn) for turn in (0, 1)]
    assert sorted(order[0]) == sorted(order[1]) == list(range(36))
    assert order[0].tolist() != order[1].tolist()
    assert batches.batch(0, 17).images.shape == (4, PIXELS, PIXELS, 1)


def test_unknown_truth_weighs_nothing_and_both_sides_of_a_label_weigh_the_same() -> None:
    truth = np.array([[1, NAN], [0, 0], [0, 0], [0, 1], [NAN, NAN]], np.float32)
    weight = ClassWeights.of(truth, ("a", "b"), "auto").weigh(truth)
    assert (weight[np.isnan(truth)] == 0).all()
    for label in (0, 1):
        positive, negative = weight[truth[:, label] == 1, label].sum(), weight[truth[:, label] == 0, label].sum()
        assert positive == pytest.approx(negative)
    known = ~np.isnan(truth)
    assert weight[known].mean() == pytest.approx(1.0)
    plain = ClassWeights.of(truth, ("a", "b"), "none").weigh(truth)
    assert (plain[known] == 1).all()


def test_a_given_class_weight_counts_and_an_unknown_label_is_named() -> None:
    truth = np.array([[1], [0]], np.float32)
    weight = ClassWeights.of(truth, ("a",), {"a": 3.0}).weigh(truth)
    assert weight[0, 0] / weight[1, 0] == pytest.approx(3.0)
    with pytest.raises(TrainingError, match=r"class_weights\.b: no such label"):
        ClassWeights.of(truth, ("a",), {"b": 3.0})


def test_softmax_has_a_first_column_for_none_of_the_labels() -> None:
    truth = np.array([[0, 0], [0, 1], [NAN, 1]], np.float32)
    targets, weight = softmax_targets(truth, np.ones((3, 2), np.float32))
    assert targets.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert (weight[:2] > 0).all()
    assert (weight[2] == 0).all()


def test_series_with_labels_of_their_own_only_come_whole(tmp_path: Path) -> None:
    def unknown(number: int, rng: np.random.Generator) -> tuple[Any, Any]:
        tensors, truth = blob(number, rng)
        return tensors, np.full_like(truth, NAN)

    told = iter([(float(number % 2),) for number in range(6)])
    config = config_of(tmp_path / "p", training={"batch": 12}, augmentation={"flip": 0.0, "rotate_degrees": 0.0})
    view = View.of(write_set(tmp_path / "p", unknown, 6, series_truth=lambda _: next(told)), config.data)
    assert needs_bags(view, np.arange(36))
    bags = BagBatches(view, np.arange(6), config.training, config.augmentation, softmax=False)
    batch = bags.batch(0, 0)
    assert batch.bag_truth.shape == (2, 1)
    assert tuple(array.shape for array in batch.arrays()) == bags.shapes()
    # Each series counts once, by the highest score of its slices.
    assert (batch.bag_weight > 0).all()
    assert (batch.weight == 0).all()


def test_softmax_is_refused_where_slices_have_several_labels_or_none(tmp_path: Path) -> None:
    def both(number: int, rng: np.random.Generator) -> tuple[Any, Any]:
        tensors, truth = blob(number, rng)
        return tensors, np.repeat(truth, 2, axis=1)

    config = config_of(tmp_path / "p")
    view = View.of(write_set(tmp_path / "p", both, 4, labels=("a", "b")), config.data)
    with pytest.raises(TrainingError, match="several labels at once"):
        SliceBatches(view, np.arange(24), config.training, config.augmentation, softmax=True)
    with pytest.raises(TrainingError, match="needs labels of slices"):
        BagBatches(view, np.arange(4), config.training, config.augmentation, softmax=True)
