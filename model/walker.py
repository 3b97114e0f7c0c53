"""Walks a DICOM file up to its pixel data: one loop, bounded in depth, steps and memory, whatever the bytes are.

A library would convert values on the way; its warnings and errors quote them, and names have no place in a log.
"""

import io
import os
import struct
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.multiframe import LONG_VR, MOST_BYTES, PER_FRAME, SHARED, GroupReader

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
PIXEL_DATA: Final = 0x7FE00010

_DEEPEST = 64
_MOST_ELEMENTS = 200_000
_LONGEST_VALUE = 65_536
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_TRANSFER_SYNTAX = 0x00020010


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found at the top level."""

    meta: dict[int, bytes]
    """Values of the file meta information (group 0002)."""
    values: dict[int, bytes]
    """Values of the wanted elements; a sequence with items has a value that is not empty."""
    syntax: str
    little: bool
    pixel_offset: int | None
    pixel_length: int | None
    """None if undefined; never more than the file holds."""
    shared: dict[int, bytes]
    """What the Shared Functional Groups Sequence says of every frame."""
    frames: list[dict[int, bytes]]
    """What the Per-Frame Functional Groups Sequence says of each; empty for an instance without it."""


def walk(path: Path, wanted: Container[int]) -> Walked:
    """Read the ``wanted`` elements before the pixel data.

    Raises:
        UnreadableInstance: not a Part 10 file, deflated, contradictory, nested deeper than 64 or without end.
    """
    try:
        with _BoundedFile(path) as file:
            meta = _read_meta(file)
            syntax = meta.get(_TRANSFER_SYNTAX, b"").decode("ascii", "replace").strip(" \0")
            if not syntax:
                raise UnreadableInstance("the file names no transfer syntax")
            if syntax == DEFLATED:
                # It can inflate a thousandfold, and nothing says how far before it is done.
                raise UnreadableInstance("the data set is deflated: send it in another transfer syntax")
            walker = _Walker(file, implicit=syntax == IMPLICIT_LITTLE, little=syntax != EXPLICIT_BIG)
            offset, length = walker.run(wanted)
            shared = walker.groups.get(SHARED) or [{}]
            frames = walker.groups.get(PER_FRAME, [])
            return Walked(meta, walker.values, syntax, syntax != EXPLICIT_BIG, offset, length, shared[0], frames)
    except OSError as error:
        raise UnreadableInstance(f"the file cannot be opened ({type(error).__name__})") from None


class _BoundedFile(io.BufferedReader):
    """A file that is never asked for more than it has left, so that a forged length cannot reserve gigabytes."""

    def __init__(self, path: Path) -> None:
        raw = io.FileIO(path, "rb")
        super().__init__(raw, 16384)
        self.size = os.fstat(raw.fileno()).st_size
        self.at = 0
        """Position, kept here because asking the file costs more than reading from it."""

    def take(self, count: int) -> bytes:
        value = self.read(min(count, max(self.size - self.at, 0)))
        self.at += len(value)
        return value

    def skip(self, count: int) -> None:
        self.go(self.at + count)

    def go(self, at: int) -> None:
        self.at = at
        self.seek(at)


@dataclass(slots=True)
class _Level:
    """A sequence or an item of undefined length that has been entered."""

    is_item: bool
    implicit: bool


class _Walker:
    def __init__(self, file: _BoundedFile, *, implicit: bool, little: bool) -> None:
        self._file = file
        self._implicit = implicit
        order = "<" if little else ">"
        self._tag = struct.Struct(f"{order}HH").unpack_from
        self._long = struct.Struct(f"{order}I").unpack_from
        self._short = struct.Struct(f"{order}H").unpack_from
        self._levels: list[_Level] = []
        self._little = little
        self.values: dict[int, bytes] = {}
        self.groups: dict[int, list[dict[int, bytes]]] = {}
        """Items of the functional groups sequences."""

    def run(self, wanted: Container[int]) -> tuple[int | None, int | None]:
        """Fill ``values``; return offset and length of the pixel data."""
        file, sequence = self._file, 0
        for _ in range(_MOST_ELEMENTS):
            head = file.take(8)
            if len(head) < 8:
                return None, None
            group, element = self._tag(head)
            tag = group << 16 | element
            if group == 0xFFFE:
                if tag == _ITEM and len(self._levels) == 1:
                    self.values.setdefault(sequence, b"item")
                self._delimiter(tag, self._long(head, 4)[0])
                continue
            implicit = self._implicit if not self._levels else self._levels[-1].implicit
            if self._levels and not self._levels[-1].is_item:
                raise UnreadableInstance("an element stands where an item of a sequence must")
            vr, length = self._vr_and_length(head, implicit)
            if tag == PIXEL_DATA and not self._levels:
                return file.at, None if length == _UNDEFINED else min(length, max(file.size - file.at, 0))
            if tag in (SHARED, PER_FRAME) and not self._levels:
                self.groups[tag] = self._functional_groups(length, implicit or vr == b"UN")
            elif length == _UNDEFINED:
                if not self._levels:
                    sequence = tag if tag in wanted else 0
                self._enter(_Level(is_item=False, implicit=implicit or vr == b"UN"))
            elif not self._levels and tag in wanted and length <= _LONGEST_VALUE:
                value = file.take(length)
                if len(value) == length:
                    self.values[tag] = value
            else:
                file.skip(length)
        raise UnreadableInstance("the data set has too many elements")

    def _functional_groups(self, length: int, implicit: bool) -> list[dict[int, bytes]]:
        """Read one of the two sequences, which are long: thousands of frames with a dozen macros each."""
        file, start, defined = self._file, self._file.at, length != _UNDEFINED
        if defined and length > MOST_BYTES:
            raise UnreadableInstance("the functional groups are too large")
        reader = GroupReader(file.take(length if defined else MOST_BYTES), implicit=implicit, little=self._little)
        found = reader.read(length if defined else None)
        file.go(start + (length if defined else reader.at))
        return found

    def _vr_and_length(self, head: bytes, implicit: bool) -> tuple[bytes, int]:
        vr = head[4:6]
        if implicit or not (vr.isalpha() and vr.isupper()):  # some writers fall back to implicit inside sequences
            return b"", int(self._long(head, 4)[0])
        if vr in LONG_VR:
            more = self._file.take(4)
            return vr, int(self._long(more)[0]) if len(more) == 4 else 0
        return vr, int(self._short(head, 6)[0])

    def _delimiter(self, tag: int, length: int) -> None:
        inside = self._levels[-1] if self._levels else None
        if tag == _ITEM and inside is not None and not inside.is_item:
            if length == _UNDEFINED:
                self._enter(_Level(is_item=True, implicit=inside.implicit))
            else:
                self._file.skip(length)
        elif inside is not None and tag == (_ITEM_END if inside.is_item else _SEQUENCE_END):
            self._levels.pop()
        else:
            raise UnreadableInstance("items and sequences do not match")

    def _enter(self, level: _Level) -> None:
        self._levels.append(level)
        if len(self._levels) > 2 * _DEEPEST:
            raise UnreadableInstance("the data set is nested too deeply")


def _read_meta(file: _BoundedFile) -> dict[int, bytes]:
    """File meta information, always Explicit VR Little Endian; leaves ``file`` at the data set (PS3.10 7.1)."""
    if file.take(132)[128:] != b"DICM":
        raise UnreadableInstance("the file has no DICOM preamble: only DICOM Part 10 files are read")
    meta: dict[int, bytes] = {}
    for _ in range(64):
        start = file.at
        head = file.take(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            file.skip(start - file.at)
            return meta
        length = int.from_bytes(head[6:8], "little")
        if head[4:6] in LONG_VR:
            length = int.from_bytes(file.take(4), "little")
        if length > _LONGEST_VALUE:
            break
        meta[0x00020000 | int.from_bytes(head[2:4], "little")] = file.take(length)
    raise UnreadableInstance("the file meta information is damaged")
