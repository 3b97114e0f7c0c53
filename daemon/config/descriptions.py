"""The pattern of a Series Description: what may stand in it, and how it is filled in. Pure."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Final

PLACEHOLDERS: Final = ("finding", "verdict", "score", "reason", "bundle")
_LONGEST_LO: Final = 64
_LONGEST_VERDICT: Final = len("NICHT ANALYSIERT")
_REASSURING: Final = re.compile(
    r"absen|negativ|normal|\bclear|unauff|unremarkable|ohne befund|kein befund|ausgeschlossen|no finding|ruled out",
    re.IGNORECASE,
)
_SEPARATORS: Final = " -:,;/"


def reassuring(text: str) -> str | None:
    """Return the first words in ``text`` that would deny a finding, None if there are none. No text of ours does."""
    found = _REASSURING.search(text)
    return found[0] if found else None


def problem_of(pattern: str) -> str | None:
    """Return what is wrong with a pattern, in words that follow "the pattern"; None where it can be used."""
    if not (pattern.isascii() and pattern.isprintable()) or set(pattern) & set("\\^="):
        return "holds characters that cannot stand beside every patient's name: plain ASCII without \\, ^ and ="
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError:
        return "has braces that do not match"
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            return "has a placeholder that is none of " + ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
    literal = "".join(text for text, *_ in parts)
    if sum(name == "verdict" for _, name, *_ in parts) != 1:
        return "needs {verdict}, once: many viewers show nothing else of a result"
    if words := reassuring(literal):
        return f"says '{words}': no text of a result may deny a finding"
    if len(literal) + _LONGEST_VERDICT > _LONGEST_LO:
        return f"leaves no room for the verdict within {_LONGEST_LO} characters"
    return None


def fill_in(pattern: str, values: Mapping[str, str]) -> str:
    """Return a valid pattern with its placeholders replaced, without what is left over around empty ones."""
    parts = [text + (values[name] if name else "") for text, name, *_ in Formatter().parse(pattern)]
    return " ".join("".join(parts).split()).strip(_SEPARATORS)
