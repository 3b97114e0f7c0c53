from pathlib import Path

import numpy as np
import pytest

from hounsfield.model.data.phantoms import LABELS, HeadPlan, Purpose, areas_mm2, draw_head, prepare_phantoms, truth
from hounsfield.model.train.demo.recipe import STRIP

pytestmark = pytest.mark.heavy


def test_a_set_of_heads_is_the_same_in_whatever_process_it_is_drawn(tmp_path: Path) -> None:
    plans = [HeadPlan(Purpose.HARD, number, 3) for number in range(2)]
    seen: list[tuple[int, int]] = []
    here = prepare_phantoms(tmp_path / "one", plans, STRIP, 1, lambda *at: seen.append(at))
    there = prepare_phantoms(tmp_path / "two", plans, STRIP, 2)
    assert seen == [(1, 2), (2, 2)]
    assert here.about.labels == LABELS == there.about.labels
    assert np.array_equal(here.tensors, there.tensors)
    assert np.array_equal(here.index.extra["brightness"], there.index.extra["brightness"])
    assert len(set(here.index.patient)) == 2
    lesion_mm2 = here.index.extra["lesion_mm2"]
    assert lesion_mm2.shape == (here.about.slices, 6)
    assert np.allclose(lesion_mm2[:, 0], lesion_mm2[:, 1:].sum(axis=1), rtol=1e-3)
    assert here.index.extra["brain_mm2"].max() > 8000


def test_no_head_is_in_two_sets() -> None:
    means = {float(draw_head(HeadPlan(purpose, 0, 1)).hu.mean()) for purpose in Purpose}
    assert len(means) == len(Purpose)


def test_the_lesion_map_lies_where_the_lesion_is(tmp_path: Path) -> None:
    plans = [HeadPlan(Purpose.TRAINING, number, 2) for number in range(4)]
    given = prepare_phantoms(tmp_path / "set", plans, STRIP)
    area = given.index.extra["lesion_mm2"][:, 0]
    large = area > 600
    assert large.any()
    assert given.maps is not None
    cells = given.maps[large].astype(np.float32)
    assert np.allclose(cells.sum(axis=(1, 2, 3)) * (240 / cells.shape[1]) ** 2, area[large], rtol=0.1)
    assert "brightness" not in given.index.extra


def test_traces_of_blood_are_neither_positive_nor_negative() -> None:
    assert np.array_equal(truth(np.array([0.0, 5.0, 30.0])), [0, np.nan, 1], equal_nan=True)
    head = next(one for one in (draw_head(HeadPlan(Purpose.TEST, number, 4)) for number in range(9)) if one.label.any())
    areas = areas_mm2(head)
    assert np.allclose(areas[:, 0], head.lesion_mm2, rtol=1e-4)
    assert (areas[:, 1:] > 0).any()
