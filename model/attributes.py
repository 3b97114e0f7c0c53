"""Attributes of an instance by keyword, for rules: text and numbers of the top level, never a sequence, never pixels.

As everywhere in this package the bytes are not trusted: an attribute that is damaged has no values, and a number that
is none stays a text, so that a rule about it is not met and can say what stood there.
"""

import difflib
import math
import re
import struct
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydicom.datadict import dictionary_VR, keyword_dict, tag_for_keyword

from hounsfield.model.elements import Elements
from hounsfield.model.walker import Walked, walk

Value = str | float
Values = tuple[Value, ...]
"""The values of one attribute in one instance; empty where it is absent, empty or damaged."""

LONGEST_TEXT = 1024
"""Characters of a value that are looked at."""
MOST_VALUES = 256
"""Values of one attribute that are looked at."""

_SPECIFIC_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103
_TEXTS = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI"})
_WHOLE_TEXTS = frozenset({"LT", "ST", "UR", "UT"})
"""Never several values: a backslash in them is a backslash (PS3.5 6.4)."""
_DECIMALS = frozenset({"DS", "IS"})
_BINARY = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q", "US or SS": ""}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PERSONAL = frozenset({"AccessionNumber"})


class Kind(Enum):
    """What the values of an attribute are."""

    TEXT = "text"
    NUMBER = "number"


class UnknownAttribute(ValueError):
    """A keyword that cannot be asked for; the message says why and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute of the data dictionary (PS3.6) that can be asked for."""

    keyword: str
    tag: int
    vr: str

    @property
    def kind(self) -> Kind:
        """Whether its values are texts or numbers."""
        return Kind.NUMBER if self.vr in _DECIMALS or self.vr in _BINARY else Kind.TEXT

    @property
    def personal(self) -> bool:
        """Whether its values say who somebody is: they are compared, and shown nowhere."""
        return self.tag >> 16 in (0x0010, 0x0038) or self.vr == "PN" or self.keyword in _PERSONAL


def attribute(keyword: str) -> Attribute:
    """Return the attribute with this keyword (PS3.6, as ``SeriesDescription``); raise :class:`UnknownAttribute`."""
    tag = tag_for_keyword(keyword) if keyword else None
    if tag is None:
        near = difflib.get_close_matches(keyword, keyword_dict, n=1)
        question = f"did you mean {near[0]}? " if near else ""
        raise UnknownAttribute(f"no DICOM attribute has this keyword; {question}keywords are as PS3.6 writes them")
    vr = dictionary_VR(tag)
    if tag >> 16 < 0x0008:
        raise UnknownAttribute("it is no attribute of the data set")
    if vr == "SQ":
        raise UnknownAttribute("it is a sequence; only attributes of the top level can be asked for")
    found = Attribute(keyword=keyword, tag=tag, vr=vr)
    if vr not in _TEXTS | _WHOLE_TEXTS | _DECIMALS | {"PN", *_BINARY}:
        raise UnknownAttribute(f"it holds neither text nor numbers (VR {vr})")
    return found


def read_attributes(path: Path, keywords: Collection[str]) -> Mapping[str, Values]:
    """Return the values of each keyword, insignificant spaces removed (PS3.5 6.2), in the instance's character set.

    Raises:
        UnknownAttribute: a keyword that :func:`attribute` refuses.
        hounsfield.model.errors.UnreadableInstance: as ``hounsfield.model.headers.read_header``.
    """
    wanted = [attribute(keyword) for keyword in keywords]
    walked = walk(path, {one.tag for one in wanted} | {_SPECIFIC_CHARACTER_SET, _PIXEL_REPRESENTATION})
    elements = Elements(walked.values, little=walked.little)
    return {one.keyword: _values(one, elements, walked) for one in wanted}


def _values(one: Attribute, elements: Elements, walked: Walked) -> Values:
    if not elements.present(one.tag):
        return ()
    if one.vr in _BINARY:
        return _binary(one, elements, walked)
    if one.vr in _WHOLE_TEXTS:
        return tuple(_texts([elements.text(one.tag)]))
    if one.vr == "PN":
        return tuple(_texts([elements.name(one.tag)]))
    texts = _texts(_divided(elements.text(one.tag), walked.values[one.tag]))
    return tuple(_number(text) for text in texts) if one.vr in _DECIMALS else tuple(texts)


def _divided(text: str, raw: bytes) -> list[str]:
    """Divide into values; not at backslashes that only stand for bytes which could not be decoded."""
    return [text] if text.count("\\") > raw.count(b"\\") else text.split("\\")[:MOST_VALUES]


def _texts(parts: list[str]) -> list[str]:
    """Values without insignificant spaces and without those that are empty."""
    tidy = [unicodedata.normalize("NFC", part).strip(" \0\t\r\n")[:LONGEST_TEXT] for part in parts]
    return [part for part in tidy if part]


def _number(text: str) -> Value:
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value + 0.0  # -0 is 0
    return text


def _binary(one: Attribute, elements: Elements, walked: Walked) -> Values:
    signed = elements.short(_PIXEL_REPRESENTATION) == 1
    code = _BINARY[one.vr] or ("h" if signed else "H")
    data = walked.values[one.tag]
    order = "<" if walked.little else ">"
    count = min(len(data) // struct.calcsize(f"{order}{code}"), MOST_VALUES)
    found = struct.unpack_from(f"{order}{count}{code}", data)
    return tuple(float(value) for value in found if math.isfinite(value))
