"""One frame of a multi-frame instance: found by arithmetic or by items, never by a length that is only claimed."""

import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGLSLossless, RLELossless
from support.ct_factory import ct_slice, head_hu, write
from support.stored_values import read_raw

from hounsfield.model.codestreams import CodestreamError
from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.frames import FrameIndex, find_frames
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.pixels import read_pixels

FRAMES = 5
END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def stored(frame: int) -> np.ndarray:
    """Different in every frame, with the number of the frame in its first pixel."""
    values = (head_hu(16) + 1024 + 10 * frame).astype(np.uint16)
    values[0, 0] = frame
    return values


def of_frame(header: SliceHeader, frame: int) -> SliceHeader:
    return replace(header, frame=frame)


def native(path: Path, syntax: str = ExplicitVRLittleEndian, frames: int = FRAMES, **attributes: object) -> SliceHeader:
    data = b"".join(stored(k + 1).tobytes() for k in range(frames))
    dataset = ct_slice(head_hu(16), NumberOfFrames=str(frames), PixelRepresentation=0, PixelData=data)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return read_header(write(dataset, path, syntax=syntax))


def encoded(path: Path, syntax: str = JPEGLSLossless) -> list[bytes]:
    """The frames one by one, as codestreams."""
    found = []
    for k in range(FRAMES):
        dataset = ct_slice(head_hu(16), PixelRepresentation=0, PixelData=stored(k + 1).tobytes())
        header = read_header(write(dataset, path, syntax=syntax))
        with path.open("rb") as file:
            found.append(FrameIndex().read(file.fileno(), header, 1 << 20))
    return found


def encapsulated(path: Path, value: bytes, syntax: str = JPEGLSLossless) -> SliceHeader:
    """A multi-frame instance whose pixel data is ``value``."""
    dataset = ct_slice(head_hu(16), PixelRepresentation=0, PixelData=stored(1).tobytes())
    content = write(dataset, path, syntax=syntax).read_bytes()
    path.write_bytes(content[: read_header(path).pixel_offset] + value)
    return replace(read_header(path), frames=FRAMES)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_frames_lie_where_the_arithmetic_says(tmp_path: Path, syntax: str) -> None:
    header = native(tmp_path / "n.dcm", syntax)
    for k in range(1, FRAMES + 1):
        assert np.array_equal(read_raw(of_frame(header, k)), stored(k))


def test_odd_frames_of_bytes_in_big_endian_words_are_found(tmp_path: Path) -> None:
    frames = np.arange(3 * 15, dtype=np.uint8).reshape(3, 3, 5)
    words = np.frombuffer(frames.tobytes() + b"\0", "<u2").astype(">u2")
    dataset = ct_slice(
        np.zeros((3, 5), np.int16),
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        NumberOfFrames="3",
        PixelData=words.astype("<u2").tobytes(),
    )
    path = write(dataset, tmp_path / "b.dcm")
    header = replace(read_header(path), transfer_syntax=ExplicitVRBigEndian)
    path.write_bytes(path.read_bytes()[: header.pixel_offset] + words.tobytes())
    for k in range(3):
        assert np.array_equal(read_raw(of_frame(header, k + 1)), frames[k])


@pytest.mark.parametrize("frame", [0, FRAMES + 1, -1])
def test_a_frame_that_is_not_there_is_refused(tmp_path: Path, frame: int) -> None:
    with pytest.raises(PixelError) as caught:
        read_raw(of_frame(native(tmp_path / "n.dcm"), frame))
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS


@pytest.mark.parametrize("frames", [FRAMES - 1, FRAMES + 1, 1, 2**31 - 1])
def test_a_number_of_frames_that_the_data_does_not_hold_is_refused(tmp_path: Path, frames: int) -> None:
    header = replace(native(tmp_path / "n.dcm"), frames=frames)
    with pytest.raises(PixelError, match=r"bytes|is not read"):
        read_raw(of_frame(header, 1))


def test_the_first_frame_never_stands_for_an_image_of_several(tmp_path: Path) -> None:
    with pytest.raises(PixelError, match="without a description of its frames"):
        read_pixels(native(tmp_path / "n.dcm"))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless])
