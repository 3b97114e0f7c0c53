import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, log_loss, roc_auc_score
from support.scored import scored_set, sigmoid

from hounsfield.model.evaluate.bootstrap import (
    auroc,
    average_precision,
    estimates,
    patient_draws,
    specificity_at,
    whole,
)
from hounsfield.model.evaluate.cases import Cases, Level, cases_of
from hounsfield.model.evaluate.figures import Settings, evaluate
from hounsfield.model.evaluate.metrics import auc_interval
from hounsfield.model.evaluate.rates import operating_figures
from hounsfield.model.evaluate.reliability import reliability, weighted_log_loss
from hounsfield.model.evaluate.thresholds import Thresholds, choose_thresholds

FEW = Settings(rounds=200)


def cases(truth, scores, patients=None):
    rows = np.arange(len(scores))
    own = rows if patients is None else np.array(patients)
    return Cases(truth=np.array(truth, bool), scores=np.array(scores, float), patients=own, rows=rows)


def points(some, statistic):
    return float(statistic(whole(some))[0])


PAIRS = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=80).filter(
    lambda pairs: 0 < sum(truth for truth, _ in pairs) < len(pairs)
)


@given(PAIRS)
def test_areas_are_those_of_scikit_learn_with_ties_too(pairs):
    truth, scores = zip(*pairs, strict=True)
    some = cases(truth, scores)
    assert points(some, auroc) == pytest.approx(roc_auc_score(truth, scores))
    assert points(some, average_precision) == pytest.approx(average_precision_score(truth, scores))


@given(PAIRS, st.randoms(use_true_random=False))
def test_order_of_cases_and_any_rising_change_of_scores_leave_every_rank_figure_alone(pairs, random):
    mixed = list(pairs)
    random.shuffle(mixed)
    some = cases(*zip(*pairs, strict=True))
    other = cases([truth for truth, _ in mixed], [np.expm1(score / 5) for _, score in mixed])
    for statistic in (auroc, average_precision, specificity_at(0.9)):
        assert points(some, statistic) == pytest.approx(points(other, statistic))


@given(PAIRS)
def test_swapped_classes_turn_the_area_round(pairs):
    truth, scores = (np.array(one) for one in zip(*pairs, strict=True))
    assert points(cases(truth, scores), auroc) == pytest.approx(1 - points(cases(~truth, scores), auroc))


def test_specificity_at_a_sensitivity_by_hand():
    some = cases([1, 1, 1, 1, 0, 0, 0, 0], [0.9, 0.8, 0.6, 0.3, 0.7, 0.5, 0.2, 0.1])
    assert points(some, specificity_at(0.75)) == 0.75
    assert points(some, specificity_at(1.0)) == 0.5


def test_the_interval_is_that_of_drawing_patients_one_by_one():
    rng = np.random.default_rng(5)
    truth = rng.random(300) < 0.4
    scores, patients = rng.normal(truth * 1.0, 1.0), np.arange(300) // 5
    ours = estimates(cases(truth, scores, patients), {"auc": auroc}, patient_draws(patients, 500, 0))["auc"]
    slow = auc_interval(truth, scores, patients, rounds=500, seed=0)
    assert (ours.value, ours.low, ours.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    area, covered = 0.7602499, 0  # of normal scores one deviation apart: Phi(1 / sqrt(2))
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = np.arange(100) % 2 == 0
        some = cases(truth, rng.normal(truth * 1.0, 1.0))
        interval = estimates(some, {"auc": auroc}, patient_draws(some.patients, 200, seed))["auc"]
        covered += interval.low <= area <= interval.high
    assert 88 <= covered <= 100


def test_one_class_only_gives_nothing_rather_than_a_number():
    some = cases([1, 1, 1], [0.1, 0.2, 0.3])
    areas = {"auroc": auroc, "auprc": average_precision, "at": specificity_at(0.9)}
    assert estimates(some, areas, patient_draws(some.patients, 50, 0)) == dict.fromkeys(areas)


def test_a_class_that_most_rounds_lack_gives_no_bounds():
    truth = np.zeros(40, bool)
    truth[0] = True
    some = cases(truth, np.linspace(1, 0, 40), np.concatenate([[0], np.ones(39, int)]))
    area = estimates(some, {"auc": auroc}, patient_draws(some.patients, 400, 0))["auc"]
    assert area.value == 1
    assert np.isnan(area.low) or area.low == 1


def test_rates_and_counts_by_hand():
    some = cases([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.1, 0.6, 0.4, 0.3, 0.2, 0.2, 0.1])
    figures = operating_figures(some, 0.5, patient_draws(some.patients, 300, 0), (0.1,))
    tn, fp, fn, tp = confusion_matrix(some.truth, some.scores >= 0.5).ravel()
    assert dataclasses.astuple(figures.confusion) == (tp, fn, fp, tn) == (3, 1, 1, 5)
    assert figures.sensitivity.value == 0.75
    assert figures.specificity.value == pytest.approx(5 / 6)
    (at,) = figures.predictive
    assert at.ppv.value == pytest.approx(0.1 * 0.75 / (0.1 * 0.75 + 0.9 / 6))
    assert at.npv.value == pytest.approx(0.9 * 5 / 6 / (0.9 * 5 / 6 + 0.1 * 0.25))
    assert at.ppv.low < at.ppv.value < at.ppv.high


def test_a_case_at_the_threshold_is_flagged():
    some = cases([1, 0], [0.5, 0.5])
    assert operating_figures(some, 0.5, patient_draws(some.patients, 10, 0)).confusion.tp == 1


def test_a_perfect_rate_on_few_patients_has_an_honest_lower_bound():
    some = cases([1] * 10 + [0] * 30, [0.9] * 10 + [0.1] * 30)
    figures = operating_figures(some, 0.5, patient_draws(some.patients, 100, 0))
    assert (figures.sensitivity.value, figures.sensitivity.high) == (1, 1)
    assert figures.sensitivity.low == pytest.approx(0.6915, abs=1e-4)  # Clopper and Pearson, 10 of 10
    assert figures.specificity.low == pytest.approx(0.8843, abs=1e-4)  # 30 of 30


def test_calibration_figures_by_hand():
    some = cases([0, 1, 1, 1], [0.25, 0.25, 0.75, 0.75])
    figures = reliability(some)
    assert figures.ece == pytest.approx(0.25)
    assert [(one.mean_score, one.share_positive, one.cases) for one in figures.bins] == [(0.25, 0.5, 2), (0.75, 1, 2)]
    assert figures.brier == pytest.approx(brier_score_loss(some.truth, some.scores))


def test_scores_that_are_frequencies_have_hardly_an_error_and_overconfident_ones_have():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.5, 20_000)
    truth = rng.random(20_000) < sigmoid(logits)
    honest, bold = reliability(cases(truth, sigmoid(logits))), reliability(cases(truth, sigmoid(3 * logits)))
    assert max(honest.ece, honest.adaptive_ece) < 0.015
    assert min(bold.ece, bold.adaptive_ece) > 0.08


