"""Where the bytes of one frame lie in its file. A single-frame instance is its own only frame.

Native frames lie where the header's arithmetic says. Those of encapsulated pixel data are found by its items (PS3.5
A.4): an offset table must agree with them, and nothing is read by a length that the file itself does not bear out.
"""

import itertools
import os
import threading
from pathlib import Path
from typing import Final, Protocol

from hounsfield.model.codestreams import CodestreamError

MOST_FRAMES: Final = 16384
MOST_FRAGMENTS: Final = 262144
_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_HEAD = 8
"""Bytes of an item's tag and length."""

Span = tuple[int, int]
"""Offset in the file and length of a fragment."""
Frames = tuple[tuple[Span, ...], ...]
"""The fragments of each frame."""


class PixelSource(Protocol):
    """What has to be known of a slice to read its pixels: a ``SliceHeader``, or less of one in another process."""

    @property
    def path(self) -> Path:
        """File of the instance."""

    @property
    def transfer_syntax(self) -> str:
        """Transfer Syntax UID (0002,0010)."""

    @property
    def native(self) -> bool:
        """Whether the pixel data is not encapsulated."""

    @property
    def rows(self) -> int:
        """Rows (0028,0010)."""

    @property
    def columns(self) -> int:
        """Columns (0028,0011)."""

    @property
    def frames(self) -> int:
        """Number of Frames (0028,0008)."""

    @property
    def frame(self) -> int | None:
        """Which of them, from 1; None in a single-frame instance."""

    @property
    def samples(self) -> int:
        """Samples per Pixel (0028,0002)."""

    @property
    def photometric(self) -> str:
        """Photometric Interpretation (0028,0004)."""

    @property
    def bits_allocated(self) -> int:
        """Bits Allocated (0028,0100)."""

    @property
    def bits_stored(self) -> int:
        """Bits Stored (0028,0101)."""

    @property
    def high_bit(self) -> int:
        """High Bit (0028,0102)."""

    @property
    def pixel_representation(self) -> int:
        """Pixel Representation (0028,0103): 1 if signed."""

    @property
    def slope(self) -> float | None:
        """Rescale Slope (0028,1053), None if unusable."""

    @property
    def intercept(self) -> float | None:
        """Rescale Intercept (0028,1052), None if unusable."""

    @property
    def padding(self) -> int | None:
        """Pixel Padding Value (0028,0120)."""

    @property
    def padding_limit(self) -> int | None:
        """Pixel Padding Range Limit (0028,0121)."""

    @property
    def pixel_offset(self) -> int | None:
        """Where the value of Pixel Data starts in the file; None if there is none."""

    @property
    def pixel_bytes(self) -> int | None:
        """Length of the native Pixel Data value; None if encapsulated."""


class FrameIndex:
    """Finds frames, and remembers those of a few files: each of a thousand frames is asked for by itself.

    Threads may share one.
    """

    _MOST_FILES = 4

    def __init__(self) -> None:
        self._known: dict[Path, Frames] = {}
        self._turn = threading.Lock()

    def read(self, file: int, source: PixelSource, most_bytes: int) -> bytes:
        """Return the encoded frame of ``source`` from the open ``file``. Raises CodestreamError and OSError."""
        spans = self._of(file, source)[frame_place(source)]
        if sum(length for _, length in spans) > most_bytes:
            raise CodestreamError("the compressed frame is longer than its matrix can need")
        parts = [os.pread(file, length, offset) for offset, length in spans]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _of(self, file: int, source: PixelSource) -> Frames:
        if source.frames == 1:
            return find_frames(file, source.pixel_offset or 0, 1)
        known = self._known.get(source.path)
        if known is None:
            known = find_frames(file, source.pixel_offset or 0, source.frames)
            with self._turn:
                while len(self._known) >= self._MOST_FILES:
                    del self._known[next(iter(self._known))]
                self._known[source.path] = known
        return known


def frame_place(source: PixelSource) -> int:
    """Return the place of the slice among the frames of its file, from 0."""
    return 0 if source.frame is None else source.frame - 1


def native_span(source: PixelSource) -> Span:
    """Return offset from the start of the pixel data, and length, of a native frame (PS3.5 8.1)."""
    length = source.rows * source.columns * source.bits_allocated // 8
    return frame_place(source) * length, length


def find_frames(file: int, offset: int, frames: int) -> Frames:
    """Find all frames of the encapsulated pixel data whose value begins at ``offset``.

    One frame takes all fragments. Several take one fragment each (as an Extended Offset Table requires too), or those
    that the Basic Offset Table gives them. Raises CodestreamError where the items do not reach their end or the
    table and the items contradict each other.
    """
    table_at, fragments = _items(file, offset)
    if frames == 1:
        return (tuple(fragments),)
    first = table_at[0] + table_at[1]
    starts = [at - _HEAD - first for at, _ in fragments]
    table = _offset_table(file, table_at)
    if not table and len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    if len(table) != frames:
        raise CodestreamError("the compressed pixel data has another number of frames than the data set says")
    places = {start: k for k, start in enumerate(starts)}
    begins = [places.get(entry, -1) for entry in table]
    if begins[0] != 0 or any(b <= a for a, b in itertools.pairwise(begins)):
        raise CodestreamError("the offset table of the compressed frames is wrong")
    ends = [*begins[1:], len(fragments)]
    return tuple(tuple(fragments[a:b]) for a, b in zip(begins, ends, strict=True))


def _items(file: int, offset: int) -> tuple[Span, list[Span]]:
    """The offset table's item and those of the fragments; offsets are of values, behind tag and length."""
    size = os.fstat(file).st_size
    found: list[Span] = []
    at = offset
    while at + _HEAD <= size and len(found) <= MOST_FRAGMENTS:
        head = os.pread(file, _HEAD, at)
        tag, length = head[:4], int.from_bytes(head[4:], "little")
        at += _HEAD
        if tag == _SEQUENCE_END:
            if len(found) < 2:
                break
            return found[0], found[1:]
        if tag != _ITEM or at + length > size:
            break
        found.append((at, length))
        at += length
    raise CodestreamError("the encapsulated pixel data is damaged or cut off")


def _offset_table(file: int, item: Span) -> tuple[int, ...]:
    """The Basic Offset Table: 32-bit offsets of the frames' first items from the first of all."""
    at, length = item
    if length % 4 or length > 4 * MOST_FRAMES:
        raise CodestreamError("the offset table of the compressed frames is wrong")
    value = os.pread(file, length, at)
    return tuple(int.from_bytes(value[k : k + 4], "little") for k in range(0, len(value), 4))
