"""Values of an answer as they came: converting them could raise, or warn in the archive's words."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset


def raw_value(match: "Dataset", tag: int) -> bytes:
    """Return the bytes of a value, empty if it is not there."""
    value = getattr(match.get_item(tag, keep_deferred=True), "value", None)
    return value if isinstance(value, bytes) else b""


def raw_text(match: "Dataset", tag: int) -> str:
    """Return a UID, code string or IS without its padding."""
    return raw_value(match, tag).strip(b"\0 ").decode("latin-1")
