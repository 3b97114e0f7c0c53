import numpy as np
import pytest
from support.scored import scored_set, sigmoid

from hounsfield.model.evaluate.calibrate import SMALLEST_SLOPE, Calibration, fit_calibration, fit_platt, logit
from hounsfield.model.evaluate.cases import Level

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0.0, 2.0, 4000)
TRUTH = RNG.random(4000) < sigmoid(LOGITS)


def test_overconfident_scores_get_their_slope_and_offset_back():
    slope, offset = fit_platt(TRUTH, sigmoid((LOGITS + 1.0) * 2.5))
    assert slope == pytest.approx(1 / 2.5, rel=0.1)
    assert offset == pytest.approx(-1.0, abs=0.15)


def test_calibration_lowers_the_log_loss_and_keeps_the_ranking():
    from sklearn.metrics import log_loss, roc_auc_score

    scores = sigmoid((LOGITS + 1.0) * 2.5)
    slope, offset = fit_platt(TRUTH, scores)
    better = Calibration((slope,), (offset,)).apply(scores[:, None])[:, 0]
    assert log_loss(TRUTH, better) < log_loss(TRUTH, scores) - 0.1
    assert roc_auc_score(TRUTH, better) == pytest.approx(roc_auc_score(TRUTH, scores), abs=1e-4)


def test_separable_scores_get_a_finite_slope():
    slope, offset = fit_platt(np.array([0, 0, 0, 1, 1, 1], bool), np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9]))
    assert 0 < slope < 20
    assert np.isfinite(offset)


def test_a_label_without_skill_keeps_its_ranking_and_gets_its_frequency():
    truth = TRUTH & (RNG.random(len(TRUTH)) < 0.3)
    slope, offset = fit_platt(truth, sigmoid(-LOGITS))
    assert slope == SMALLEST_SLOPE
    after = Calibration((slope,), (offset,)).apply(sigmoid(-LOGITS)[:, None])
    assert after.mean() == pytest.approx(truth.mean(), abs=0.01)


def test_scores_of_exactly_zero_and_one_have_finite_logits():
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()


def test_a_label_seen_only_negative_keeps_its_scores():
    scored = scored_set(series=20)
    scored.truth[:, 1] = np.where(scored.truth[:, 1] == 1, np.nan, scored.truth[:, 1])
    fitted = fit_calibration(scored, Level.SLICE)
    assert (fitted.slope[1], fitted.offset[1]) == (1.0, 0.0)
    assert fitted.slope[0] != 1.0
