import numpy as np
import pytest

from hounsfield.model.aggregation import aggregation

SCORES = np.array([[0.1, 0.9], [0.9, 0.1], [0.5, 0.2], [0.7, 0.3]], np.float32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("max", [0.9, 0.9]),
        ("mean", [0.55, 0.375]),
        ("top-1-mean", [0.9, 0.9]),
        ("top-3-mean", [0.7, 1.4 / 3]),
        ("top-20-mean", [0.55, 0.375]),
    ],
)
def test_a_series_score_comes_from_its_slices(name: str, expected: list[float]) -> None:
    assert aggregation(name)(SCORES) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["median", "top-0-mean", "top-mean", "top-100-mean", "MAX", ""])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match='allowed: "max", "mean" or "top-K-mean"'):
        aggregation(name)


@pytest.mark.parametrize("name", ["max", "mean", "top-3-mean"])
def test_no_slices_have_no_score(name: str) -> None:
    with pytest.raises(ValueError, match="at least one slice"):
        aggregation(name)(np.empty((0, 2), np.float32))