def test_scores_of_exactly_one_and_of_one_value_fall_into_bins():
    assert reliability(cases([1, 1], [1.0, 1.0])).ece == 0
    assert reliability(cases([1, 0], [0.5, 0.5])).adaptive_ece == 0


def test_the_first_label_counts_double_in_the_log_loss():
    scored = scored_set(series=20)
    one, two = (log_loss(scored.truth[:, label], scored.scores[:, label].astype(float)) for label in (0, 1))
    loss = weighted_log_loss(scored, Level.SLICE, rounds=100, seed=0)
    assert loss.value == pytest.approx((2 * one + two) / 3)
    assert loss.low < loss.value < loss.high


def test_unknown_truth_is_left_out_of_everything():
    scored = scored_set(series=40, unknown=0.3)
    known = np.isfinite(scored.truth[:, 1])
    figures = evaluate(scored, choose_thresholds(scored), FEW)
    slices = figures.of(Level.SLICE)[1]
    assert slices.cases == known.sum()
    assert slices.auroc.value == pytest.approx(roc_auc_score(scored.truth[known, 1], scored.scores[known, 1]))
    confusion = slices.operating.confusion
    assert sum(dataclasses.astuple(confusion)) == known.sum()


def test_a_level_without_any_truth_has_no_figures():
    scored = scored_set(series=30)
    scored.truth[:] = np.nan
    figures = evaluate(scored, choose_thresholds(scored), FEW)
    assert figures.slice_log_loss is None
    for one in figures.of(Level.SLICE):
        assert (one.cases, one.auroc, one.operating, one.reliability, one.fixed) == (0, None, None, None, ())
    assert figures.of(Level.SERIES)[0].auroc is not None


def test_subtypes_are_judged_by_the_first_label_beside_all_negatives():
    scored = scored_set(series=80, labels=("any", "epidural", "subdural"))
    figures = evaluate(scored, choose_thresholds(scored), FEW)
    epidural = next(one for one in figures.subtypes if one.group == "epidural" and one.level is Level.SERIES)
    truth = scored.series_truth
    chosen = (truth[:, 0] == 0) | (truth[:, 1] == 1) & (truth[:, 0] == 1)
    assert epidural.positives == int((truth[:, 0] * truth[:, 1]).sum())
    assert epidural.auroc.value == pytest.approx(roc_auc_score(truth[chosen, 0], scored.series_scores[chosen, 0]))


def test_a_scanner_with_too_few_cases_gets_counts_and_no_area():
    scored = scored_set(series=40)
    scanner = scored.scanner.astype("<U8")
    scanner[:3] = "rare"
    figures = evaluate(dataclasses.replace(scored, scanner=scanner), choose_thresholds(scored), FEW)
    by_name = {one.group: one for one in figures.scanners if one.level is Level.SERIES}
    assert by_name["rare"].cases == 3
    assert by_name["rare"].auroc is None
    assert by_name["A"].auroc is not None
    assert sum(one.cases for one in by_name.values()) == 40


def test_thresholds_for_other_labels_are_refused():
    scored = scored_set()
    wrong = Thresholds(labels=("x",), slices=(0.5,), series=(0.5,), origin="")
    with pytest.raises(ValueError, match="same labels"):
        evaluate(scored, wrong, FEW)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_series_and_slices_changes_no_value(seed):
    scored = scored_set(series=12, slices=3)
    order = np.random.default_rng(seed).permutation(len(scored.names))
    mixed = dataclasses.replace(
        scored,
        truth=scored.truth[order],
        scores=scored.scores[order],
        series=scored.series[order],
        names=scored.names[order],
    )
    for label in range(2):
        one, other = (cases_of(each, Level.SLICE, label) for each in (scored, mixed))
        assert points(one, auroc) == pytest.approx(points(other, auroc))
        mine, theirs = reliability(one), reliability(other)
        for name in ("brier", "ece", "adaptive_ece"):
            assert getattr(mine, name) == pytest.approx(getattr(theirs, name))
