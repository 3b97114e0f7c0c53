"""Bringing texts of two character sets into one object, without losing a letter (PS3.5 6.1, PS3.3 C.12.1.1.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.dataelem import RawDataElement
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.source_attributes import items

TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Representations whose bytes depend on the character set (PS3.5 6.1.2.2)."""
_ESCAPE = 0x1B


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """Specific Character Set (0008,0005)."""

    value: str
    """As it stands in the element, without padding; empty: the default repertoire."""

    @classmethod
    def of(cls, dataset: Dataset) -> "CharacterSet":
        """Return that of a data set."""
        found = dataset.get("SpecificCharacterSet") or ""
        value = "\\".join(str(part).strip() for part in ([found] if isinstance(found, str) else found))
        return cls("" if value == "ISO_IR 6" else value)

    def decode(self, value: bytes, *, is_name: bool) -> str:
        """Return the text; raise :class:`ResultError` if the bytes are none in this set."""
        if is_plain(value):
            return value.decode("ascii")
        if not self.value:
            raise _refused("a text does not say in which character set it is")
        try:
            with catch_warnings():
                simplefilter("ignore")
                found = decode_bytes(value, convert_encodings(self.value.split("\\")), _delimiters(is_name=is_name))
        except (LookupError, ValueError) as error:
            raise _refused("a text is not in the character set that it says") from error
        if "\N{REPLACEMENT CHARACTER}" in found or "\x1b" in found:
            raise _refused("a text is not in the character set that it says")
        return str(found)

    def can_express(self, texts: Sequence[str]) -> bool:
        """Whether texts can be written in this set; of sets with code extensions, never: they are not written."""
        if all(one.isascii() for one in texts):
            return True
        encoding = self._encoding
        if encoding is None:
            return False
        try:
            return all(one.encode(encoding) is not None for one in texts)
        except UnicodeEncodeError:
            return False

    def encode(self, value: str) -> bytes:
        """Return the bytes of a text that can be expressed."""
        return value.encode(self._encoding or "ascii")

    @property
    def _encoding(self) -> str | None:
        if "\\" in self.value or self.value.startswith("ISO 2022") or self.value in ("", "ISO_IR 13"):
            return None
        return python_encoding.get(self.value)


UNICODE = CharacterSet("ISO_IR 192")


@dataclass(frozen=True, slots=True)
class Recoding:
    """From one character set into another."""

    source: CharacterSet
    target: CharacterSet

    def __call__(self, value: bytes, *, is_name: bool = True) -> bytes:
        """Return a text's bytes in the target."""
        if self.source == self.target or is_plain(value):
            return value
        return self.target.encode(self.source.decode(value, is_name=is_name))

    def of(self, vr: str, value: bytes) -> bytes:
        """Return the bytes of an element's value: only those of texts change."""
        return self(value, is_name=vr == "PN") if vr in TEXT else value


def common_set(kept: Dataset, old: CharacterSet, answered: Sequence[bytes], new: CharacterSet) -> CharacterSet:
    """Return the set in which the texts of ``kept`` (in ``old``) and those that were answered (in ``new``) can stand.

    That of one side where the other is plain ASCII; else the answer's if it can express the rest, else Unicode.
    Raise :class:`ResultError` where a text cannot be understood.
    """
    if old == new or all(map(is_plain, answered)):
        return old
    texts = [(vr, value) for vr, value in _texts(kept) if not is_plain(value)]
    if not texts:
        return new
    words = [old.decode(value, is_name=vr == "PN") for vr, value in texts]
    for value in answered:
        new.decode(value, is_name=True)
    return new if new.can_express(words) else UNICODE


def is_plain(value: bytes) -> bool:
    """Whether bytes are ASCII without an escape sequence: the same in every set that is used for names."""
    return value.isascii() and _ESCAPE not in value


def _texts(dataset: Dataset) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for tag in sorted(dataset.keys()):
        element = dataset.get_item(tag)
        if element is None:
            continue
        if element.VR == "SQ":
            found += [text for item in items(dataset, tag) for text in _texts(item)]
        elif element.VR in TEXT and isinstance(element, RawDataElement):
            found.append((element.VR, element.value or b""))
    return found


def _delimiters(*, is_name: bool) -> set[int]:
    return PN_DELIMS if is_name else TEXT_VR_DELIMS


def _refused(problem: str) -> ResultError:
    return ResultError(
        f"the result cannot be written anew for this patient: {problem}",
        "correct Specific Character Set at the archive, or have the study sent again",
    )
