import dataclasses

import numpy as np
import pytest
from support.scored import scored_set

from hounsfield.model.errors import DataError
from hounsfield.model.evaluate.cases import Level
from hounsfield.model.evaluate.compare import compare
from hounsfield.model.evaluate.delong import delong
from hounsfield.model.evaluate.figures import Settings
from hounsfield.model.evaluate.scores_file import ScoresFile, read_scores, write_scores
from hounsfield.model.evaluate.thresholds import choose_thresholds

FEW = Settings(rounds=300)


def slow_delong(truth, first, second):
    """The variance as DeLong et al. wrote it down in 1988: all pairs."""

    def kernel(scores):
        pairs = scores[truth][:, None] - scores[~truth][None, :]
        return (pairs > 0) + 0.5 * (pairs == 0)

    kernels = [kernel(first), kernel(second)]
    rows, columns = np.stack([k.mean(axis=1) for k in kernels]), np.stack([k.mean(axis=0) for k in kernels])
    covariance = np.cov(rows) / rows.shape[1] + np.cov(columns) / columns.shape[1]
    areas = [k.mean() for k in kernels]
    return areas, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_fast_way_gives_what_all_pairs_give(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(80) < 0.4
    first, second = rng.normal(truth, 1.0).round(1), rng.normal(truth * 1.5, 1.0).round(1)
    areas, variance = slow_delong(truth, first, second)
    test = delong(truth, first, second)
    assert (test.first, test.second) == pytest.approx(areas)
    assert (test.difference.high - test.difference.low) / 2 / 1.959964 == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_under_no_difference_p_is_small_as_often_as_it_says():
    below = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        truth = np.arange(120) % 3 == 0
        shared = rng.normal(truth, 1.0)
        below += delong(truth, shared + rng.normal(0, 1, 120), shared + rng.normal(0, 1, 120)).p < 0.05
    assert 8 <= below <= 34


def test_equal_rankings_differ_by_nothing():
    truth, scores = np.array([1, 1, 0, 0], bool), np.array([0.9, 0.4, 0.5, 0.1])
    test = delong(truth, scores, scores**2)
    assert (test.difference.value, test.p) == (0, 1)


def test_too_few_cases_for_the_test_are_said():
    with pytest.raises(ValueError, match="two positive"):
        delong(np.array([1, 0, 0], bool), np.zeros(3), np.zeros(3))


def of(scored, name):
    return ScoresFile(scored=scored, thresholds=choose_thresholds(scored, 0.9), bundle=name, source="random numbers")


def one_each(scored):
    """One series for each patient."""
    return dataclasses.replace(scored, patient=scored.series_key)


def sharper(scored):
    def moved(scores, truth):
        return np.clip(scores + 0.25 * (np.nan_to_num(truth) - 0.5), 0, 1).astype(np.float32)

    return dataclasses.replace(
        scored,
        scores=moved(scored.scores, scored.truth),
        series_scores=moved(scored.series_scores, scored.series_truth),
    )


def test_the_better_one_is_found_better_by_every_way():
    weak = one_each(scored_set(series=120, signal=1.0))
    result = compare(of(weak, "weak 1.0.0"), of(sharper(weak), "sharp 1.0.0"), FEW)
    series = result.labels[0]
    area = series.changes[0]
    assert (series.level, series.label, area.figure) == (Level.SERIES, "any", "AUROC")
    assert area.difference.low > 0
    assert area.difference.value == pytest.approx(area.second.value - area.first.value)
    assert series.delong.difference.value == pytest.approx(area.difference.value)
    assert series.delong.p < 0.001
    assert series.negatives_at_threshold.only_second_right > series.negatives_at_threshold.only_first_right
    assert series.negatives_at_threshold.p < 0.05


def test_several_cases_of_one_patient_get_the_bootstrap_and_no_test_for_independent_cases():
    weak = scored_set(series=60, signal=1.0)
    result = compare(of(weak, "weak"), of(sharper(weak), "sharp"), FEW)
    for one in result.labels:
        assert one.delong is None
        assert one.positives_at_threshold.p is None
        assert one.changes[0].difference.low > 0


def test_a_bundle_against_itself_differs_by_nothing_whatever_the_order_of_its_cases():
    scored = one_each(scored_set(series=30))
    order = np.random.default_rng(1).permutation(30)
    rows = np.concatenate([np.flatnonzero(scored.series == one) for one in order])
    mixed = dataclasses.replace(
        scored,
        **{name: getattr(scored, name)[rows] for name in ("truth", "scores", "names")},
        series=np.repeat(np.arange(30, dtype=np.int32), 6),
        **{
            name: getattr(scored, name)[order]
            for name in ("series_key", "series_truth", "series_scores", "patient", "scanner")
        },
    )
    for one in compare(of(scored, "a"), of(mixed, "b"), FEW).labels:
        assert {change.difference.value for change in one.changes} == {0}
        assert (one.positives_at_threshold.only_first_right, one.positives_at_threshold.only_second_right) == (0, 0)


def test_other_cases_and_another_truth_are_refused():
    scored = scored_set(series=20)
    with pytest.raises(DataError, match="different cases"):
        compare(of(scored, "a"), of(scored_set(series=22), "b"), FEW)
    other = dataclasses.replace(scored, series_truth=1 - scored.series_truth)
    with pytest.raises(DataError, match="truth"):
        compare(of(scored, "a"), of(other, "b"), FEW)


def test_scores_come_back_from_their_file_as_they_were(tmp_path):
    content = of(scored_set(unknown=0.2), "tiny 0.1.0")
    write_scores(tmp_path / "scores.npz", content)
    back = read_scores(tmp_path / "scores.npz")
    assert (back.thresholds, back.bundle, back.source) == (content.thresholds, "tiny 0.1.0", "random numbers")
    for name in ("truth", "scores", "series", "names", "series_truth", "series_scores", "patient", "scanner"):
        assert np.array_equal(
            getattr(back.scored, name), getattr(content.scored, name), equal_nan=name.endswith("truth")
        )


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "shape"])
def test_a_file_that_holds_no_scores_is_named(tmp_path, damage):
    path = tmp_path / "scores.npz"
    content = of(scored_set(), "tiny 0.1.0")
    if damage == "shape":
        content = dataclasses.replace(
            content, scored=dataclasses.replace(content.scored, patient=content.scored.patient[1:])
        )
    write_scores(path, content)
    if damage in ("empty", "cut", "text"):
        path.write_bytes({"empty": b"", "cut": path.read_bytes()[:-40], "text": b"scores\n"}[damage])
    with pytest.raises(DataError, match=r"scores\.npz"):
        read_scores(path)
