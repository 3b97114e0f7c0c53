"""Reads the Shared and Per-Frame Functional Groups Sequences (PS3.3 C.7.6.16) of a multi-frame instance.

Bounded in bytes, elements, frames and depth, and never led by Number of Frames: an item is a frame when it is there.
What a macro says is kept under its element's tag alone; :data:`MACROS` names the macro each tag is taken from, so that
a Frame Type or a spacing from anywhere else is not mistaken for the one of the image.
"""

import struct
from collections.abc import Mapping
from typing import Final, TypeAlias

from hounsfield.model.errors import UnreadableInstance

SHARED: Final = 0x52009229
PER_FRAME: Final = 0x52009230
MOST_FRAMES: Final = 16_384
MOST_BYTES: Final = 64 * 1024**2
"""Of one of the two sequences; 4 KiB for each frame."""
LONG_VR: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Explicit VRs whose length has four bytes (PS3.5 7.1.2)."""

_Tree: TypeAlias = "Mapping[int, _Tree | None]"

_CONVERTED: _Tree = {
    0x00080008: None,  # Image Type
    0x00180010: None,  # Contrast/Bolus Agent
    0x00180015: None,  # Body Part Examined
    0x00181120: None,  # Gantry/Detector Tilt
    0x00181210: None,  # Convolution Kernel
    0x00200012: None,  # Acquisition Number
    0x00280300: None,  # Quality Control Image
    0x00280301: None,  # Burned In Annotation
}
MACROS: Final[_Tree] = {
    0x00189304: {0x00181120: None},  # CT Acquisition Details: Gantry/Detector Tilt
    0x00189314: {0x00181210: None},  # CT Reconstruction: Convolution Kernel
    0x00189329: {0x00089007: None},  # CT Image Frame Type: Frame Type
    0x00189341: {0x00189342: None},  # Contrast/Bolus Usage: Agent Administered
    0x00209071: {0x00082218: {0x00080104: None}},  # Frame Anatomy, Anatomic Region: Code Meaning
    0x00209111: {0x00209156: None},  # Frame Content: Frame Acquisition Number
    0x00209113: {0x00200032: None},  # Plane Position: Image Position (Patient)
    0x00209116: {0x00200037: None},  # Plane Orientation: Image Orientation (Patient)
    0x00209170: _CONVERTED,  # Unassigned Shared Converted Attributes
    0x00209171: _CONVERTED,  # Unassigned Per-Frame Converted Attributes
    0x00289110: {0x00180050: None, 0x00180088: None, 0x00280030: None},  # Pixel Measures
    0x00289145: {0x00281052: None, 0x00281053: None, 0x00281054: None},  # (CT) Pixel Value Transformation
}
"""Macros by the tag of their sequence, with the elements that are read of them."""

_MOST_ELEMENTS = 2_000_000
_LONGEST_VALUE = 1024
_DEEPEST = 32
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class GroupReader:
    """Reads functional groups out of bytes that start with the first item of the sequence."""

    def __init__(self, data: bytes, *, implicit: bool, little: bool) -> None:
        order = "<" if little else ">"
        self._data = data
        self._implicit = implicit
        self._head = struct.Struct(f"{order}HHI").unpack_from
        self._long = struct.Struct(f"{order}I").unpack_from
        self._short = struct.Struct(f"{order}H").unpack_from
        self._elements = 0
        self.at = 0
        """After ``read``: where the sequence has ended."""

    def read(self, length: int | None) -> list[dict[int, bytes]]:
        """Return the values of :data:`MACROS`, one dictionary an item; ``length`` None for an undefined one.

        Raises:
            UnreadableInstance: cut off, contradictory, nested too deeply, or larger than the bounds of this module.
        """
        end = len(self._data) if length is None else length
        if end > len(self._data):
            raise UnreadableInstance("the functional groups are cut off")
        found: list[dict[int, bytes]] = []
        try:
            while (item := self._next_item(end, open_ended=length is None)) is not None:
                if len(found) >= MOST_FRAMES:
                    raise UnreadableInstance(f"more than {MOST_FRAMES} frames are not read")
                values: dict[int, bytes] = {}
                self._elements_of(*item, self._implicit, MACROS, values)
                found.append(values)
        except struct.error:
            raise UnreadableInstance("the functional groups are cut off") from None
        return found

    def _next_item(self, end: int, *, open_ended: bool) -> tuple[int, bool] | None:
        """Enter the next item of a sequence: where it ends, and whether a delimiter ends it; None after the last."""
        if self.at >= end and not open_ended:
            return None
        group, element, length = self._head(self._data, self.at)
        self._count()
        self.at += 8
        tag = group << 16 | element
        if tag == _SEQUENCE_END:
            return None
        if tag != _ITEM:
            raise UnreadableInstance("items and sequences do not match")
        if length == _UNDEFINED:
            return end, True
        if self.at + length > end:
            raise UnreadableInstance("the functional groups are cut off")
        return self.at + length, False

    def _elements_of(self, end: int, open_ended: bool, implicit: bool, wanted: _Tree, values: dict[int, bytes]) -> None:
        """Read the elements of the item that was entered; leave ``at`` behind it."""
        while self.at < end or open_ended:
            group, element, length = self._head(self._data, self.at)
            tag = group << 16 | element
            if group == 0xFFFE:
                self._count()
                self.at += 8
                if tag == _ITEM_END and open_ended:
                    return
                raise UnreadableInstance("items and sequences do not match")
            vr, length = self._element(length, implicit)
            inside = wanted.get(tag)
            if inside is not None:
                self._sequence(length, implicit or vr == b"UN", end, inside, values)
            elif tag not in wanted or tag in values or length > _LONGEST_VALUE:
                self._pass_over(length, implicit or vr == b"UN", end)
            else:
                values[tag] = self._data[self.at : self._checked(length, end)]
                self.at += length

    def _element(self, length: int, implicit: bool) -> tuple[bytes, int]:
        """VR and length of the element at ``at``; ``at`` moves to its value."""
        self._count()
        vr = b"" if implicit else self._data[self.at + 4 : self.at + 6]
        self.at += 8
        if not (vr.isalpha() and vr.isupper()):  # some writers fall back to implicit inside sequences
            return b"", length
        if vr in LONG_VR:
            self.at += 4
            return vr, int(self._long(self._data, self.at - 4)[0])
        return vr, int(self._short(self._data, self.at - 2)[0])

    def _sequence(self, length: int, implicit: bool, end: int, wanted: _Tree, values: dict[int, bytes]) -> None:
        """Read the first item of a macro's sequence, which has only one, and pass over any other."""
        open_ended = length == _UNDEFINED
        end = end if open_ended else self._checked(length, end)
        first = True
        while (item := self._next_item(end, open_ended=open_ended)) is not None:
            self._elements_of(*item, implicit, wanted if first else {}, values)
            first = False

    def _pass_over(self, length: int, implicit: bool, end: int) -> None:
        """Skip a value; of a sequence of undefined length, everything down to its end."""
        if length != _UNDEFINED:
            self.at = self._checked(length, end)
            return
        levels: list[tuple[bool, bool]] = [(False, implicit)]  # whether an item, whether implicit
        while levels:
            is_item, implicit = levels[-1]
            if not is_item:
                item = self._next_item(end, open_ended=True)
                if item is None:
                    levels.pop()
                elif item[1]:
                    levels.append((True, implicit))
                else:
                    self.at = item[0]
                continue
            group, element, length = self._head(self._data, self.at)
            if group == 0xFFFE:
                self._count()
                self.at += 8
                if element != _ITEM_END & 0xFFFF:
                    raise UnreadableInstance("items and sequences do not match")
                levels.pop()
                continue
            vr, length = self._element(length, implicit)
            if length != _UNDEFINED:
                self.at = self._checked(length, end)
            else:
                levels.append((False, implicit or vr == b"UN"))
                if len(levels) > 2 * _DEEPEST:
                    raise UnreadableInstance("the data set is nested too deeply")

    def _checked(self, length: int, end: int) -> int:
        if self.at + length > end:
            raise UnreadableInstance("the functional groups are cut off")
        return self.at + length

    def _count(self) -> None:
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            raise UnreadableInstance("the data set has too many elements")