@pytest.mark.parametrize(("fragments", "table"), [(1, True), (1, False), (3, True)])
def test_encapsulated_frames_are_found_with_and_without_an_offset_table(
    tmp_path: Path, syntax: str, fragments: int, table: bool
) -> None:
    frames = encoded(tmp_path / "one.dcm", syntax)
    value = encapsulate(frames, fragments_per_frame=fragments, has_bot=table) + END
    header = encapsulated(tmp_path / "e.dcm", value, syntax)
    index = FrameIndex()
    for k in (3, 1, 5, 2, 4):
        assert np.array_equal(read_raw(of_frame(header, k), index), stored(k))


def test_frames_with_an_extended_offset_table_are_one_fragment_each(tmp_path: Path) -> None:
    value, _, _ = encapsulate_extended(encoded(tmp_path / "one.dcm"))
    header = encapsulated(tmp_path / "e.dcm", value + END)
    assert [int(read_raw(of_frame(header, k + 1))[0, 0]) for k in range(FRAMES)] == [1, 2, 3, 4, 5]


def _changed_table(value: bytes, entry: int, offset: int) -> bytes:
    at = 8 + 4 * entry
    return value[:at] + struct.pack("<I", offset) + value[at + 4 :]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda v: _changed_table(v, 1, 0),
        lambda v: _changed_table(v, 0, 8),
        lambda v: _changed_table(v, 2, 2**32 - 1),
        lambda v: _changed_table(_changed_table(v, 1, 2**20), 2, 2**21),
        lambda v: v[:4] + struct.pack("<I", 16) + v[8:24] + v[28:],  # one entry less
        lambda v: v[:4] + struct.pack("<I", 4 * FRAMES - 2) + v[8:],
        lambda v: v[: -len(END)],
        lambda v: v[: len(v) // 2],
        lambda v: v[:4] + struct.pack("<I", 2**32 - 1) + v[8:],
        lambda v: END,
        lambda v: b"",
    ],
)
def test_a_table_or_items_that_lie_are_refused(tmp_path: Path, break_it: object) -> None:
    value = encapsulate(encoded(tmp_path / "one.dcm"), fragments_per_frame=2) + END
    header = encapsulated(tmp_path / "e.dcm", break_it(value))  # type: ignore[operator]
    with pytest.raises(PixelError) as caught:
        read_raw(of_frame(header, 2))
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS


def test_fragments_without_a_table_that_do_not_come_one_a_frame_are_refused(tmp_path: Path) -> None:
    value = encapsulate(encoded(tmp_path / "one.dcm"), fragments_per_frame=2, has_bot=False) + END
    with pytest.raises(PixelError, match="another number of frames"):
        read_raw(of_frame(encapsulated(tmp_path / "e.dcm", value), 1))


def test_a_thousand_frames_are_indexed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = encapsulated(tmp_path / "e.dcm", encapsulate(encoded(tmp_path / "one.dcm")) + END)
    calls: list[int] = []

    def counted(*arguments: int) -> object:
        calls.append(1)
        return find_frames(*arguments)

    monkeypatch.setattr("hounsfield.model.frames.find_frames", counted)
    index = FrameIndex()
    for k in range(FRAMES):
        read_raw(of_frame(header, k + 1), index)
    assert len(calls) == 1


def test_more_fragments_than_anything_real_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.model.frames.MOST_FRAGMENTS", 10)
    path = tmp_path / "many"
    path.write_bytes((b"\xfe\xff\x00\xe0" + struct.pack("<I", 2) + b"ab") * 20 + END)
    with path.open("rb") as file, pytest.raises(CodestreamError):
        find_frames(file.fileno(), 0, 1)


def test_threads_share_an_index_of_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.model.frames.find_frames", lambda *_: ())
    header, index = native(tmp_path / "n.dcm"), FrameIndex()
    headers = [replace(header, path=tmp_path / f"{number}.dcm") for number in range(23)]

    def ask(first: int) -> None:
        for number in range(12_000):
            index._of(0, headers[(first + 7 * number) % len(headers)])

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
    finally:
        sys.setswitchinterval(usual)
    assert len(index._known) == FrameIndex._MOST_FILES
