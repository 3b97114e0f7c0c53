"""A configuration file with the names that its keys have now: comments, order and blank lines as they were. Pure."""

import re
import tomllib

from hounsfield.daemon.config.origin import RenamedKey
from hounsfield.daemon.config.renames import RENAMED, current_names

_HEADER = re.compile(r"\s*#?(\[\[?)\s*([A-Za-z0-9_-]+)\s*\]")
_KEY = re.compile(r"(\s*#?)([A-Za-z0-9_-]+)(\s*=)")


def rewritten(text: str, source: str) -> tuple[str | None, tuple[RenamedKey, ...]]:
    """Return a TOML text with the new names, commented keys too, and the keys in force that were renamed.

    None for the text where it would not mean the same then: a key that moved to another table, or stands where only a
    person should change it. Raise TOMLDecodeError, and ConfigurationError for a key that is given under both names.
    """
    wanted, found = current_names(tomllib.loads(text), source)
    section, lines = "", []
    for line in text.splitlines(keepends=True):
        if header := _HEADER.match(line):
            section = header[2] + ("[]" if header[1] == "[[" else "")
        lines.append(_renamed(line, section))
    new = "".join(lines)
    if _means(new) == wanted:
        return new, found
    return (None if found else text), found


def _renamed(line: str, section: str) -> str:
    key = _KEY.match(line)
    new = RENAMED.get(f"{section}.{key[2]}") if key else None
    if key is None or new is None:
        return line
    new_section, _, new_key = new.rpartition(".")
    return f"{key[1]}{new_key}{line[key.start(3) :]}" if new_section == section else line


def _means(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
