"""Presentation states point to the hottest place of a heatmap."""

import numpy as np
from support.reports import finding, series

from hounsfield.daemon.pipeline.marks import marks_of
from hounsfield.model.page import PageSlice


def page_slice(number: int, heatmap: np.ndarray | None) -> PageSlice:
    return PageSlice(number=number, hu=np.zeros((8, 10)), score=0.9, pixel_spacing=(0.5, 0.25), heatmap=heatmap)


def test_the_mark_lies_on_the_hottest_pixel_of_its_own_slice() -> None:
    images = series(3)
    heat = np.zeros((8, 10))
    heat[2, 7], heat[5, 1] = 1.0, 0.4
    (mark,) = marks_of([page_slice(2, heat)], finding([0.1, 0.9, 0.8], images, 0.9))
    assert mark.sop_instance_uid == str(images[1].SOPInstanceUID)
    assert (mark.row, mark.column, mark.frame) == (2.0, 7.0, None)
    assert mark.radius == 48.0  # 12 mm of columns 0.25 mm apart


def test_a_slice_without_heat_gets_no_mark() -> None:
    images = series(3)
    found = finding([0.1, 0.9, 0.8], images, 0.9)
    assert marks_of([page_slice(1, None), page_slice(2, np.zeros((8, 10)))], found) == ()
    assert marks_of([page_slice(2, np.ones((8, 10)))], None) == ()
