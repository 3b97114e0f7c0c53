"""From one frame's pixel data to HU, with every check before anything large is allocated.

Order (it is part of what a model was trained on): decode, mask and sign-extend by Bits Stored, rescale, padding.
"""

import hashlib
import os
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.codestreams import DECODABLE, RLE, CodestreamError, Shape, decode
from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.frames import MOST_FRAMES, FrameIndex, PixelSource, frame_place, native_span
from hounsfield.model.walker import EXPLICIT_BIG

MOST_PIXELS: Final = 4096 * 4096
"""Budget of one slice; the largest CT matrices are 2048."""
MOST_ENCODED_BYTES: Final = 2 * MOST_PIXELS + 65536
AIR_HU: Final = -1024
"""What padding is set to."""
OUTSIDE_HU: Final = -1200
"""Below it a value is no tissue and no air: the corners outside the scan circle, often -2000, declared or not."""
_HIGHEST_PADDING_HU: Final = -900.0
_INT16: Final = np.iinfo(np.int16)
_HASHED_AT_ONCE: Final = 16384

Hu = NDArray[np.int16] | NDArray[np.float32]
"""int16 where all HU are whole numbers in its range (nearly always), else float32."""
Mask = NDArray[np.bool_]
Raw = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Pixels:
    """One slice, read."""

    hu: Hu
    """(rows, columns); -1024 where ``padding`` says so."""
    padding: Mask
    stored: Raw
    """The stored values themselves, masked and sign-extended by Bits Stored."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the stored values as little-endian int32: the pixels' part of the analysis identity."""
        return _digest(self.stored)


def read_pixels(source: PixelSource, index: FrameIndex | None = None) -> Pixels:
    """Read one slice: its stored values, its HU, and where it is padding.

    Raises:
        PixelError: with the rejection; nothing of the size the header claims was allocated before it was checked.
    """
    if source.slope is None or source.intercept is None or source.slope == 0.0:
        raise PixelError(Rejection.NO_RESCALE, "rescale slope or intercept is missing or not a number")
    raw = _stored_values(source, index)
    hu, mask = _to_hu(raw, source.slope, source.intercept, source.padding, source.padding_limit)
    return Pixels(hu, mask, raw)


def pixel_digest(source: PixelSource, index: FrameIndex | None = None) -> str:
    """Return the digest of a slice's stored values; it needs no rescale. Raises PixelError."""
    return _digest(_stored_values(source, index))


def check(source: PixelSource) -> None:
    """Refuse what the header alone shows to be impossible. Raises PixelError."""
    if source.pixel_offset is None:
        raise _unreadable("there is no pixel data")
    _check_frame(source)
    if source.samples != 1 or source.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise PixelError(Rejection.NOT_HU, "the image is not greyscale")
    if min(source.rows, source.columns) < 1 or source.rows * source.columns > MOST_PIXELS:
        raise _unreadable(f"a matrix of {source.rows} x {source.columns} is not read")
    if source.bits_allocated not in (8, 16, 32):
        raise _unreadable(f"{source.bits_allocated} bits allocated are not read")
    if not 1 <= source.bits_stored <= source.bits_allocated or source.high_bit >= source.bits_allocated:
        raise _unreadable("Bits Allocated, Bits Stored and High Bit contradict each other")
    if source.high_bit + 1 < source.bits_stored:
        raise _unreadable("Bits Stored and High Bit contradict each other")
    if source.native:
        _check_length(source)
    elif source.transfer_syntax not in DECODABLE:
        raise _unreadable("no decoder for this transfer syntax")


def _check_frame(source: PixelSource) -> None:
    if source.frame is None and source.frames != 1:
        raise _unreadable("a multi-frame image without a description of its frames is not read")
    if not 1 <= frame_place(source) + 1 <= source.frames <= MOST_FRAMES:
        raise _unreadable(f"frame {source.frame} of {source.frames} is not read")


def _check_length(source: PixelSource) -> None:
    expected = source.frames * source.rows * source.columns * source.bits_allocated // 8
    if source.pixel_bytes not in (expected, expected + expected % 2):
        raise _unreadable(f"pixel data has {source.pixel_bytes} bytes, the matrix needs {expected}")


def _stored_values(source: PixelSource, index: FrameIndex | None) -> Raw:
    """The samples in the narrowest type the file has for them, at most 32 bits."""
    check(source)
    try:
        with source.path.open("rb", buffering=0) as file:
            if source.native:
                values = _native(source, file.fileno())
            else:
                frame = (index or FrameIndex()).read(file.fileno(), source, MOST_ENCODED_BYTES)
                values = decode(
                    source.transfer_syntax, frame, Shape(source.rows, source.columns, source.bits_allocated)
                )
    except CodestreamError as error:
        raise _unreadable(str(error)) from None
    except OSError as error:
        raise _unreadable(f"the file cannot be read ({type(error).__name__})") from None
    return _sign_extend(values, source)


