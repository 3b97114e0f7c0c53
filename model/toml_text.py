"""Writes TOML, always the same way for the same values. (The standard library only reads it.)"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def toml_text(document: Mapping[str, Any]) -> str:
    """Return the document as TOML in the order of its keys; None is left out, models are dumped.

    Values: str, bool, int, float, date, sequences, mappings, pydantic models. Raises TypeError for others.
    """
    return "\n".join(_table(_plain(document), ())) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(by_alias=True, exclude_none=True))
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(inner) for inner in value]
    return value


def _table(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    deeper = {key: value for key, value in table.items() if _is_table(value) or _is_tables(value)}
    for key, value in table.items():
        if key not in deeper:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in deeper.items():
        name = ".".join(_key(part) for part in (*path, key))
        if _is_table(value):
            yield ""
            yield f"[{name}]"
            yield from _table(value, (*path, key))
            continue
        for entry in value:
            yield ""
            yield f"[[{name}]]"
            # Inline, so that an entry's own tables cannot be taken for the next entry's.
            yield from (f"{_key(inner)} = {_value(content)}" for inner, content in entry.items())


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(float(value))
        case str():
            return _string(value)
        case date():
            return value.isoformat()
        case list():
            return f"[{', '.join(_value(inner) for inner in value)}]"
        case dict():
            inner = ", ".join(f"{_key(key)} = {_value(content)}" for key, content in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case _:
            raise TypeError(f"{type(value).__name__} has no place in TOML")


def _string(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char) or (_control(char) if _is_control(char) else char) for char in text) + '"'


def _is_control(char: str) -> bool:
    return ord(char) < 0x20 or ord(char) == 0x7F


def _control(char: str) -> str:
    return f"\\u{ord(char):04X}"
