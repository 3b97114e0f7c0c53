"""Reads PNG and JPEG as grey values. What they say of their size is looked at before anything is decoded."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.codestreams import CodestreamError, jpeg_claim
from hounsfield.model.data.problems import Kind
from hounsfield.model.pixels import MOST_PIXELS

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_MOST_BYTES: Final = 256 * 1024**2
_COLOURLESS: Final = 8
"""Channels that differ by no more (of 255) are one grey, saved as colours."""


class PictureError(ValueError):
    """A picture cannot be used; ``kind`` is UNREADABLE or NOT_GREY."""

    def __init__(self, kind: Kind, words: str) -> None:
        super().__init__(words)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Picture:
    """Grey values of a picture."""

    values: NDArray[np.integer]
    """(rows, columns), uint8 or uint16."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the values, whatever file format they came in."""
        return hashlib.sha256(np.ascontiguousarray(self.values, "<u2").data).hexdigest()

    def hu(self, bounds: tuple[float, float]) -> NDArray[np.float32]:
        """Return float32 (rows, columns): black is the first of ``bounds``, the brightest possible grey the second."""
        brightest = float(np.iinfo(self.values.dtype).max)
        scaled = self.values.astype(np.float64) * ((bounds[1] - bounds[0]) / brightest) + bounds[0]
        return scaled.astype(np.float32)


def is_picture(path: Path) -> bool:
    """Whether a file begins as PNG or JPEG does. Raises OSError."""
    with path.open("rb") as stream:
        return stream.read(8).startswith((_PNG, _JPEG))


def read_picture(path: Path) -> Picture:
    """Read a picture. Raises PictureError for one that is damaged, cut off, too large or in colour."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PictureError(Kind.UNREADABLE, "The file is too large for a picture.")
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(Kind.UNREADABLE, f"The file cannot be read ({type(error).__name__}).") from None
    values = _png(data) if data.startswith(_PNG) else _jpeg(data)
    return Picture(_grey(values))


def _png(data: bytes) -> NDArray[np.integer]:
    import imagecodecs

    columns, rows = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    _check_size(rows, columns)
    try:
        return np.asarray(imagecodecs.png_decode(data))
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise PictureError(Kind.UNREADABLE, f"The PNG is damaged or cut off ({type(error).__name__}).") from None


def _jpeg(data: bytes) -> NDArray[np.integer]:
    import imagecodecs

    try:
        shape, _ = jpeg_claim(data)
        _check_size(shape.rows, shape.columns)
        # The decoder fills what is missing with grey, and says nothing of it.
        if not data.rstrip(b"\0").endswith(_JPEG_END):
            raise PictureError(Kind.UNREADABLE, "The JPEG is cut off.")
        return np.asarray(imagecodecs.jpeg8_decode(data))
    except CodestreamError as error:
        raise PictureError(Kind.UNREADABLE, f"The JPEG is damaged: {error}.") from None
    except (RuntimeError, TypeError, ValueError, MemoryError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(Kind.UNREADABLE, f"The JPEG is damaged ({type(error).__name__}).") from None


def _check_size(rows: int, columns: int) -> None:
    if min(rows, columns) < 1 or rows * columns > MOST_PIXELS:
        raise PictureError(Kind.UNREADABLE, f"A picture of {rows} x {columns} pixels is not read.")


def _grey(values: NDArray[np.integer]) -> NDArray[np.integer]:
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if values.dtype not in (np.uint8, np.uint16) or values.ndim not in (2, 3):
        raise PictureError(Kind.UNREADABLE, "The picture has values of another kind than 8 or 16 bits.")
    if values.ndim == 2:
        return values
    colours = values[..., : values.shape[2] - (values.shape[2] in (2, 4))].astype(np.int32)  # without transparency
    allowed = _COLOURLESS * np.iinfo(values.dtype).max // 255
    if int((colours.max(axis=2) - colours.min(axis=2)).max()) > allowed:
        raise PictureError(Kind.NOT_GREY, "The picture is in colour.")
    return colours[..., 0].astype(values.dtype) if colours.shape[2] < 3 else colours[..., 1].astype(values.dtype)
