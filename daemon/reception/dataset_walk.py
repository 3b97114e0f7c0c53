"""Walks the bytes of a data set from one end to the other without decoding or copying values (PS3.5 section 7).

It proves that every element, item and fragment is whole and that nesting has an end, and picks out a few values, of
the top level and, where asked, of items.
There is no recursion, so no input can exhaust the stack.
"""

import struct
from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from hounsfield.daemon.reception.status import InstanceRefused, Status

MAX_NESTING = 64
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_FIRST_GROUP = 0x0008
"""Groups below are command, file meta and directory elements: no data set of a C-STORE has them, and behind our own
file meta they would be read as part of it."""
_DELIMITER_GROUP = 0xFFFE
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_PLAIN_LONG_VRS = _LONG_VRS - {b"SQ"}
_VRS = _LONG_VRS | _SHORT_VRS
_MAX_VALUE = 1024
"""A wanted value that is longer is cut; no UID or manufacturer is."""
_MOST_NESTED = 50_000
"""Values of items that are picked out; what follows is walked and not kept."""


@dataclass(frozen=True, slots=True)
class NestedValue:
    """A value inside an item."""

    depth: int
    """1 in the items of a sequence of the top level, 2 in the items of a sequence of those, and so on."""
    sequence: int
    """Tag of the sequence whose item holds it."""
    tag: int
    value: bytes


@dataclass(slots=True)
class _Level:
    """Where we are: a data set (top level or item), the items of a sequence, or the fragments of pixel data."""

    limit: int
    """No byte at or after this belongs to the level."""
    is_open: bool
    """Of undefined length: a delimiter ends it."""
    implicit: bool
    order: str
    """``<`` or ``>``."""
    holds_items: bool = False
    fragments: bool = False
    tag: int = 0
    """Of a sequence: its own."""


