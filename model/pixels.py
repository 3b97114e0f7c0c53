"""From one instance's pixel data to HU, with every check before anything large is allocated.

Order (it is part of what a model was trained on): decode, mask and sign-extend by Bits Stored, rescale, padding.
"""

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.codestreams import DECODABLE, RLE, CodestreamError, Shape, decode, join_fragments
from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.headers import SliceHeader
from hounsfield.model.walker import EXPLICIT_BIG

MOST_PIXELS: Final = 4096 * 4096
"""Budget of one slice; the largest CT matrices are 2048."""
MOST_ENCODED_BYTES: Final = 2 * MOST_PIXELS + 65536
AIR_HU: Final = -1024.0
"""What padding is set to."""
OUTSIDE_HU: Final = -1200.0
"""Below it a value is no tissue and no air: the corners outside the scan circle, often -2000, declared or not."""
_HIGHEST_PADDING_HU: Final = -900.0

Hu = NDArray[np.float32]
Mask = NDArray[np.bool_]


def read_hu(header: SliceHeader) -> tuple[Hu, Mask]:
    """Read one slice: HU float32 (rows, columns), and where it is padding (there HU is -1024).

    Raises:
        PixelError: with the rejection; nothing of the size the header claims was allocated before it was checked.
    """
    if header.slope is None or header.intercept is None or header.slope == 0.0:
        raise PixelError(Rejection.NO_RESCALE, "rescale slope or intercept is missing or not a number")
    raw = read_raw(header)
    return _to_hu(raw, header.slope, header.intercept, header.padding, header.padding_limit)


def read_raw(header: SliceHeader) -> NDArray[np.int32]:
    """Read the stored values of a slice, masked and sign-extended by Bits Stored: int32 (rows, columns).

    The same for every lossless encoding of the same slice. Raises PixelError.
    """
    check(header)
    try:
        with header.path.open("rb") as file:
            file.seek(header.pixel_offset or 0)
            if header.native:
                values = _native(header, file.read(header.pixel_bytes or 0))
            else:
                left = os.fstat(file.fileno()).st_size - (header.pixel_offset or 0)
                values = _encapsulated(header, file.read(min(left, MOST_ENCODED_BYTES)))
    except CodestreamError as error:
        raise _unreadable(str(error)) from None
    except OSError as error:
        raise _unreadable(f"the file cannot be read ({type(error).__name__})") from None
    return _sign_extend(values, header)


def check(header: SliceHeader) -> None:
    """Refuse what the header alone shows to be impossible. Raises PixelError."""
    if header.pixel_offset is None:
        raise _unreadable("there is no pixel data")
    if header.frames != 1:
        raise _unreadable("multi-frame images are not read")
    if header.samples != 1 or header.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise PixelError(Rejection.NOT_HU, "the image is not greyscale")
    if min(header.rows, header.columns) < 1 or header.rows * header.columns > MOST_PIXELS:
        raise _unreadable(f"a matrix of {header.rows} x {header.columns} is not read")
    if header.bits_allocated not in (8, 16, 32):
        raise _unreadable(f"{header.bits_allocated} bits allocated are not read")
    if not 1 <= header.bits_stored <= header.bits_allocated or header.high_bit >= header.bits_allocated:
        raise _unreadable("Bits Allocated, Bits Stored and High Bit contradict each other")
    if header.high_bit + 1 < header.bits_stored:
        raise _unreadable("Bits Stored and High Bit contradict each other")
    if header.native:
        _check_length(header)
    elif header.transfer_syntax not in DECODABLE:
        raise _unreadable("no decoder for this transfer syntax")


def _check_length(header: SliceHeader) -> None:
    expected = header.rows * header.columns * header.bits_allocated // 8
    if header.pixel_bytes not in (expected, expected + expected % 2):
        raise _unreadable(f"pixel data has {header.pixel_bytes} bytes, the matrix needs {expected}")


def _native(header: SliceHeader, value: bytes) -> NDArray[np.integer]:
    order = ">" if header.transfer_syntax == EXPLICIT_BIG else "<"
    size = header.bits_allocated // 8
    count = header.rows * header.columns
    if len(value) < count * size:
        raise CodestreamError("pixel data is cut off")
    if order == ">" and size == 1:
        value = _swap_words(value)
    return np.frombuffer(value, f"{order}u{size}", count).reshape(header.rows, header.columns)


def _swap_words(value: bytes) -> bytes:
    """Big-endian OW holds 8-bit samples in swapped pairs (PS3.5 8.1.2)."""
    return np.frombuffer(value, ">u2", len(value) // 2).astype("<u2").tobytes()


def _encapsulated(header: SliceHeader, value: bytes) -> NDArray[np.integer]:
    shape = Shape(header.rows, header.columns, header.bits_allocated)
    return decode(header.transfer_syntax, join_fragments(value), shape)


def _sign_extend(values: NDArray[np.integer], header: SliceHeader) -> NDArray[np.int32]:
    """Only Bits Stored bits below High Bit are the sample; overlays and rubbish above them go (PS3.5 8.1.1)."""
    bits = header.bits_stored
    in_container = header.native or header.transfer_syntax == RLE
    shift = header.high_bit + 1 - bits if in_container else 0
    signed = header.pixel_representation == 1
    if shift == 0 and bits == 16 and values.dtype.itemsize == 2:
        little = values.astype("<u2", copy=False)
        return (little.view("<i2") if signed else little).astype(np.int32)
    wide = values.astype(np.int64) >> shift
    wide &= (1 << bits) - 1
    if signed:
        wide = np.where(wide >> (bits - 1) != 0, wide - (1 << bits), wide)
    return wide.astype(np.int32)


def _to_hu(
    raw: NDArray[np.int32], slope: float, intercept: float, padding: int | None, limit: int | None
) -> tuple[Hu, Mask]:
    exact = slope == 1.0 and intercept == round(intercept) and abs(intercept) < 2**20
    if exact:  # whole numbers: float32 gives the same as float64
        hu = raw.astype(np.float32)
        hu += np.float32(intercept)
    else:
        hu = (raw.astype(np.float64) * slope + intercept).astype(np.float32)
    mask: Mask = hu < np.float32(OUTSIDE_HU)
    low, high = _padding_range(padding, limit)
    # A padding value of 0 with intercept 0 would blank the cerebrospinal fluid: honoured only where it can be air.
    if low is not None and high is not None and max(low * slope, high * slope) + intercept <= _HIGHEST_PADDING_HU:
        mask |= (raw >= low) & (raw <= high)
    hu[mask] = np.float32(AIR_HU)
    return hu, mask


def _padding_range(padding: int | None, limit: int | None) -> tuple[int | None, int | None]:
    if padding is None:
        return None, None
    other = padding if limit is None else limit
    return min(padding, other), max(padding, other)


def _unreadable(words: str) -> PixelError:
    return PixelError(Rejection.UNREADABLE_PIXELS, words)
