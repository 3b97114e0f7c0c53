"""Thresholds replayed and bundles side by side, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.score_rows import scored

from hounsfield.daemon.replay.shadow import beside, pair_up
from hounsfield.daemon.replay.thresholds import replay, was_flagged
from hounsfield.model.drift.rates import share
from hounsfield.storage.states import Outcome

JOBS = [scored(1, 0.9), scored(2, 0.6), scored(3, 0.4, scanner="CT2"), scored(4, 0.1, scanner="CT2")]
TRUTH = {1: True, 2: False, 3: True}


def test_each_threshold_says_what_it_would_have_flagged_and_what_changes() -> None:
    force, low, high = replay(JOBS, [0.3, 0.8], TRUTH)
    assert (force.threshold, force.flagged, force.gained, force.lost) == (None, 2, 0, 0)
    assert (low.flagged, low.gained, low.lost) == (3, 1, 0)
    assert (high.flagged, high.gained, high.lost) == (1, 0, 1)
    assert low.by_scanner == {"CT1": (2, 2), "CT2": (1, 2)}
    assert (low.sensitivity, low.specificity) == (share(2, 2), share(0, 1))
    assert (high.sensitivity, high.specificity) == (share(1, 2), share(1, 1))


def test_without_truth_there_is_no_sensitivity() -> None:
    (force,) = replay(JOBS, [], {})
    assert (force.sensitivity, force.specificity) == (None, None)
    assert replay([], [], {})[0].rate is None


def test_a_score_at_the_threshold_is_flagged_and_without_one_the_outcome_counts() -> None:
    assert was_flagged(scored(1, 0.5))
    assert was_flagged(scored(1, 0.1, threshold=None, outcome=Outcome.POSITIVE))
    assert not was_flagged(scored(1, 0.9, threshold=None, outcome=Outcome.NEGATIVE))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_flags_more(scores: list[float], one: float, other: float) -> None:
    jobs = [scored(number, score) for number, score in enumerate(scores)]
    force, low, high = replay(jobs, sorted([one, other]), {})
    assert low.flagged >= high.flagged
    assert all(row.flagged == force.flagged + row.gained - row.lost for row in (low, high))


def test_bundles_are_compared_on_the_reconstructions_that_both_have_scored() -> None:
    shadow = [scored(1, shadow=True), scored(2, part="a"), scored(3)]
    active = [scored(11, series_id=1), scored(12, series_id=1), scored(13, series_id=2, part="b")]
    assert [(one.job_id, other.job_id) for one, other in pair_up(shadow, active)] == [(1, 12)]


def test_agreement_rates_and_areas_of_two_bundles() -> None:
    rng = np.random.default_rng(0)
    truth = {number: number % 3 == 0 for number in range(60)}
    shadow = [scored(number, float(np.clip(0.3 + 0.5 * truth[number] + rng.normal(0, 0.1), 0, 1))) for number in truth]
    active = [replace(scored(number, float(rng.random())), job_id=100 + number) for number in truth]
    found = beside(pair_up(shadow, active), truth)
    assert found.both + found.only_shadow + found.only_active + found.neither == found.series == found.known == 60
    assert found.shadow.flagged == found.both + found.only_shadow
    assert found.agreement == share(found.both + found.neither, 60)
    assert found.shadow.auc is not None
    assert found.active.auc is not None
    assert found.auc_gain is not None
    assert found.shadow.auc.value > 0.95
    assert found.auc_gain.value == pytest.approx(found.shadow.auc.value - found.active.auc.value)
    assert found.auc_gain.low > 0
    assert found.shadow.sensitivity is not None
    assert found.shadow.sensitivity.value > 0.9


def test_an_area_is_not_defined_where_only_one_kind_of_series_is_known() -> None:
    pairs = pair_up(JOBS, [replace(job, job_id=job.job_id + 10) for job in JOBS])
    for truth in ({}, {1: True}, {2: False}):
        found = beside(pairs, truth)
        assert (found.shadow.auc, found.active.auc, found.auc_gain) == (None, None, None)
    assert beside(pairs, {1: True}).active.sensitivity == share(1, 1)
