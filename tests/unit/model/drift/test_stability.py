"""The population stability index: by hand, in its invariances, and how often chance alone raises it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.model.drift.stability import chi_square_above, shift, shift_of_counts

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def test_an_example_by_hand() -> None:
    found = shift_of_counts(np.array([50, 50]), np.array([20, 80]))
    p, q = (np.array(counts) / 101 for counts in ([50.5, 50.5], [20.5, 80.5]))
    raw = float(((q - p) * np.log(q / p)).sum())
    assert found.raw_psi == pytest.approx(raw)
    assert found.raw_psi == pytest.approx(0.4, abs=0.02)
    assert found.psi == pytest.approx(raw - 0.02)


@given(NUMBERS)
def test_a_sample_has_not_moved_from_itself(values: list[float]) -> None:
    found = shift(values, values)
    assert found.raw_psi == pytest.approx(0.0, abs=1e-12)
    assert (found.psi, found.chance) == (0.0, pytest.approx(1.0, abs=0.05))


@given(NUMBERS, NUMBERS, st.randoms())
@settings(max_examples=50)
def test_order_does_not_matter_and_the_index_is_a_finite_number(
    before: list[float], now: list[float], any_order
) -> None:
    found = shift(before, now)
    mixed = [before[:], now[:]]
    for sample in mixed:
        any_order.shuffle(sample)
    assert shift(*mixed) == found
    assert math.isfinite(found.raw_psi)
    assert found.raw_psi >= 0
    assert 0 <= found.chance <= 1


@given(NUMBERS, NUMBERS)
@settings(max_examples=50)
def test_another_unit_changes_nothing(before: list[float], now: list[float]) -> None:
    assert shift([4 * one for one in before], [4 * one for one in now]) == shift(before, now)


def test_a_value_that_was_always_the_same_is_missed_when_it_changes_either_way() -> None:
    usual = [5.0] * 200
    for other in (2.5, 7.5):
        found = shift(usual, [other] * 100)
        assert found.psi > 4
        assert found.is_significant(1e-9)
    assert shift(usual, [5.0] * 100).psi == 0.0


def test_what_is_no_longer_known_is_a_change() -> None:
    found = shift([1.0, 2.0] * 100, [None] * 50 + [1.0, 2.0] * 25)
    assert found.psi > 1
    assert shift([None] * 100, [None] * 50).psi == 0.0
    assert shift([float("nan"), 1.0] * 50, [None, 1.0] * 50).psi == 0.0


def test_categories_are_compared_by_their_names() -> None:
    assert shift(["H31S"] * 200, ["H31S"] * 100).psi == 0.0
    assert shift(["H31S"] * 200, ["J40S"] * 100).psi > 4
    assert shift([False] * 200, [False] * 90 + [True] * 10).psi > 0.1


def test_any_number_of_rare_categories_has_few_bins() -> None:
    before = [f"K{number % 50}" for number in range(200)]
    assert shift(before, [f"K{number % 50}" for number in range(100)]).raw_psi < 0.1
    assert shift(before, [f"new {number}" for number in range(100)]).raw_psi < 2


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="two samples"):
        shift([], [1.0])


@pytest.mark.parametrize(
    ("value", "freedom", "above"),
    [(16.919, 9, 0.05), (27.877, 9, 0.001), (3.841, 1, 0.05), (10.828, 1, 0.001), (4.168, 9, 0.9)],
)
def test_chi_square_is_that_of_the_tables(value: float, freedom: int, above: float) -> None:
    assert chi_square_above(value, freedom) == pytest.approx(above, rel=0.2)
    assert chi_square_above(value, 0) == 1.0


@pytest.mark.parametrize("sizes", [(200, 100), (200, 30)])
@pytest.mark.parametrize("kind", ["continuous", "few values", "kernel"])
def test_chance_is_told_from_a_change_as_often_as_it_says(kind: str, sizes: tuple[int, int]) -> None:
    """Stable populations: "less than one in a hundred" comes up in at most two of a hundred comparisons."""
    rng = np.random.default_rng(7)

    def draw(count: int) -> list:
        if kind == "continuous":
            return rng.beta(0.5, 8, count).tolist()
        if kind == "few values":
            return rng.choice([1.25, 2.5, 5.0], p=[0.1, 0.3, 0.6], size=count).tolist()
        return rng.choice(["A", "B", "C", "D"], p=[0.9, 0.05, 0.04, 0.01], size=count).tolist()

    found = [shift(draw(sizes[0]), draw(sizes[1])) for _ in range(500)]
    assert np.mean([one.is_significant(0.01) for one in found]) <= 0.02
    assert np.mean([one.psi for one in found]) < 0.06, "what chance makes is subtracted"


def test_a_change_of_one_standard_deviation_is_found() -> None:
    rng = np.random.default_rng(8)
    found = [shift(rng.normal(0, 1, 200).tolist(), rng.normal(1, 1, 100).tolist()) for _ in range(50)]
    assert all(one.psi > 0.25 and one.is_significant(0.001 / 17) for one in found)
