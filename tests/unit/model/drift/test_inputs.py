"""What a series was like, in numbers that are the ones it was made with."""

from pathlib import Path

import numpy as np
import pytest
from support.ct_factory import ct_series, head_hu, write_series

from hounsfield.model.drift.inputs import measure_inputs
from hounsfield.model.drift.names import INPUTS
from hounsfield.model.drift.stability import Value
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header


def headers_of(folder: Path, **attributes: object) -> list[SliceHeader]:
    return [read_header(path) for path in write_series(folder, ct_series(6, **attributes))]


def measured(folder: Path, slices: list[np.ndarray] | None = None, **attributes: object) -> dict[str, Value]:
    headers = headers_of(folder, **attributes)
    return measure_inputs(slices or [head_hu()] * 6, headers, measure(headers))


def noisy(deviation: float, size: int = 256) -> np.ndarray:
    clean = np.where(head_hu(size) > 300, 1000.0, np.where(head_hu(size) < -300, -1000.0, 35.0))
    return clean + np.random.default_rng(3).normal(0, deviation, (size, size))


def test_every_number_has_its_name_and_can_be_stored(tmp_path: Path) -> None:
    found = measured(tmp_path, ConvolutionKernel="H31s")
    assert tuple(found) == INPUTS
    assert all(isinstance(value, float | int | str | bool) for value in found.values())
    assert found["hu_median"] == pytest.approx(35, abs=1)
    assert (found["thickness_mm"], found["step_mm"], found["slices"]) == (5.0, 5.0, 6)
    assert (found["tilt_degrees"], found["lossy"], found["kernel"]) == (0, False, "H31S")
    assert 0.05 < float(found["bone_share"] or 0) < 0.4


@pytest.mark.parametrize("deviation", [2.0, 6.0, 12.0])
def test_noise_is_measured_as_it_is(tmp_path: Path, deviation: float) -> None:
    found = measured(tmp_path, [noisy(deviation)] * 6)
    assert found["noise_hu"] == pytest.approx(deviation, rel=0.1)
    assert found["hu_spread"] == pytest.approx(deviation, rel=0.1)


def test_a_wrong_calibration_moves_the_median(tmp_path: Path) -> None:
    assert measured(tmp_path, [noisy(4) + 8] * 6)["hu_median"] == pytest.approx(43, abs=1)


def test_what_shows_no_head_gives_no_numbers_about_one(tmp_path: Path) -> None:
    found = measured(tmp_path, [np.full((64, 64), -1000, np.int16)] * 6)
    assert [found[name] for name in ("hu_median", "hu_spread", "noise_hu", "bone_share")] == [None] * 4
    for shape in ((1, 1), (2, 7), (5, 3)):
        assert measured(tmp_path, [np.full(shape, 35, np.int16)] * 6)["noise_hu"] is None


def test_a_volume_without_slices_or_numbers_has_none(tmp_path: Path) -> None:
    found = measure_inputs([], [], measure([]))
    assert {name for name, value in found.items() if value is not None} == {"slices", "tilt_degrees", "lossy"}
    bare = measured(tmp_path, PixelSpacing=None, SliceThickness=None)
    assert (bare["pixel_mm"], bare["thickness_mm"], bare["kernel"]) == (None, None, None)


def test_the_kernel_is_one_short_word_whatever_the_header_says(tmp_path: Path) -> None:
    assert measured(tmp_path, ConvolutionKernel='x"\r\n<b>' * 9)["kernel"] == "XBXBXBXBXBXBXBXB"
    headers = headers_of(tmp_path, ConvolutionKernel="A") + headers_of(tmp_path, ConvolutionKernel="B")
    assert measure_inputs([], headers, measure(headers))["kernel"] == "mixed"
