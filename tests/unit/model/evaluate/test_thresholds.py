import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scored import scored_set

from hounsfield.model.evaluate.cases import Cases, Level, cases_of
from hounsfield.model.evaluate.thresholds import choose_thresholds, threshold_at_sensitivity


def cases(truth, scores):
    order = np.arange(len(scores))
    return Cases(truth=np.array(truth, bool), scores=np.array(scores, float), patients=order, rows=order)


def sensitivity_at(these, threshold):
    return (these.scores[these.truth] >= threshold).mean()


def test_the_threshold_lies_halfway_below_the_last_positive_that_must_be_found():
    some = cases([1, 1, 1, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.5, 0.1])
    assert threshold_at_sensitivity(some, 0.75) == 0.6
    assert threshold_at_sensitivity(some, 1.0) == 0.15


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=1, max_size=60),
    st.floats(0.05, 1.0),
)
def test_no_higher_threshold_reaches_the_sensitivity(pairs, wanted):
    some = cases(*zip(*pairs, strict=True))
    if not some.positives:
        with pytest.raises(ValueError, match="positive"):
            threshold_at_sensitivity(some, wanted)
        return
    threshold = threshold_at_sensitivity(some, wanted)
    assert sensitivity_at(some, threshold) >= wanted - 1e-9
    higher = some.scores[some.scores >= threshold].min()
    assert sensitivity_at(some, np.nextafter(higher, 2)) < wanted


def test_scores_close_to_zero_get_as_many_decimals_as_they_need():
    some = cases([1, 0, 0], [0.00041, 0.00039, 0.0001])
    assert 0.00039 < threshold_at_sensitivity(some, 0.95) <= 0.00041


@pytest.mark.parametrize("wanted", [0.0, -1.0, 1.01, float("nan")])
def test_a_sensitivity_is_a_share(wanted):
    with pytest.raises(ValueError, match="sensitivity"):
        threshold_at_sensitivity(cases([1], [0.5]), wanted)


def test_each_label_and_level_has_its_own_threshold():
    scored = scored_set(series=60)
    chosen = choose_thresholds(scored, 0.9, where="validation heads")
    for level in Level:
        for label, threshold in enumerate(chosen.of(level)):
            assert sensitivity_at(cases_of(scored, level, label), threshold) >= 0.9
    assert len({*chosen.slices, *chosen.series}) == 4
    assert chosen.origin == "chosen on a validation set (validation heads) for a sensitivity of 0.9"


def test_unknown_truth_counts_nowhere():
    scored = scored_set(series=30)
    blind = scored_set(series=30)
    blind.truth[:, 1] = np.nan
    blind.scores[:, 1] = 0.99
    chosen = choose_thresholds(blind)
    assert chosen.slices[0] == choose_thresholds(scored).slices[0]
    assert chosen.slices[1] is None
    assert chosen.series == choose_thresholds(scored).series