class DatasetWalk:
    """One walk over one data set."""

    def __init__(
        self,
        data: bytes | memoryview,
        *,
        implicit: bool,
        big_endian: bool,
        wanted: frozenset[int],
        nested: frozenset[int] = frozenset(),
    ) -> None:
        """``wanted`` are tags of the top level; ``nested`` those that are kept of items, in ``self.nested``."""
        self._data = memoryview(data)
        self._wanted = wanted
        self._wanted_nested = nested
        self._stops = wanted | nested
        self.nested: list[NestedValue] = []
        self._found: dict[int, bytes] = {}
        self._past_pixels = False
        order = ">" if big_endian else "<"
        self._stack = [_Level(limit=len(self._data), is_open=False, implicit=implicit, order=order)]
        self._header = {order: struct.Struct(f"{order}HHI") for order in "<>"}
        self._short = {order: struct.Struct(f"{order}H") for order in "<>"}
        self._explicit_header = {order: struct.Struct(f"{order}HH2sH") for order in "<>"}
        self._long = {order: struct.Struct(f"{order}I") for order in "<>"}

    def run(self) -> dict[int, bytes]:
        """Return the wanted top-level values by tag, as they are; raise :class:`InstanceRefused`."""
        at = 0
        while self._stack:
            level = self._stack[-1]
            if at == level.limit and not level.is_open:
                self._stack.pop()
            elif level.holds_items:
                at = self._item(at, level)
            else:
                passed = at if level.implicit else self._pass_plain(at, level)
                at = self._element(at, level) if passed == at else passed
        return self._found

    def _pass_plain(self, at: int, level: _Level) -> int:
        """Pass explicit elements that ask for no decision (nine of ten), and stop at the first that does."""
        data, limit, stops = self._data, level.limit, self._stops
        head, long = self._explicit_header[level.order].unpack_from, self._long[level.order].unpack_from
        while at + 12 <= limit:
            group, element, vr, length = head(data, at)
            if vr in _SHORT_VRS:
                end = at + 8 + length
            elif vr in _PLAIN_LONG_VRS:
                end = at + 12 + long(data, at + 8)[0]
            else:
                break
            tag = group << 16 | element
            if end > limit or tag in stops or tag in _PIXELS or not _FIRST_GROUP <= group < _DELIMITER_GROUP:
                break
            at = end
        return at

    def _item(self, at: int, level: _Level) -> int:
        group, element, length = self._read_header(at, level)
        tag = group << 16 | element
        at += 8
        if tag == _SEQUENCE_END and level.is_open:
            self._stack.pop()
            return at
        if tag != _ITEM:
            raise InstanceRefused(Status.NOT_A_DATASET)
        is_open = length == _UNDEFINED
        if level.fragments:
            if is_open:
                raise InstanceRefused(Status.NOT_A_DATASET)
            return self._end(at, length, level)
        limit = level.limit if is_open else self._end(at, length, level)
        implicit = level.implicit or not self._looks_explicit(at, limit)
        self._stack.append(_Level(limit=limit, is_open=is_open, implicit=implicit, order=level.order))
        return at

    def _element(self, at: int, level: _Level) -> int:
        group, element, length = self._read_header(at, level)
        tag = group << 16 | element
        if group == _DELIMITER_GROUP:
            if tag == _ITEM_END and level.is_open:
                self._stack.pop()
                return at + 8
            raise InstanceRefused(Status.NOT_A_DATASET)
        if group < _FIRST_GROUP:
            raise InstanceRefused(Status.NOT_A_DATASET)
        vr = b""
        start = at + 8
        if not level.implicit:
            vr, length, start = self._explicit(at, level)
        if length == _UNDEFINED:
            self._enter_undefined(tag, vr, level)
            return start
        end = self._end(start, length, level)
        if self._is_sequence(tag, vr, start, end, level):
            inside = _Level(
                limit=end, is_open=False, implicit=level.implicit, order=level.order, holds_items=True, tag=tag
            )
            self._enter(inside)
            return start
        if len(self._stack) == 1:
            self._note(tag, start, end)
        elif tag in self._wanted_nested and len(self.nested) < _MOST_NESTED:
            self._keep(tag, start, end)
        return end

    def _explicit(self, at: int, level: _Level) -> tuple[bytes, int, int]:
        """Return VR, length and where the value begins (PS3.5 7.1.2)."""
        vr = bytes(self._data[at + 4 : at + 6])
        if vr in _LONG_VRS:
            if at + 12 > level.limit:
                raise InstanceRefused(Status.TRUNCATED)
            return vr, self._long[level.order].unpack_from(self._data, at + 8)[0], at + 12
        if vr not in _SHORT_VRS and not (vr.isalpha() and vr.isupper()) and vr != b"??":
            raise InstanceRefused(Status.NOT_A_DATASET)
        return vr, self._short[level.order].unpack_from(self._data, at + 6)[0], at + 8

    def _enter_undefined(self, tag: int, vr: bytes, level: _Level) -> None:
        fragments = tag in _PIXELS
        if not fragments and not level.implicit and vr not in (b"SQ", b"UN"):
            raise InstanceRefused(Status.NOT_A_DATASET)
        if fragments and len(self._stack) == 1:
            self._past_pixels = True
        unknown = vr == b"UN"  # PS3.5 6.2.2 note 7: such a sequence is in Implicit VR Little Endian
        self._enter(
            _Level(
                limit=level.limit,
                is_open=True,
                implicit=level.implicit,
                order="<" if unknown else level.order,
                holds_items=True,
                fragments=fragments,
                tag=tag,
            )
        )

    def _enter(self, level: _Level) -> None:
        self._stack.append(level)
        if len(self._stack) > 2 * MAX_NESTING:  # each nesting is a sequence and an item
            raise InstanceRefused(Status.TOO_DEEP)

    def _is_sequence(self, tag: int, vr: bytes, start: int, end: int, level: _Level) -> bool:
        if not level.implicit:
            return vr == b"SQ"
        if end - start < 8 or bytes(self._data[start : start + 4]) != b"\xfe\xff\x00\xe0":
            return False
        return bool(dictionary_has_tag(tag)) and dictionary_VR(tag) == "SQ"

    def _note(self, tag: int, start: int, end: int) -> None:
        if tag in _PIXELS:
            self._past_pixels = True
        if tag not in self._wanted:
            return
        if tag in self._found or self._past_pixels:  # twice, or where readers that stop at the pixels do not look
            raise InstanceRefused(Status.NOT_A_DATASET)
        self._found[tag] = bytes(self._data[start : min(end, start + _MAX_VALUE)])

    def _keep(self, tag: int, start: int, end: int) -> None:
        depth, sequence = len(self._stack) // 2, self._stack[-2].tag  # each nesting is a sequence and an item
        value = bytes(self._data[start : min(end, start + _MAX_VALUE)])
        self.nested.append(NestedValue(depth, sequence, tag, value))

    def _looks_explicit(self, at: int, limit: int) -> bool:
        """Whether an item's first element names a VR: some writers change the encoding inside sequences."""
        if at + 8 > limit or bytes(self._data[at : at + 2]) in (b"\xfe\xff", b"\xff\xfe"):
            return True  # empty: it does not matter
        return bytes(self._data[at + 4 : at + 6]) in _VRS

    def _read_header(self, at: int, level: _Level) -> tuple[int, int, int]:
        if at + 8 > level.limit:
            raise InstanceRefused(Status.TRUNCATED)
        group, element, length = self._header[level.order].unpack_from(self._data, at)
        return group, element, length

    def _end(self, start: int, length: int, level: _Level) -> int:
        end = start + length
        if end > level.limit:
            raise InstanceRefused(Status.TRUNCATED)
        return end
