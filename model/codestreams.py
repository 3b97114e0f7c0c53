"""One encoded frame: what its own header claims, and its samples. Nothing is decoded before the claim was checked.

Each transfer syntax has one decoder; a frame it cannot decode is refused, not guessed at with another one.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

RLE: Final = "1.2.840.10008.1.2.5"
_JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51))
_JPEG_LOSSLESS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (57, 70))
_JPEG_LS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (80, 81))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))
DECODABLE: Final = frozenset({RLE}) | _JPEG | _JPEG_LOSSLESS | _JPEG_LS | _JPEG_2000
"""Encapsulated transfer syntaxes that are decoded; 12-bit .51 is not."""

_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_RLE_MOST_GAIN = 64
"""Two bytes of RLE give at most 128."""
_RLE_NOTHING = b"\x80" * 129


class CodestreamError(ValueError):
    """The frame is damaged, claims another size than the data set, or cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a data set (or a frame's own header) says about the frame."""

    rows: int
    columns: int
    bits: int
    """Bits allocated for a data set, sample precision for a frame."""


def join_fragments(value: bytes) -> bytes:
    """The one frame of an encapsulated value: its fragments without the offset table (PS3.5 A.4).

    Raises CodestreamError if the items do not fill the value up to their delimiter.
    """
    fragments: list[bytes] = []
    at = 0
    while at + 8 <= len(value):
        tag, length = value[at : at + 4], int.from_bytes(value[at + 4 : at + 8], "little")
        at += 8 + length
        if tag == _SEQUENCE_END:
            return b"".join(fragments[1:])
        if tag != _ITEM or at > len(value):
            break
        fragments.append(value[at - length : at])
    raise CodestreamError("the encapsulated pixel data is damaged or cut off")


def decode(syntax: str, frame: bytes, shape: Shape) -> NDArray[np.integer]:
    """Decode a greyscale frame to (rows, columns) integers as the codec gives them.

    Raises:
        CodestreamError: see there. No memory beyond ``shape`` is taken before the frame's header was compared with it.
    """
    if syntax not in DECODABLE:
        raise CodestreamError("no decoder for this transfer syntax")
    if syntax == RLE:
        _check_rle(frame, shape)
        return _decode_rle(frame, shape)
    claim = _claim_2000(frame) if syntax in _JPEG_2000 else _claim_jpeg(frame)
    if (claim.rows, claim.columns) != (shape.rows, shape.columns):
        raise CodestreamError("the compressed frame has another size than the data set says")
    if not 2 <= claim.bits <= 16:
        raise CodestreamError(f"{claim.bits} bits per sample are not supported")
    decoder: Callable[[bytes, Shape], bytes | bytearray] = _decode_gdcm
    if syntax in _JPEG_LS:
        decoder = _decode_jpeg_ls
    elif syntax in _JPEG_2000:
        decoder = _decode_2000
    elif syntax in _JPEG and claim.bits != 8:
        raise CodestreamError("12-bit lossy JPEG is not decoded")
    try:
        samples = decoder(frame, claim)
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise CodestreamError(f"the compressed frame is damaged ({type(error).__name__})") from None
    dtype: np.dtype[np.unsignedinteger] = np.dtype("<u1" if claim.bits <= 8 else "<u2")
    if len(samples) != shape.rows * shape.columns * dtype.itemsize:
        raise CodestreamError("the compressed frame decodes to another size than the data set says")
    return _samples(samples, dtype, shape)


def _check_rle(frame: bytes, shape: Shape) -> None:
    """RLE header of PS3.5 G.5: number of segments, then their offsets."""
    if len(frame) < 64:
        raise CodestreamError("the RLE header is cut off")
    count, *offsets = struct.unpack_from("<16I", frame)
    if count != shape.bits // 8:
        raise CodestreamError("the RLE header has another number of segments than bytes per pixel")
    used = offsets[:count]
    if used[0] != 64 or any(b <= a for a, b in zip(used, [*used[1:], len(frame)], strict=True)):
        raise CodestreamError("the RLE header has impossible offsets")
    pixels = shape.rows * shape.columns
    for start, end in zip(used, [*used[1:], len(frame)], strict=True):
        if pixels > _RLE_MOST_GAIN * (end - start):
            raise CodestreamError("the RLE data is too short for the matrix")
        if end - start > 2 * pixels + 512:
            raise CodestreamError("the RLE data is too long for the matrix")


def _decode_rle(frame: bytes, shape: Shape) -> NDArray[np.integer]:
    """Segment by segment: the most significant bytes of all pixels first (PS3.5 G.2)."""
    from rle.rle import decode_segment

    count, pixels = shape.bits // 8, shape.rows * shape.columns
    offsets = [*struct.unpack_from(f"<{count}I", frame, 4), len(frame)]
    planes = np.empty((pixels, count), np.uint8)
    for k in range(count):
        # Run bytes of 0x80 do nothing: they keep a damaged last run from reaching beyond the segment, where the
        # decoder would panic.
        segment = frame[offsets[k] : offsets[k + 1]] + _RLE_NOTHING
        try:
            plane = decode_segment(segment)
        except ValueError:
            raise CodestreamError("the RLE data is damaged") from None
        if len(plane) < pixels:
            raise CodestreamError("the RLE data is too short for the matrix")
        planes[:, count - 1 - k] = np.frombuffer(plane, np.uint8, pixels)
    return _samples(planes.tobytes(), np.dtype(f"<u{count}"), shape)


def _samples(samples: bytes | bytearray, dtype: np.dtype[np.unsignedinteger], shape: Shape) -> NDArray[np.integer]:
    flat: NDArray[np.integer] = np.frombuffer(samples, dtype)
    return flat.reshape(shape.rows, shape.columns)


def _claim_jpeg(frame: bytes) -> Shape:
    """Frame header (SOF) of JPEG (ITU-T T.81 B.2.2) or JPEG-LS (T.87 C.2.2)."""
    at = 2
    if frame[:2] != b"\xff\xd8":
        raise CodestreamError("the frame is no JPEG codestream")
    while at + 10 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            bits, rows, columns, components = struct.unpack_from(">BHHB", frame, at + 4)
            return _single(Shape(rows, columns, bits), components)
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    raise CodestreamError("the JPEG codestream has no frame header")


def _claim_2000(frame: bytes) -> Shape:
    """SIZ segment of a JPEG 2000 codestream (ITU-T T.800 A.5.1), also inside a JP2 box."""
    at = frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if at < 0 or len(frame) < at + 45:
        raise CodestreamError("the frame is no JPEG 2000 codestream")
    width, height, x, y = struct.unpack_from(">4I", frame, at + 8)
    components, depth = struct.unpack_from(">HB", frame, at + 40)
    return _single(Shape(height - y, width - x, (depth & 0x7F) + 1), components)


def _single(shape: Shape, components: int) -> Shape:
    if components != 1:
        raise CodestreamError("the compressed frame is not greyscale")
    return shape


def _decode_jpeg_ls(frame: bytes, _: Shape) -> bytes | bytearray:
    from jpeg_ls import decode_pixel_data

    return cast(bytearray, decode_pixel_data(frame)[0])


def _decode_2000(frame: bytes, _: Shape) -> bytes | bytearray:
    from openjpeg.utils import decode_pixel_data

    return cast(bytearray, decode_pixel_data(frame, version=2))


def _decode_gdcm(frame: bytes, shape: Shape) -> bytes | bytearray:
    """JPEG lossless and baseline. Only the bare frame goes to GDCM: its file parser must not see foreign files."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((shape.columns, shape.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    lossless = frame.find(b"\xff\xc3", 0, 4096) >= 0
    name = "1.2.840.10008.1.2.4.70" if lossless else "1.2.840.10008.1.2.4.50"
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(name)))
    allocated = 8 if shape.bits <= 8 else 16
    image.SetPixelFormat(gdcm.PixelFormat(1, allocated, shape.bits, shape.bits - 1, 0))
    samples = image.GetBuffer()
    if samples is None:
        raise ValueError("GDCM does not decode the frame")
    return cast(bytes, samples.encode("utf-8", "surrogateescape"))  # GDCM's Python layer hands out char* as str
