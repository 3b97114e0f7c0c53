import numpy as np
import pytest

from hounsfield.model.evaluate.brightness import RULES, brightness
from hounsfield.model.evaluate.summary import OperatingPoint, ScoredSet, by_series, choose_thresholds, summarise
from hounsfield.model.phantom import PhantomSpec, render


def scored(heads: int = 40, seed: int = 0) -> ScoredSet:
    """Heads of six slices; every second one bleeds into three of them."""
    rng = np.random.default_rng(seed)
    head = np.repeat(np.arange(heads), 6)
    bleeding = head % 2 == 1
    lesion = np.where(bleeding & (np.tile(np.arange(6), heads) < 3), 200.0, 0.0)
    scores = np.clip(rng.normal(0.2 + 0.5 * (lesion > 0), 0.1), 0, 1).astype(np.float32)
    rules = np.stack([rng.normal(lesion > 0, 3.0), rng.normal(lesion > 0, 1.5)], axis=1).astype(np.float32)
    return ScoredSet(
        scores=scores,
        lesion_mm2=lesion,
        brain_mm2=np.full(len(head), 9000.0),
        rules=rules,
        heads=head,
        kinds=np.where(bleeding, 1 + head % 5, 0),
    )


def test_slices_with_a_trace_of_blood_or_little_brain_are_not_counted() -> None:
    whole = scored()
    lesion, brain = whole.lesion_mm2.copy(), whole.brain_mm2.copy()
    lesion[0], brain[1] = 29.0, 100.0
    part = ScoredSet(
        scores=whole.scores, lesion_mm2=lesion, brain_mm2=brain, rules=whole.rules, heads=whole.heads, kinds=whole.kinds
    )
    assert len(part.counted().scores) == len(whole.scores) - 2


def test_a_series_is_the_mean_of_its_highest_slices() -> None:
    given = scored()
    series = by_series(given, "top-3-mean")
    own = np.sort(given.scores[given.heads == 3])[-3:]
    assert series.scores[3] == pytest.approx(own.mean(), abs=1e-6)
    assert series.truth.tolist() == [False, True] * 20


def test_the_best_rule_is_named_and_the_gain_is_against_it() -> None:
    given = scored()
    point = choose_thresholds(scored(seed=1), "top-3-mean", 0.95)
    summary = summarise(given, ("worse", "better"), "top-3-mean", point)
    assert summary.best_rule == "better"
    assert summary.gain.value == pytest.approx(summary.slice_auc.value - summary.best_rule_auc.value)
    assert summary.slice_auc.value > 0.95
    assert summary.series_sensitivity.value > 0.8
    assert set(summary.kind_sensitivity) == set(np.unique(given.kinds[given.kinds > 0]).tolist())
    numbers = summary.numbers()
    assert numbers["slices"] == 240
    assert numbers["slice_auc"] == summary.slice_auc.rounded()


def test_thresholds_come_from_the_validation_set() -> None:
    validation = scored(seed=2)
    point = choose_thresholds(validation, "top-3-mean", 0.9)
    series = by_series(validation, "top-3-mean")
    assert (series.scores[~series.truth] < point.series).mean() >= 0.9
    assert isinstance(point, OperatingPoint)


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