def _native(source: PixelSource, file: int) -> Raw:
    start, length = native_span(source)
    size = source.bits_allocated // 8
    swapped = source.transfer_syntax == EXPLICIT_BIG and size == 1
    shift = start % 2 if swapped else 0
    taken = length + shift + (length + shift) % 2 if swapped else length
    value = os.pread(file, taken, (source.pixel_offset or 0) + start - shift)
    if len(value) < taken:
        raise CodestreamError("pixel data is cut off")
    if swapped:
        value = _swap_words(value)
    order = ">" if source.transfer_syntax == EXPLICIT_BIG else "<"
    count = source.rows * source.columns
    return np.frombuffer(value, f"{order}u{size}", count, shift).reshape(source.rows, source.columns)


def _swap_words(value: bytes) -> bytes:
    """Big-endian OW holds 8-bit samples in swapped pairs (PS3.5 8.1.2)."""
    return np.frombuffer(value, ">u2").astype("<u2").tobytes()


def _sign_extend(values: Raw, source: PixelSource) -> Raw:
    """Only Bits Stored bits below High Bit are the sample; overlays and rubbish above them go (PS3.5 8.1.1)."""
    bits = source.bits_stored
    width = 8 * values.dtype.itemsize
    if width < bits:
        width = 16 if bits <= 16 else 32
    values = values.astype(f"<u{width // 8}", copy=False)
    in_container = source.native or source.transfer_syntax == RLE
    high_bit = source.high_bit if in_container else bits - 1
    kind = f"<{'i' if source.pixel_representation == 1 else 'u'}{width // 8}"
    if high_bit + 1 < width:
        values = values << (width - 1 - high_bit)
    typed: Raw = values.view(kind)
    return typed >> (width - bits) if bits < width else typed


def _digest(raw: Raw) -> str:
    """Widened piece by piece: the whole in 32 bits would go to memory and back."""
    digest = hashlib.sha256()
    flat = np.ravel(raw)
    for start in range(0, flat.size, _HASHED_AT_ONCE):
        digest.update(flat[start : start + _HASHED_AT_ONCE].astype("<i4").data)
    return digest.hexdigest()


def _to_hu(raw: Raw, slope: float, intercept: float, padding: int | None, limit: int | None) -> tuple[Hu, Mask]:
    if slope == 1.0 and intercept == round(intercept) and abs(intercept) < 2**20 and raw.dtype.itemsize <= 2:
        whole: Raw = _shifted(raw, int(intercept))
        mask = _padding_mask(raw, whole < OUTSIDE_HU, slope, intercept, padding, limit)
        if mask.any():
            whole[mask] = AIR_HU
        return whole.view(np.int16) if whole.dtype == np.int16 else _narrowed(whole), mask
    hu = (raw.astype(np.float64) * slope + intercept).astype(np.float32)
    mask = _padding_mask(raw, hu < np.float32(OUTSIDE_HU), slope, intercept, padding, limit)
    hu[mask] = np.float32(AIR_HU)
    return _narrowed(hu), mask


def _shifted(raw: Raw, intercept: int) -> Raw:
    """``raw + intercept``, in 16 bits if that holds it, else in 32; never the argument itself."""
    low, high = int(raw.min()) + intercept, int(raw.max()) + intercept
    if _INT16.min <= low and high <= _INT16.max:
        wide = raw.astype(np.uint16)
        wide += np.uint16(intercept & 0xFFFF)  # modulo 65536, which is exact where the sum fits
        return wide.view(np.int16)
    return raw.astype(np.int32) + np.int32(intercept)


def _padding_mask(
    raw: Raw, outside: Mask, slope: float, intercept: float, padding: int | None, limit: int | None
) -> Mask:
    low, high = _padding_range(padding, limit)
    # A padding value of 0 with intercept 0 would blank the cerebrospinal fluid: honoured only where it can be air.
    if low is None or high is None or max(low * slope, high * slope) + intercept > _HIGHEST_PADDING_HU:
        return outside
    outside |= (raw >= low) & (raw <= high) if low < high else raw == low
    return outside


def _padding_range(padding: int | None, limit: int | None) -> tuple[int | None, int | None]:
    if padding is None:
        return None, None
    other = padding if limit is None else limit
    return min(padding, other), max(padding, other)


def _narrowed(hu: NDArray[np.integer] | NDArray[np.float32]) -> Hu:
    if hu.min() >= _INT16.min and hu.max() <= _INT16.max:
        whole = hu.astype(np.int16)
        if np.array_equal(whole, hu):
            return whole
    return hu.astype(np.float32, copy=False)


def _unreadable(words: str) -> PixelError:
    return PixelError(Rejection.UNREADABLE_PIXELS, words)
