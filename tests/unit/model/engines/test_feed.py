"""What stands between preprocessing and a network: neighbours, batches, and series that are read interleaved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.model.feed import in_batches, with_neighbours
from hounsfield.model.interleave import put_back, sequences_of, stride_of


@given(count=st.integers(0, 12), each_side=st.integers(0, 4), channels=st.integers(1, 2))
def test_neighbours_are_the_slices_beside_and_the_ends_repeat(count: int, each_side: int, channels: int) -> None:
    tensors = [np.full((2, 2, channels), number, np.float32) for number in range(count)]
    found = list(with_neighbours(iter(tensors), each_side))
    near = range(-each_side, each_side + 1)
    expected = [[min(max(number + step, 0), count - 1) for step in near] for number in range(count)]
    assert [one[0, 0, ::channels].tolist() for one in found] == expected
    assert all(one.shape == (2, 2, channels * (2 * each_side + 1)) for one in found)


def test_neighbours_wait_for_no_more_slices_than_they_need() -> None:
    taken = 0

    def slices() -> object:
        nonlocal taken
        for number in range(9):
            taken += 1
            yield np.full((1, 1, 1), number, np.float32)

    coming = with_neighbours(slices(), 2)  # type: ignore[arg-type]
    next(coming)
    assert taken == 3


@given(count=st.integers(0, 20), size=st.integers(1, 7))
def test_batches_hold_everything_once_and_only_the_last_is_short(count: int, size: int) -> None:
    batches = list(in_batches((np.float32(number) for number in range(count)), size))  # type: ignore[misc]
    assert [float(one) for batch in batches for one in batch] == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])


@pytest.mark.parametrize(
    ("step", "smallest", "stride"),
    [(5.0, 4.0, 1), (5.0, 5.0, 1), (2.5, 4.0, 2), (2.499, 5.0, 2), (0.625, 4.0, 7), (4.999, 5.0, 1), (0.0, 5.0, 1)],
)
def test_the_stride_is_the_smallest_that_makes_steps_wide_enough(step: float, smallest: float, stride: int) -> None:
    assert stride_of([step] * 40, smallest) == stride


def test_the_usual_step_decides_and_not_a_gap() -> None:
    assert stride_of([2.5, 2.5, 30.0, 2.5], 4.0) == 2


def test_a_short_series_is_never_split_into_more_parts_than_slices() -> None:
    assert stride_of([0.1, 0.1], 5.0) == 3
    assert stride_of([], 5.0) == 1


@given(
    steps=st.lists(st.floats(0.1, 10.0), max_size=30),
    smallest=st.floats(0.0, 12.0),
)
def test_every_slice_is_read_once_at_its_distance_and_comes_back_to_its_place(
    steps: list[float], smallest: float
) -> None:
    count = len(steps) + 1
    vectors = np.arange(count, dtype=np.float32)[:, None]
    rows = sequences_of(vectors, steps, smallest)
    assert put_back([one[:, :1] for one in rows])[:, 0].tolist() == list(range(count))
    heights = np.concatenate([[0.0], np.cumsum(steps)])
    for one in rows:
        places = one[:, 0].astype(int)
        assert one[0, 1] == 0.0
        assert one[1:, 1] == pytest.approx(np.diff(heights[places]), rel=1e-4)


def test_another_number_of_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 slices have 2 steps, not 3"):
        sequences_of(np.zeros((3, 2)), [1.0] * 3, 1.0)
