"""Seeded mutations of bytes, of data sets by their elements, and of conversations by their PDUs."""

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from support.ct_factory import ct_slice
from support.datasets import encoded
from support.wire import P_DATA

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
_HEADER = struct.Struct(">BBI")
_PDV = struct.Struct(">IBB")
_LENGTHS = (0, 1, 7, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


class Mutator:
    """The same seed, the same mutations."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def of_bytes(self, data: bytes) -> bytes:
        """Flip bits, cut, insert, double, overwrite, or lie about a length."""
        changes: Sequence[Callable[[bytearray], None]] = (
            self._flip, self._cut, self._insert, self._double, self._overwrite, self._lie
        )  # fmt: skip
        changed = bytearray(data)
        for _ in range(self.chance.randint(1, 3)):
            if changed:
                self.chance.choice(changes)(changed)
        return bytes(changed)

    def _at(self, data: bytearray) -> int:
        return self.chance.randrange(len(data))

    def _flip(self, data: bytearray) -> None:
        for _ in range(self.chance.randint(1, 8)):
            data[self._at(data)] ^= 1 << self.chance.randrange(8)

    def _cut(self, data: bytearray) -> None:
        at = self._at(data)
        if self.chance.random() < 0.5:
            del data[at:]
        else:
            del data[at : at + self.chance.randint(1, 64)]

    def _insert(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self.chance.randbytes(self.chance.randint(1, 64))

    def _double(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = data[at : at + self.chance.randint(1, 256)]

    def _overwrite(self, data: bytearray) -> None:
        at = self._at(data)
        length = self.chance.randint(1, 32)
        data[at : at + length] = self.chance.choice((b"\0", b"\xff", b"/", b"\x1b", b"\n")) * length

    def _lie(self, data: bytearray) -> None:
        at = self._at(data)
        form = self.chance.choice(("<H", ">H", "<I", ">I"))
        length = self.chance.choice(_LENGTHS) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF)
        data[at : at + struct.calcsize(form)] = struct.pack(form, length)

    def of_list(self, parts: Sequence[bytes]) -> list[bytes]:
        """Change one part, leave it out, repeat it, or move it."""
        changed = list(parts)
        at = self.chance.randrange(len(changed))
        match self.chance.randrange(6):
            case 0:
                del changed[at]
            case 1:
                changed.insert(self.chance.randrange(len(changed)), changed[at])
            case 2:
                changed.insert(self.chance.randrange(len(changed)), changed.pop(at))
            case _:
                changed[at] = self.of_bytes(changed[at])
        return changed


def rich_slice(name: str = "fuzz", size: int = 16) -> Dataset:
    """A small CT slice with nested sequences, private elements and text, as scanners write them."""
    dataset = ct_slice(name=name)
    dataset.Rows = dataset.Columns = size
    dataset.PixelData = dataset.PixelData[: 2 * size * size]
    inner, outer = Dataset(), Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator = "113100", "DCM"
    outer.PurposeOfReferenceCodeSequence = Items([inner])
    outer.ReferencedSOPInstanceUID = "1.2.3"
    dataset.SourceImageSequence = Items([outer, Dataset()])
    dataset.add_new(0x00090010, "LO", "A MAKER")
    dataset.add_new(0x00091010, "UN", b"private!")
    return dataset


def elements_of(dataset: Dataset, syntax: str) -> list[bytes]:
    """Return the encoded elements of a data set, one by one; joined they are the data set."""
    parts = []
    for element in dataset:
        one = Dataset()
        one.add(deepcopy(element))
        if UID(syntax) == ExplicitVRBigEndian and element.keyword == "PixelData":
            one.PixelData = element.value[::-1]
        parts.append(encoded(one, syntax))
    return parts


def mutated_data_sets(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield transfer syntaxes and mutated data sets."""
    mutator = Mutator(seed)
    parts = {syntax: elements_of(rich_slice(), syntax) for syntax in SYNTAXES}
    for number in range(count):
        syntax = SYNTAXES[number % len(SYNTAXES)]
        if mutator.chance.random() < 0.5:
            yield syntax, b"".join(mutator.of_list(parts[syntax]))
        else:
            yield syntax, mutator.of_bytes(b"".join(parts[syntax]))


def sent_data_sets(conversation: bytes) -> set[bytes]:
    """Return the data sets that a strict reader finds in the P-DATA of a conversation, until it breaks.

    Whatever a receiver stores must be one of them, however the rest was broken.
    """
    found: set[bytes] = set()
    data = bytearray()
    at = 0
    while at + _HEADER.size <= len(conversation):
        kind, _, length = _HEADER.unpack_from(conversation, at)
        at += _HEADER.size
        end = at + length
        if kind == P_DATA:
            while at + _PDV.size <= min(end, len(conversation)):
                size, _, control = _PDV.unpack_from(conversation, at)
                fragment = conversation[at + _PDV.size : at + 4 + size]
                if size < 2 or at + 4 + size > min(end, len(conversation)):
                    break
                if control & 1:
                    data.clear()
                else:
                    data += fragment
                    if control & 2:
                        found.add(bytes(data))
                        data.clear()
                at += 4 + size
        at = end
    return found
