"""Shares and differences with their intervals, against the literature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.model.drift.rates import difference, share


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"), [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)]
)
def test_shares_have_the_intervals_of_newcombes_first_paper(
    successes: int, trials: int, low: float, high: float
) -> None:
    found = share(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_differences_have_the_intervals_of_newcombes_second_paper() -> None:
    """Statistics in Medicine 17:873, table II, method 10: examples (a), (b) and (h)."""
    found = difference(share(48, 80), share(56, 70))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    small = difference(share(3, 10), share(9, 10))
    assert (small.low, small.high) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    extreme = difference(share(0, 10), share(10, 10))
    assert (extreme.low, extreme.high) == pytest.approx((0.6075, 1.0), abs=5e-5)


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share_and_more_confidence_makes_it_wider(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    usual, sure = share(successes, trials), share(successes, trials, 0.999)
    assert 0 <= sure.low <= usual.low <= usual.value <= usual.high <= sure.high <= 1
