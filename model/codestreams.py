"""One encoded frame: what its own header claims, and its samples. Nothing is decoded before the claim was checked.

Each transfer syntax has one decoder; a frame it cannot decode is refused, not guessed at with another one. All of them
let other threads run meanwhile; which is the fastest is measured by benchmarks/pixels.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RLE: Final = "1.2.840.10008.1.2.5"
_JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51))
_JPEG_LOSSLESS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (57, 70))
_JPEG_LS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (80, 81))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91))
_HTJ2K = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (201, 202, 203))
DECODABLE: Final = frozenset({RLE}) | _JPEG | _JPEG_LOSSLESS | _JPEG_LS | _JPEG_2000 | _HTJ2K
"""Encapsulated transfer syntaxes that are decoded; 12-bit .51 is not."""

_RLE_MOST_GAIN = 64
"""Two bytes of RLE give at most 128."""
_RLE_NOTHING = b"\x80" * 129
"""Run bytes that do nothing: they complete a last run that the padding of a segment has begun."""
_RLE_SPARE = 512
"""Bytes that a segment may give beyond the matrix."""

Samples = NDArray[np.integer]


class CodestreamError(ValueError):
    """The frame is damaged, claims another size than the data set, or cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a data set (or a frame's own header) says about the frame."""

    rows: int
    columns: int
    bits: int
    """Bits allocated for a data set, sample precision for a frame."""


def decode(syntax: str, frame: bytes, shape: Shape) -> Samples:
    """Decode a greyscale frame to unsigned integers (rows, columns); signed samples stand there as two's complement.

    Raises:
        CodestreamError: see there. No memory beyond ``shape`` is taken before the frame's header was compared with it.
    """
    if syntax not in DECODABLE:
        raise CodestreamError("no decoder for this transfer syntax")
    if syntax == RLE:
        _check_rle(frame, shape)
        return _decode_rle(frame, shape)
    claim = _claim_2000(frame) if syntax in _JPEG_2000 | _HTJ2K else _claim_jpeg(frame)
    if (claim.rows, claim.columns) != (shape.rows, shape.columns):
        raise CodestreamError("the compressed frame has another size than the data set says")
    if not 2 <= claim.bits <= 16:
        raise CodestreamError(f"{claim.bits} bits per sample are not supported")
    if syntax in _JPEG and claim.bits != 8:
        raise CodestreamError("12-bit lossy JPEG is not decoded")
    try:
        samples = _decoder(syntax)(frame)
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise CodestreamError(f"the compressed frame is damaged ({type(error).__name__})") from None
    if samples.shape != (shape.rows, shape.columns) or samples.dtype.kind not in "iu" or samples.dtype.itemsize > 2:
        raise CodestreamError("the compressed frame decodes to another size than the data set says")
    return samples.view(f"u{samples.dtype.itemsize}")


def _decoder(syntax: str) -> Callable[[bytes], Samples]:
    """Imported at first use: each is a shared library of its own."""
    import imagecodecs

    if syntax in _JPEG_LOSSLESS:
        return imagecodecs.ljpeg_decode
    if syntax in _JPEG_LS:
        return imagecodecs.jpegls_decode
    if syntax in _JPEG_2000:
        return imagecodecs.jpeg2k_decode
    if syntax in _HTJ2K:
        return imagecodecs.htj2k_decode
    return imagecodecs.jpeg8_decode


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


def _decode_rle(frame: bytes, shape: Shape) -> Samples:
    """Segment by segment: the most significant bytes of all pixels first (PS3.5 G.2); PackBits is the same code."""
    from imagecodecs import packbits_decode

    count, pixels = shape.bits // 8, shape.rows * shape.columns
    offsets = [*struct.unpack_from(f"<{count}I", frame, 4), len(frame)]
    planes = np.empty((pixels, count), np.uint8)
    for k in range(count):
        segment = frame[offsets[k] : offsets[k + 1]] + _RLE_NOTHING
        try:
            plane = packbits_decode(segment, out=pixels + _RLE_SPARE)
        except (RuntimeError, ValueError, MemoryError):
            raise CodestreamError("the RLE data is damaged") from None
        if len(plane) < pixels:
            raise CodestreamError("the RLE data is too short for the matrix")
        planes[:, count - 1 - k] = np.frombuffer(plane, np.uint8, pixels)
    return planes.view(f"<u{count}").reshape(shape.rows, shape.columns)


def _claim_jpeg(frame: bytes) -> Shape:
    return _single(*jpeg_claim(frame))


def jpeg_claim(frame: bytes) -> tuple[Shape, int]:
    """Return what the frame header (SOF) of JPEG (ITU-T T.81 B.2.2) or JPEG-LS (T.87 C.2.2) says, and the components.

    Raises CodestreamError.
    """
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
            return Shape(rows, columns, bits), components
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
