"""From stored bytes to HU, and what is refused before anything large is allocated."""

import base64
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from support.ct_factory import SIZE, ct_slice, head_hu, write
from support.stored_values import read_raw

from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.pixels import read_pixels

LOSSLESS = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
]

HTJ2K = base64.b64decode(
    "/0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCIkJCQkJCQkJCQ"
    "kJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAMYAAf+TwAAmC/wFB3QAAMAAEsAAEsAAEoD0AAd0AFgCh3QA3QCHdADAABUQ"
    "AAVMAAFQDOAT/gBGtAAksH3A4ACBlAAayBX8AGCUAMAAFZAABaUAAFQA7ic8BvL+hw+jwnYAu/jNcfhNXfyGFr/5wGMBTdYAofrAIoP4dgDAACvg"
    "ABdDAACcJEnWrSPngFOGI6enQnoA2nlDu97QrjfI8EbUvbGdN7brje288f2AUoHPmUoHNnsA2/3+IUB1AP/Z"
)
"""16 x 16 values, 7 k mod 1500, encoded by OpenJPH: the codecs in use here decode HTJ2K and do not encode it."""


def header_of(tmp_path: Path, dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> SliceHeader:
    return read_header(write(dataset, tmp_path / "one.dcm", syntax=syntax))


def compressed(dataset: Dataset, path: Path, syntax: str, frame: bytes) -> SliceHeader:
    """A file whose one frame is ``frame`` as it is."""
    write(dataset, path, syntax=RLELossless)
    content = path.read_bytes()
    start = read_header(path).pixel_offset or 0
    header = content[:start].replace(b"UI\x14\x001.2.840.10008.1.2.5\0", _ui(syntax), 1)
    path.write_bytes(header + encapsulate([frame]) + b"\xfe\xff\xdd\xe0\0\0\0\0")
    return read_header(path)


def _ui(syntax: str) -> bytes:
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    return b"UI" + struct.pack("<H", len(value)) + value


def frame_of(path: Path) -> bytes:
    start = read_header(path).pixel_offset or 0
    return next(generate_frames(path.read_bytes()[start:], number_of_frames=1))


def refused(header: SliceHeader, rejection: Rejection = Rejection.UNREADABLE_PIXELS) -> str:
    with pytest.raises(PixelError) as caught:
        read_pixels(header)
    assert caught.value.rejection is rejection
    return str(caught.value)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_every_lossless_syntax_gives_the_same_hu(tmp_path: Path, syntax: str) -> None:
    pixels = read_pixels(header_of(tmp_path, ct_slice(), syntax))
    assert pixels.hu.dtype == np.int16
    assert np.array_equal(pixels.hu, head_hu())
    assert not pixels.padding.any()


def test_htj2k_is_decoded(tmp_path: Path) -> None:
    dataset = ct_slice(np.zeros((16, 16), np.int16), PixelRepresentation=0)
    header = compressed(dataset, tmp_path / "x.dcm", HTJ2KLossless, HTJ2K)
    assert np.array_equal(read_raw(header), np.arange(256).reshape(16, 16) * 7 % 1500)


@pytest.mark.parametrize(
    ("slope", "intercept", "factor"), [("1", "0", 1.0), ("2", "-1000", 2.0), ("0.5", "-1024.5", 0.5), ("1.5", "3", 1.5)]
)
def test_rescale_is_applied_without_integer_overflow(tmp_path: Path, slope: str, intercept: str, factor: float) -> None:
    stored = np.full((8, 8), 30000, np.int16)
    dataset = ct_slice(stored, RescaleSlope=slope, RescaleIntercept=intercept, PixelData=stored.tobytes())
    hu = read_pixels(header_of(tmp_path, dataset)).hu
    expected = np.float32(30000 * factor + float(intercept))
    assert np.all(hu == expected)
    assert hu.dtype == (np.int16 if expected == round(expected) and expected < 32768 else np.float32)


def test_12_bits_in_16_are_masked_and_sign_extended(tmp_path: Path) -> None:
    stored = np.array([[0x0FFF, 0x0800], [0x07FF, 0xF123]], np.uint16)  # the last with rubbish above bit 11
    dataset = ct_slice(
        np.zeros((2, 2), np.int16),
        BitsStored=12,
        HighBit=11,
        RescaleIntercept="0",
        PixelData=stored.tobytes(),
    )
    assert read_raw(header_of(tmp_path, dataset)).tolist() == [[-1, -2048], [2047, 0x123]]
    dataset.PixelRepresentation = 0
    assert read_raw(header_of(tmp_path, dataset)).tolist() == [[0xFFF, 0x800], [0x7FF, 0x123]]


def test_an_odd_high_bit_shifts_the_sample_down(tmp_path: Path) -> None:
    stored = np.array([[0x0FFF << 4, 0x0123 << 4 | 0xF]], np.uint16)
    dataset = ct_slice(
        np.zeros((1, 2), np.int16), BitsStored=12, HighBit=15, PixelRepresentation=0, PixelData=stored.tobytes()
    )
    assert read_raw(header_of(tmp_path, dataset)).tolist() == [[0xFFF, 0x123]]


def test_declared_padding_becomes_air_and_is_masked(tmp_path: Path) -> None:
    stored = head_hu().astype(np.int16).copy()
    stored[:5] = -1500
    dataset = ct_slice(stored, RescaleIntercept="0", PixelPaddingValue=-1500)
    pixels = read_pixels(header_of(tmp_path, dataset))
    hu, mask = pixels.hu, pixels.padding
    assert np.all(hu[:5] == -1024)
    assert mask[:5].all()
    assert not mask[5:].any()
    assert np.array_equal(hu[5:], stored[5:])


def test_undeclared_corners_of_minus_2000_are_padding_too(tmp_path: Path) -> None:
    stored = (head_hu().astype(np.int16) + 1024).copy()
    stored[:, :3] = -2000
    pixels = read_pixels(header_of(tmp_path, ct_slice(PixelData=stored.tobytes())))
    assert pixels.padding[:, :3].all()
    assert pixels.hu.min() == -1024


def test_a_padding_value_that_is_tissue_is_not_believed(tmp_path: Path) -> None:
    dataset = ct_slice(np.zeros((8, 8), np.int16), RescaleIntercept="0", PixelPaddingValue=0)
    pixels = read_pixels(header_of(tmp_path, dataset))
    hu, mask = pixels.hu, pixels.padding
    assert np.all(hu == 0)
    assert not mask.any()


def test_a_padding_range_is_masked_as_a_whole(tmp_path: Path) -> None:
    stored = np.array([[-1100, -1050, -1000, 40]], np.int16)
    dataset = ct_slice(stored, RescaleIntercept="0", PixelPaddingValue=-1100, PixelPaddingRangeLimit=-1050)
    assert read_pixels(header_of(tmp_path, dataset)).padding.tolist() == [[True, True, False, False]]


@pytest.mark.parametrize(
    "attributes", [{"RescaleSlope": None}, {"RescaleIntercept": None}, {"RescaleSlope": "0"}, {"RescaleSlope": ""}]
)
def test_hu_are_never_guessed_without_rescale(tmp_path: Path, attributes: dict[str, object]) -> None:
    data = ct_slice().PixelData
    refused(header_of(tmp_path, ct_slice(**{"PixelData": data} | attributes)), Rejection.NO_RESCALE)


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 0},
        {"Rows": SIZE + 1},
        {"NumberOfFrames": 2},
        {"BitsAllocated": 12},
        {"BitsStored": 17},
        {"BitsStored": 0},
        {"HighBit": 16},
        {"HighBit": 7},
        {"PixelData": b""},
        {"PixelData": None},
        {"PixelData": b"\0\0"},
    ],
)
def test_what_cannot_be_is_refused_before_decoding(tmp_path: Path, attributes: dict[str, object]) -> None:
    assert refused(header_of(tmp_path, ct_slice(**attributes)))


