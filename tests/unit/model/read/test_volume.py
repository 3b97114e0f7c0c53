"""Reading a series in order, with its pixels on disk."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless
from support.ct_factory import ct_series, ct_slice, head_hu, write, write_series
from support.volumes import decoder, loaded

from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.pixels import pixel_digest
from hounsfield.model.volume import Volume, VolumeReader

MOST_ANONYMOUS_BYTES_PER_SLICE = 16 * 1024
"""Of memory that belongs to the worker alone; the pixels are in the page cache, which the kernel takes back at will."""


def headers_of(tmp_path: Path, count: int = 7, **attributes: object) -> list[SliceHeader]:
    paths = write_series(tmp_path / "series", ct_series(count, **attributes))  # type: ignore[arg-type]
    return [read_header(path) for path in reversed(paths)]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[VolumeReader]:
    with decoder() as made:
        yield VolumeReader(folder=tmp_path / "scratch", decoder=made)


def test_slices_come_in_the_order_of_the_volume(tmp_path: Path) -> None:
    with loaded(tmp_path, headers_of(tmp_path)) as volume:
        heights = [header.position[2] for header in volume.headers if header.position]
        assert heights == sorted(heights)
        assert len(volume.slices_hu) == len(volume.headers) == 7
        assert volume.complete
        assert all(np.array_equal(hu, head_hu()) and hu.dtype == np.float32 for hu in volume.slices_hu)
        assert np.array_equal(volume.slices_hu[2:4][1], head_hu())


def test_slices_are_streamed_as_they_are_read_and_can_be_asked_for_again(tmp_path: Path, reader: VolumeReader) -> None:
    with reader.open(headers_of(tmp_path)) as volume:
        assert not volume.complete
        coming = volume.stream()
        assert next(coming).dtype == np.int16
        assert len(volume.slices_hu) == 1
        assert len(list(coming)) == 6
        assert volume.complete
        assert len(list(volume.stream())) == 7


def test_fractions_of_hu_are_kept_exactly(tmp_path: Path) -> None:
    with loaded(tmp_path, headers_of(tmp_path, RescaleSlope="0.3", PixelData=head_hu().tobytes())) as volume:
        expected = (head_hu().astype(np.float64) * 0.3 - 1024).astype(np.float32)
        assert np.array_equal(volume.slices_hu[0][expected > -1200], expected[expected > -1200])
        assert next(volume.stream()).dtype == np.float32


def test_the_digests_of_the_analysis_identity_come_along(tmp_path: Path) -> None:
    with loaded(tmp_path, headers_of(tmp_path)) as volume:
        assert volume.digests == tuple(pixel_digest(header) for header in volume.headers)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_one_slice_that_cannot_be_decoded_refuses_the_series(tmp_path: Path, reader: VolumeReader, syntax: str) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm", syntax=syntax)
    good = read_header(path)
    (tmp_path / "b.dcm").write_bytes(path.read_bytes()[: (good.pixel_offset or 0) + 100])
    bad = replace(good, path=tmp_path / "b.dcm")
    with reader.open([good, good, bad, good]) as volume, pytest.raises(PixelError) as caught:
        volume.load()
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS
    assert len(volume.digests) == 2


def test_what_a_header_shows_refuses_the_series_before_anything_is_decoded(
    tmp_path: Path, reader: VolumeReader
) -> None:
    headers = [replace(header, path=tmp_path / "gone") for header in headers_of(tmp_path)]
    headers[3] = replace(headers[3], pixel_bytes=10)
    with pytest.raises(PixelError, match="10 bytes"):
        reader.open(headers)


def test_one_impossible_matrix_is_unreadable_and_not_too_many_slices(tmp_path: Path, reader: VolumeReader) -> None:
    headers = headers_of(tmp_path)
    headers[3] = replace(headers[3], rows=65535, columns=65535)
    with pytest.raises(PixelError, match="65535 x 65535") as caught:
        reader.open(headers)
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS


def test_a_series_beyond_the_budget_is_refused_before_it_is_decoded(tmp_path: Path, reader: VolumeReader) -> None:
    headers = [replace(header, path=tmp_path / "gone") for header in headers_of(tmp_path)]
    with pytest.raises(PixelError) as caught:
        replace(reader, most_bytes=1000).open(headers)
    assert caught.value.rejection is Rejection.TOO_LARGE


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_fractions_that_need_more_than_the_budget_are_refused_while_reading(
    tmp_path: Path, reader: VolumeReader, syntax: str
) -> None:
    header = read_header(write(ct_slice(RescaleSlope="0.3"), tmp_path / "a.dcm", syntax=syntax))
    budget = 10 * 2 * header.rows * header.columns
    with replace(reader, most_bytes=budget).open([header] * 10) as volume, pytest.raises(PixelError) as caught:
        volume.load()
    assert caught.value.rejection is Rejection.TOO_LARGE


def test_an_empty_volume_has_nothing_to_give(reader: VolumeReader) -> None:
    with reader.open([]) as volume:
        volume.load()
        assert len(volume.slices_hu) == 0


def test_frames_of_one_file_are_slices_like_others(tmp_path: Path, reader: VolumeReader) -> None:
    frames = [head_hu() + np.int16(k) for k in range(4)]
    data = b"".join((hu.astype(np.int32) + 1024).astype("<i2").tobytes() for hu in frames)
    header = read_header(write(ct_slice(NumberOfFrames="4", PixelData=data), tmp_path / "e.dcm"))
    order = [3, 0, 2, 1]
    with reader.open([replace(header, frame=k + 1) for k in order]) as volume:
        for k, hu in zip(order, volume.stream(), strict=True):
            assert np.array_equal(hu, frames[k])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_anonymous_memory_grows_with_the_headers_of_the_slices_only(tmp_path: Path, syntax: str) -> None:
    """Slices of 64 kB: with their pixels in memory the slope would be four times the bound."""
    path = write(ct_slice(head_hu(180)), tmp_path / "a.dcm", syntax=syntax)
    used = {count: _anonymous_bytes(path, count) for count in (600, 3000)}
    assert used[3000] - used[600] < 2400 * MOST_ANONYMOUS_BYTES_PER_SLICE


def _anonymous_bytes(path: Path, slices: int) -> int:
    code = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from hounsfield.model.decoding.decoder import Decoder\n"
        "from hounsfield.model.headers import read_header\n"
        "from hounsfield.model.volume import VolumeReader\n"
        "path, count = Path(sys.argv[1]), int(sys.argv[2])\n"
        "headers = [replace(read_header(path), position=(0.0, 0.0, float(k))) for k in range(count)]\n"
        "with Decoder(seconds=60, memory_bytes=1 << 30, threads=2) as decoder:\n"
        "    with VolumeReader(folder=path.parent, decoder=decoder).open(headers) as volume:\n"
        "        assert sum(int(hu[90, 90]) for hu in volume.stream()) != 0 and volume.complete\n"
        "        status = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "print(int(status['RssAnon'].split()[0]) * 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, path, str(slices)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_volume_that_is_closed_early_gives_its_space_back(tmp_path: Path, reader: VolumeReader) -> None:
    volume: Volume = reader.open(headers_of(tmp_path))
    volume.first()
    volume.close()
    assert list((tmp_path / "scratch").iterdir()) == []
