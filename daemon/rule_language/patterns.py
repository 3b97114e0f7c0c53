"""Regular expressions of rules, run by RE2: their time grows with the length of the text and with nothing else.

A backtracking engine can be kept busy for hours by a short text that a pattern such as ``(a+)+$`` almost fits, and the
texts of a DICOM object come from the network.
"""

import functools
from typing import Final

import re2

from hounsfield.daemon.rule_language.quoting import plain, shown

LONGEST_PATTERN: Final = 500
"""Characters of a regular expression."""
PATTERN_ALLOWED: Final = (
    f"allowed is a regular expression as RE2 takes it (no look-around, no back references), of 1 to {LONGEST_PATTERN} "
    "characters; (?i) at its start ignores case"
)
_MEMORY = 2**20


def pattern_problem(pattern: str) -> str:
    """Return why a regular expression cannot be used; empty if it can."""
    if not 1 <= len(pattern) <= LONGEST_PATTERN:
        return f"the regular expression has {len(pattern)} characters"
    try:
        _compiled(pattern)
    except (re2.error, UnicodeError) as error:
        return f"given {shown(pattern, 80)}: {_reason(error)}"
    return ""


def found(pattern: str, text: str) -> bool:
    """Whether the regular expression is found in the text, case as written."""
    return _compiled(pattern).search(text.encode("utf-8", "replace")) is not None


def _reason(error: Exception) -> str:
    raw = error.args[0] if isinstance(error, re2.error) and error.args else b"it is not valid text"
    return plain(raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw))


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(pattern, options)