def test_colour_is_not_hu(tmp_path: Path) -> None:
    refused(header_of(tmp_path, ct_slice(SamplesPerPixel=3)), Rejection.NOT_HU)
    refused(header_of(tmp_path, ct_slice(PhotometricInterpretation="PALETTE COLOR")), Rejection.NOT_HU)


def test_pixel_data_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "one.dcm")
    path.write_bytes(path.read_bytes()[:-2])
    assert "bytes" in refused(read_header(path))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, syntax: str) -> None:
    """A frame of 64 x 64 in a data set that claims the largest matrix that is read at all."""
    header = header_of(tmp_path, ct_slice(), syntax)
    refused(replace(header, rows=4096, columns=4096))
    refused(replace(header, rows=65535, columns=65535))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_a_frame_that_claims_more_than_the_data_set_is_refused(tmp_path: Path, syntax: str) -> None:
    path = write(ct_slice(), tmp_path / "one.dcm", syntax=syntax)
    frame = bytearray(frame_of(path))
    if syntax == JPEG2000Lossless:
        at = frame.find(b"\xff\x51") + 6
        frame[at : at + 8] = struct.pack(">II", 60000, 60000)
    else:
        at = frame.find(b"\xff\xf7") + 5
        frame[at : at + 4] = struct.pack(">HH", 60000, 60000)
    assert "another size" in refused(compressed(ct_slice(), tmp_path / "bomb.dcm", syntax, bytes(frame)))


@pytest.mark.parametrize(
    "frame",
    [
        b"\0\0",
        b"\0" * 10,
        struct.pack("<16I", 0, *[0] * 15) + b"\0" * 100,
        struct.pack("<16I", 15, *[64] * 15) + b"\0" * 100,
        struct.pack("<16I", 2, 64, 4_000_000_000, *[0] * 13) + b"\0" * 100,
        struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x7f\0" * 100,
    ],
)
def test_a_damaged_rle_frame_is_refused(tmp_path: Path, frame: bytes) -> None:
    refused(compressed(ct_slice(), tmp_path / "x.dcm", RLELossless, frame))


def test_a_syntax_without_decoder_is_refused_in_words(tmp_path: Path) -> None:
    header = compressed(ct_slice(), tmp_path / "x.dcm", "1.2.840.10008.1.2.4.100", b"\0" * 100)
    assert "no decoder" in refused(header)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_mutated_frames_decode_or_are_refused_and_nothing_else(tmp_path: Path, syntax: str) -> None:
    path = write(ct_slice(), tmp_path / "one.dcm", syntax=syntax)
    content = path.read_bytes()
    start = read_header(path).pixel_offset or 0
    dice = np.random.default_rng(3)
    outcomes: set[object] = set()
    for _ in range(60):
        changed = bytearray(content)
        for at in dice.integers(start, len(content), 4):
            changed[at] = dice.integers(256)
        path.write_bytes(changed[: int(dice.integers(start, len(content)))] if dice.random() < 0.3 else changed)
        try:
            hu = read_pixels(read_header(path)).hu
        except PixelError as error:
            outcomes.add(error.rejection)
        else:
            outcomes.add(hu.shape)
    assert Rejection.UNREADABLE_PIXELS in outcomes
    assert outcomes <= {(SIZE, SIZE), Rejection.UNREADABLE_PIXELS}
