"""What stood beside a slice when the model scored it: the slices around it, and its place in the series."""

import numpy as np

from hounsfield.daemon.pipeline.heatmaps import Seen
from hounsfield.model.series_scores import SeriesScores

SLICES = [np.full((2, 2), number, np.int16) for number in range(5)]


def seen(neighbours: int, stride: int = 0) -> Seen:
    rows = tuple(np.full((len(range(first, 5, stride)), 3), first, np.float32) for first in range(stride))
    answers = SeriesScores(slices=np.zeros((5, 1), np.float32), series=np.zeros(1, np.float32), sequences=rows)
    return Seen(SLICES, [(1.0, 1.0)] * 5, None, answers, neighbours)


def test_neighbours_are_those_of_the_score_and_the_ends_repeat() -> None:
    beside = [seen(2).beside(number) for number in (0, 2, 4)]
    assert [[int(hu[0, 0]) for hu in one.below] for one in beside] == [[0, 0], [0, 1], [2, 3]]
    assert [[int(hu[0, 0]) for hu in one.above] for one in beside] == [[1, 2], [3, 4], [4, 4]]


def test_a_model_of_single_slices_saw_nothing_beside() -> None:
    beside = seen(0).beside(2)
    assert (beside.below, beside.above, beside.among) == ((), (), None)


def test_a_slice_stands_in_the_part_of_the_series_that_was_read_with_it() -> None:
    among = seen(0, stride=2).beside(3).among
    assert among is not None
    assert among.place == 1
    assert among.rows.tolist() == [[1.0] * 3] * 2
    assert among.with_vector(np.array([7.0, 8.0])).tolist() == [[1.0, 1.0, 1.0], [7.0, 8.0, 1.0]]
