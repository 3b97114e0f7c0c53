"""Values of DICOM attributes as a trace shows them: what came over the network cannot pose as anything else there."""

from typing import Final

LONGEST_SHOWN: Final = 64
"""Characters of a text that are shown."""
MOST_SHOWN: Final = 6
"""Values that are shown of many."""


def shown(value: object, longest: int = LONGEST_SHOWN) -> str:
    """Return a value for people: a text in quotes, cut, with control characters escaped; a number as short as it is."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value).removesuffix(".0")
    if isinstance(value, tuple | list):
        words = [shown(one, longest) for one in value[:MOST_SHOWN]]
        more = [f"and {len(value) - MOST_SHOWN} more"] if len(value) > MOST_SHOWN else []
        return f"[{', '.join(words + more)}]"
    text = str(value)
    cut = text if len(text) <= longest else text[: longest - 3] + "..."
    return '"' + "".join(_visible(character) for character in cut) + '"'


def plain(text: str) -> str:
    """Return a text without quotes, control characters escaped."""
    return "".join(character if character.isprintable() else _visible(character) for character in text)


def _visible(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")  # line ends, escapes, marks that turn the writing round
