"""Bars of stages and slices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.console.pages.bars import HEIGHT, WIDTH, stage_bars, strip

DETAIL = {
    "threshold": 0.5,
    "slice_scores": [0.1, 0.8, 0.3, 1.2],
    "slice_thresholds": {"haemorrhage": 0.3, "subdural": 0.9},
}


def test_stages_fill_the_width_in_proportion_to_their_seconds() -> None:
    bars = stage_bars({"preprocess": 1.0, "infer": 3.0})
    assert [(bar.name, bar.x, bar.width) for bar in bars] == [
        ("preprocess", 0.0, WIDTH / 4),
        ("infer", WIDTH / 4, WIDTH * 3 / 4),
    ]


def test_without_times_there_are_no_stages() -> None:
    assert stage_bars({}) == ()
    assert stage_bars({"infer": 0.0}) == ()


def test_slices_are_as_high_as_their_scores_and_say_whether_they_reach_their_threshold() -> None:
    found = strip(DETAIL)
    assert found is not None
    assert [bar.height for bar in found.bars] == [10.0, 80.0, 30.0, HEIGHT]
    assert [bar.reached for bar in found.bars] == [False, True, True, True]
    assert (found.label, found.reached, found.highest) == ("haemorrhage", 3, 4)
    assert (found.threshold_y, found.slice_threshold_y) == (50.0, 70.0)


@pytest.mark.parametrize("detail", [{}, {"slice_scores": []}, {"slice_scores": "0.1"}, {"slice_scores": None}])
def test_a_result_without_scores_of_slices_has_no_strip(detail: dict[str, object]) -> None:
    assert strip(detail) is None


def test_scores_without_thresholds_reach_nothing() -> None:
    found = strip({"slice_scores": [0.9], "slice_thresholds": "x", "threshold": None})
    assert found is not None
    assert not found.bars[0].reached
    assert found.threshold_y is None


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_no_bar_leaves_the_drawing(scores: list[float]) -> None:
    found = strip({"slice_scores": scores})
    assert found is not None
    assert all(0 <= bar.y <= HEIGHT and 0 <= bar.height <= HEIGHT for bar in found.bars)
