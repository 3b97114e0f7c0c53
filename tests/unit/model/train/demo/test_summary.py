from pathlib import Path

import numpy as np
import pytest

from hounsfield.model.data.brightness import RULES, brightness
from hounsfield.model.data.phantoms import LABELS, HeadPlan, Purpose, prepare_phantoms, truth
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.scoring import beside_truth
from hounsfield.model.phantom import PhantomSpec, render
from hounsfield.model.train.demo.recipe import STRIP
from hounsfield.model.train.demo.summary import Point, choose_points, summarise


def given(heads: int = 40, seed: int = 0) -> Scored:
    """Heads of six slices; every second one bleeds into three of them, from one of two kinds."""
    rng = np.random.default_rng(seed)
    head = np.repeat(np.arange(heads), 6)
    lesion = np.zeros((len(head), 3))
    bleeding = (head % 2 == 1) & (np.tile(np.arange(6), heads) < 3)
    lesion[bleeding, 0] = 200.0
    lesion[bleeding, 1 + head[bleeding] // 2 % 2] = 200.0
    own = truth(lesion)
    series = truth(np.stack([lesion[head == one].max(axis=0) for one in range(heads)]))
    names = np.array([f"h{one}" for one in range(heads)])
    return Scored(
        labels=("any", "one", "other"),
        truth=own,
        scores=np.clip(rng.normal(0.2 + 0.5 * own, 0.1), 0, 1).astype(np.float32),
        series=head.astype(np.int32),
        names=np.array([f"s{k}" for k in range(len(head))]),
        series_key=names,
        series_truth=series,
        series_scores=np.clip(rng.normal(0.2 + 0.5 * series, 0.1), 0, 1).astype(np.float32),
        patient=names,
        scanner=np.full(heads, ""),
    )


def rules(of: Scored) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The third rule is the best one."""
    rng, positive = np.random.default_rng(9), of.truth[:, 0]
    return np.stack([rng.normal(positive, 1.5 if k == 2 else 3.0) for k in range(len(RULES))], axis=1).astype(
        np.float32
    )


def test_the_best_rule_is_named_and_the_gain_is_against_it() -> None:
    this = given()
    point = choose_points(given(seed=1), 0.95)[0]
    summary = summarise(this, rules(this), point)
    assert summary.best_rule == RULES[2]
    assert summary.gain.value == pytest.approx(summary.slice_auc.value - summary.best_rule_auc.value)
    assert summary.slice_auc.value > 0.95
    assert summary.series_sensitivity.value > 0.8
    assert 0 < summary.slice_ece < 0.4
    numbers = summary.numbers()
    assert numbers["slices"] == 240
    assert numbers["slice_auc"] == summary.slice_auc.rounded()
    assert numbers["series_auc_other"] == summary.series_aucs["other"].rounded()


def test_a_kind_that_was_not_drawn_has_no_figure() -> None:
    this = given()
    none = np.where(np.arange(3) == 2, 0, this.truth).astype(np.float32)
    one = Scored(**{name: getattr(this, name) for name in Scored.__slots__} | {"truth": none})
    numbers = summarise(one, rules(this), Point(0.5, 0.5)).numbers()
    assert "slice_auc_one" in numbers
    assert "slice_auc_other" not in numbers


def test_thresholds_come_from_the_validation_set() -> None:
    validation = given(seed=2)
    points = choose_points(validation, 0.9)
    assert len(points) == 3
    for label, point in enumerate(points):
        negative = validation.series_truth[:, label] == 0
        assert (validation.series_scores[negative, label] < point.series).mean() >= 0.9


def test_slices_with_a_trace_of_blood_or_little_brain_are_not_counted(tmp_path: Path) -> None:
    data = prepare_phantoms(tmp_path / "set", [HeadPlan(Purpose.TEST, 1, 1)], STRIP)
    count = data.about.slices
    this = beside_truth(data, np.full((count, 6), 0.5, np.float32), np.full((1, 6), 0.5, np.float32))
    known, areas = np.isfinite(this.truth[:, 0]), data.index.extra["lesion_mm2"][:, 0]
    assert this.labels == LABELS
    assert not known[(areas > 0) & (areas < 30)].any()
    assert not known[data.index.extra["brain_mm2"] < 1500].any()
    assert known[(areas == 0) & (data.index.extra["brain_mm2"] > 1500)].all()


def test_brightness_rules_rise_with_a_clot() -> None:
    phantom = render(PhantomSpec(seed=6, matrix=128))
    spacing = phantom.spacing_mm[1:]
    index = int(phantom.brain.sum(axis=(1, 2)).argmax())
    rows, columns = np.nonzero(phantom.brain[index])
    bloody = phantom.hu[index].copy()
    row, column = int(np.median(rows)), int(np.median(columns)) + 12
    bloody[row - 8 : row + 8, column - 8 : column + 8] = 70
    before, after = brightness(phantom.hu[index], spacing), brightness(bloody, spacing)
    assert len(before) == len(RULES)
    assert (after[[0, 1, 2, 4, 5]] > before[[0, 1, 2, 4, 5]]).all()


def test_a_slice_without_brain_is_not_bright() -> None:
    assert not brightness(np.full((64, 64), -1000, np.int16), (3.0, 3.0)).any()
