import numpy as np
import pytest

from hounsfield.model.evaluate.metrics import (
    auc,
    auc_gain_interval,
    auc_interval,
    rate_interval,
    threshold_at_specificity,
)

RNG = np.random.default_rng(4)
TRUTH = RNG.random(600) < 0.3
SCORES = RNG.normal(TRUTH * 1.2, 1.0)
HEADS = np.arange(600) // 6


def test_auc_is_the_chance_that_a_positive_outranks_a_negative() -> None:
    pairs = SCORES[TRUTH][:, None] - SCORES[~TRUTH][None, :]
    assert auc(TRUTH, SCORES) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_ties_count_half() -> None:
    assert auc(np.array([True, False, True, False]), np.array([1.0, 1.0, 1.0, 1.0])) == 0.5


def test_auc_is_one_zero_or_nothing() -> None:
    truth = np.array([False, False, True])
    assert auc(truth, np.array([0.1, 0.2, 0.3])) == 1
    assert auc(truth, np.array([0.3, 0.2, 0.1])) == 0
    assert np.isnan(auc(np.array([True, True]), np.array([0.1, 0.2])))


def test_the_interval_holds_the_value_and_shrinks_with_more_heads() -> None:
    few, many = auc_interval(TRUTH[:120], SCORES[:120], HEADS[:120]), auc_interval(TRUTH, SCORES, HEADS)
    for one in (few, many):
        assert one.low < one.value < one.high
    assert many.high - many.low < few.high - few.low


def test_whole_heads_are_drawn_so_repeated_slices_bring_no_certainty() -> None:
    plain = auc_interval(TRUTH[:60], SCORES[:60], np.arange(60))
    repeated = auc_interval(np.repeat(TRUTH[:60], 10), np.repeat(SCORES[:60], 10), np.repeat(np.arange(60), 10))
    assert repeated.high - repeated.low == pytest.approx(plain.high - plain.low)


def test_the_interval_is_the_same_each_time() -> None:
    assert auc_interval(TRUTH, SCORES, HEADS) == auc_interval(TRUTH, SCORES, HEADS)


def test_a_gain_over_itself_is_nothing() -> None:
    gain = auc_gain_interval(TRUTH, SCORES, SCORES, HEADS)
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


def test_a_rate_is_a_mean() -> None:
    rate = rate_interval(TRUTH, HEADS)
    assert rate.value == pytest.approx(TRUTH.mean())
    assert rate.low < rate.value < rate.high


@pytest.mark.parametrize("specificity", [0.5, 0.9, 0.95, 1.0])
def test_a_threshold_keeps_its_specificity(specificity: float) -> None:
    threshold = threshold_at_specificity(TRUTH, SCORES, specificity)
    reached = (SCORES[~TRUTH] < threshold).mean()
    assert specificity <= reached <= specificity + 1 / (~TRUTH).sum() + 1e-9


def test_a_threshold_without_negatives_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        threshold_at_specificity(np.array([True]), np.array([0.5]), 0.9)
