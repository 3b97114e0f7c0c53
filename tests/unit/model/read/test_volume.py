"""Loading a series in order and in bounded memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.ct_factory import ct_series, head_hu, write_series

from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.volume import Volume, load


def headers_of(tmp_path: Path, count: int = 7, **attributes: object) -> list[SliceHeader]:
    paths = write_series(tmp_path, ct_series(count, **attributes))  # type: ignore[arg-type]
    return [read_header(path) for path in reversed(paths)]


def loaded(headers: list[SliceHeader], **options: int) -> Volume:
    return load(headers, measure(headers), **options)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_slices_come_in_the_order_of_the_volume(tmp_path: Path, threads: int) -> None:
    volume = loaded(headers_of(tmp_path), threads=threads)
    heights = [header.position[2] for header in volume.headers if header.position]
    assert heights == sorted(heights)
    assert len(volume.slices_hu) == len(volume.headers) == 7
    assert all(np.array_equal(hu, head_hu()) and hu.dtype == np.float32 for hu in volume.slices_hu)


def test_whole_hu_are_kept_in_16_bits(tmp_path: Path) -> None:
    volume = loaded(headers_of(tmp_path))
    assert volume.slices_hu.nbytes == 7 * head_hu().size * 2
    assert np.array_equal(volume.slices_hu[2:4][1], head_hu())


def test_fractions_of_hu_are_kept_exactly(tmp_path: Path) -> None:
    volume = loaded(headers_of(tmp_path, RescaleSlope="0.3", PixelData=head_hu().tobytes()))
    expected = (head_hu().astype(np.float64) * 0.3 - 1024).astype(np.float32)
    assert np.array_equal(volume.slices_hu[0][expected > -1200], expected[expected > -1200])


def test_one_unreadable_slice_refuses_the_series(tmp_path: Path) -> None:
    headers = headers_of(tmp_path)
    headers[3] = replace(headers[3], pixel_bytes=10)
    with pytest.raises(PixelError) as caught:
        loaded(headers)
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS


def test_a_series_beyond_the_budget_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    headers = [replace(header, path=tmp_path / "gone") for header in headers_of(tmp_path)]
    with pytest.raises(PixelError) as caught:
        loaded(headers, most_bytes=1000)
    assert caught.value.rejection is Rejection.TOO_LARGE


def test_padding_is_counted(tmp_path: Path) -> None:
    stored = head_hu().copy()
    stored[: len(stored) // 2] = -2000
    volume = loaded(headers_of(tmp_path, RescaleIntercept="0", PixelData=stored.tobytes()))
    assert volume.padded_fraction == 0.5
