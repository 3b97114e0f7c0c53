"""Looks into what came along with images or after them: is it ours, what is its title, what does it refer to?

Without a library: a content tree may be of any depth and length. Like reception this walks in one loop, and keeps a
bounded number of short values.
"""

import mmap
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hounsfield.daemon.product import MANUFACTURER, PRODUCT
from hounsfield.daemon.reception.dataset_check import encoding_of
from hounsfield.daemon.reception.dataset_walk import DatasetWalk, NestedValue
from hounsfield.daemon.reception.status import InstanceRefused
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.records import InstanceReceipt
from hounsfield.storage.spool_files import SpoolFiles

MOST_REFERENCES: Final = 20_000
"""References of one document that are followed."""
LONGEST: Final = 64 * 1024 * 1024
"""Bytes of a data set that is looked into."""
_REMEMBERED = 2_000
"""Documents of which it is remembered what they say: a spool file never changes."""

_MANUFACTURER, _MODEL, _SERIAL, _DEVICE_UID = 0x00080070, 0x00081090, 0x00181000, 0x00181002
_EQUIPMENT = frozenset({_MANUFACTURER, _MODEL, _SERIAL, _DEVICE_UID})
_CODE, _SCHEME, _REFERENCE = 0x00080100, 0x00080102, 0x00081155
_TEXT_VALUE, _UID_VALUE = 0x0040A160, 0x0040A124
_NESTED = _EQUIPMENT | {_CODE, _SCHEME, _REFERENCE, _TEXT_VALUE, _UID_VALUE}
_CONTRIBUTING_EQUIPMENT, _AUTHOR, _CONTENT, _TITLE = 0x0018A001, 0x0040A078, 0x0040A730, 0x0040A043
_NO_SUBJECT = frozenset({0x00081110, 0x00081111, 0x0040A525})
"""Sequences whose references are not what a document is about: studies, procedure steps, its identical copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a data set says of itself. Text is as it came."""

    made_by_us: bool
    """Its equipment is ours: Manufacturer, Device UID or Device Serial Number."""
    has_our_marks: bool
    """``made_by_us``, or we are its model name, a contributor, its author or its observer, which no image proves."""
    title: str = ""
    """Code of the document title as CODE,SCHEME; empty where there is none."""
    references: tuple[str, ...] = ()
    """SOP Instance UIDs of what it refers to, at any depth, each once, in their order."""


UNREADABLE: Final = Document(made_by_us=False, has_our_marks=False)


def read_document(data: bytes | memoryview, transfer_syntax: str, device_uid: str) -> Document:
    """Return what a data set says; ``device_uid`` is ours. :data:`UNREADABLE` where it cannot be walked."""
    implicit, big_endian = encoding_of(transfer_syntax)
    walk = DatasetWalk(data, implicit=implicit, big_endian=big_endian, wanted=_EQUIPMENT, nested=_NESTED)
    try:
        equipment = walk.run()
    except InstanceRefused:
        return UNREADABLE
    ours = _Ours(device_uid)
    made_by_us = any(ours.is_equipment(tag, value) for tag, value in equipment.items())
    marked = ours.is_model(equipment.get(_MODEL, b"")) or any(ours.is_mark(one) for one in walk.nested)
    return Document(
        made_by_us=made_by_us,
        has_our_marks=made_by_us or marked,
        title=_title(walk.nested),
        references=_references(walk.nested),
    )


class DocumentReader:
    """Reads documents from the spool, and remembers those it read last."""

    def __init__(self, spool: SpoolFiles, device_uid: str) -> None:
        self._spool = spool
        self._device_uid = device_uid
        self._known: OrderedDict[str, Document] = OrderedDict()

    def read(self, receipt: InstanceReceipt) -> Document:
        """Return what an instance says of itself; :data:`UNREADABLE` where that cannot be found out."""
        known = self._known.pop(receipt.digest, None)
        self._known[receipt.digest] = found = known or self._read(receipt)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _read(self, receipt: InstanceReceipt) -> Document:
        if receipt.size > LONGEST:
            return UNREADABLE
        try:
            start = self._spool.head(receipt.digest).length
            with (
                self._spool.path(receipt.digest).open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as whole,
                whole[start:] as data,
            ):
                return read_document(data, receipt.transfer_syntax, self._device_uid)
        except (OSError, SpoolError, ValueError):
            return UNREADABLE


@dataclass(frozen=True, slots=True)
class _Ours:
    """Which values are ours; spaces, padding and case are forgiven."""

    device_uid: str

    def is_equipment(self, tag: int, value: bytes) -> bool:
        if tag == _MANUFACTURER:
            return _same(value, MANUFACTURER)
        return tag in (_SERIAL, _DEVICE_UID) and _same(value, self.device_uid)

    def is_model(self, value: bytes) -> bool:
        return _same(value, PRODUCT)

    def is_mark(self, one: NestedValue) -> bool:
        """Whether a value of the first level of items names us; deeper ones may quote a report of ours."""
        if one.depth != 1:
            return False
        if one.sequence in (_CONTRIBUTING_EQUIPMENT, _AUTHOR):
            return self.is_equipment(one.tag, one.value) or (one.tag == _MODEL and self.is_model(one.value))
        if one.sequence == _CONTENT:
            is_maker = one.tag == _TEXT_VALUE and _same(one.value, MANUFACTURER)
            return is_maker or (one.tag == _UID_VALUE and _same(one.value, self.device_uid))
        return False


def _title(nested: Iterable[NestedValue]) -> str:
    """The document title: the concept name of the root (PS3.3 C.17.3)."""
    found: dict[int, str] = {}
    for one in nested:
        if one.depth == 1 and one.sequence == _TITLE and one.tag in (_CODE, _SCHEME):
            found.setdefault(one.tag, _text(one.value))
    return f"{found[_CODE]},{found[_SCHEME]}" if len(found) == 2 else ""


def _references(nested: Iterable[NestedValue]) -> tuple[str, ...]:
    uids = (_text(one.value) for one in nested if one.tag == _REFERENCE and one.sequence not in _NO_SUBJECT)
    return tuple(dict.fromkeys(uid for uid in uids if uid))[:MOST_REFERENCES]


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")


def _same(value: bytes, ours: str) -> bool:
    return bool(value) and _text(value).casefold() == ours.casefold()
