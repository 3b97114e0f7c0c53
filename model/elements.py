"""Values of raw DICOM elements, read without trusting them: what is unusable is None or empty, never an exception.

pydicom's own conversion raises on a wrong VM, an empty or non-numeric DS, or a VR that does not fit; scanners in the
field send all of these. Here the bytes of an element are taken as they are and only what is usable is returned.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

from pydicom.charset import decode_bytes, python_encoding
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

_DEFAULT_ENCODING = "iso8859"
_SPECIFIC_CHARACTER_SET = 0x00080005


class Elements:
    """Top-level elements of one instance, tag number to value bytes."""

    def __init__(self, values: Mapping[int, bytes], *, little: bool = True) -> None:
        self._values = values
        self._order: Literal["little", "big"] = "little" if little else "big"
        terms = self.codes(_SPECIFIC_CHARACTER_SET) or ("",)
        self._encodings = [_encoding(term) for term in terms]

    def present(self, tag: int) -> bool:
        """Whether the element is there with any content, items of a sequence included."""
        return bool(self._values.get(tag))

    def code(self, tag: int) -> str:
        """A single value of the default repertoire (CS, UI, DS ...), without padding; empty if absent."""
        return self._values.get(tag, b"").decode("ascii", "backslashreplace").strip(" \0\t\r\n")

    def codes(self, tag: int) -> tuple[str, ...]:
        """All values of a CS, each without padding."""
        text = self.code(tag)
        return tuple(part.strip() for part in text.split("\\")) if text else ()

    def numbers(self, tag: int, count: int) -> tuple[float, ...] | None:
        """Exactly ``count`` finite numbers of a DS or IS, else None."""
        parts = self.code(tag).split("\\")
        if len(parts) != count:
            return None
        try:
            values = tuple(float(part) + 0.0 for part in parts)  # -0 and 0 are one place
        except ValueError:
            return None
        return values if all(math.isfinite(value) for value in values) else None

    def number(self, tag: int) -> float | None:
        """One finite number of a DS or IS, else None."""
        values = self.numbers(tag, 1)
        return values[0] if values else None

    def integer(self, tag: int) -> int | None:
        """One whole number of an IS, also written as 12.0, else None."""
        value = self.number(tag)
        return int(value) if value is not None and value == int(value) else None

    def short(self, tag: int, *, signed: bool = False) -> int | None:
        """The first 16-bit value of a US or SS, read as ``signed`` says whatever the VR claims."""
        value = self._values.get(tag, b"")
        return int.from_bytes(value[:2], self._order, signed=signed) if len(value) >= 2 else None

    def text(self, tag: int) -> str:
        """An LO, SH or ST in the instance's own character set; outer spaces are insignificant (PS3.5 6.2)."""
        return _normal(self._decode(self._values.get(tag, b""), TEXT_VR_DELIMS))

    def name(self, tag: int) -> str:
        """A PN with insignificant spaces and trailing delimiters removed from each component (PS3.5 6.2.1)."""
        groups = _normal(self._decode(self._values.get(tag, b""), PN_DELIMS)).split("=")
        cleaned = ["^".join(part.strip() for part in group.split("^")).rstrip("^") for group in groups]
        return "=".join(cleaned).rstrip("=")

    def _decode(self, value: bytes, delimiters: set[int]) -> str:
        """Decoded text; what cannot be decoded keeps its bytes visible, so that different bytes stay different."""
        try:
            if b"\x1b" not in value:
                return value.decode(self._encodings[0])
            text = decode_bytes(value, self._encodings, delimiters)
        except (UnicodeError, LookupError):
            text = "\ufffd"
        return value.decode("ascii", "backslashreplace") if "\ufffd" in text else text


def _encoding(term: str) -> str:
    """Python codec of a defined term of (0008,0005), forgiving the usual misspellings; Latin-1 if unknown."""
    tidy = re.sub(r"^ISO[ _-]?IR[ _-]?", "ISO_IR ", term.upper())
    tidy = re.sub(r"^ISO[ _-]?2022[ _-]?IR[ _-]?", "ISO 2022 IR ", tidy)
    return python_encoding.get(tidy, _DEFAULT_ENCODING)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(" \0")
