"""MODEL_CARD.md as blocks that a template prints: headings, paragraphs, lists, tables, fenced text.

A small part of CommonMark and of its tables. Nothing becomes HTML here, links stay text, and what is not known is a
paragraph: whatever stands in a card, the template escapes it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hounsfield.model.bundle_guard import sha256_of

FILE = "MODEL_CARD.md"
LONGEST = 200_000
"""Bytes; more is cut off."""
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_ITEM = re.compile(r"\s*[-*+]\s+(.*)")
_RULE_OF_TABLE = re.compile(r"\|?(\s*:?-{3,}:?\s*\|)*\s*:?-{3,}:?\s*\|?")
_FENCE = "```"
_INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|(?<!\w)\*([^*\s][^*]*)\*(?!\w)")


class Block(StrEnum):
    """What kind of block."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line; ``kind`` is empty, ``code``, ``strong`` or ``em``."""

    text: str
    kind: str = ""


Line = tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One block."""

    kind: Block
    lines: tuple[Line, ...] = ()
    """Of a heading or paragraph the one line, of a list its items, of fenced text its lines."""
    rows: tuple[tuple[Line, ...], ...] = ()
    """Of a table; the first is its head."""


def read_card(folder: Path, sha256: str | None) -> str:
    """Return the text of a bundle's card; empty where there is none, or it is not the one that the manifest names."""
    path = folder / FILE
    try:
        if sha256 is None or path.is_symlink() or sha256_of(path) != sha256:
            return ""
        with path.open("rb") as file:
            return file.read(LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def pieces(text: str) -> list[Piece]:
    """Return the blocks of a card."""
    return list(_pieces(text.splitlines()))


def _pieces(lines: list[str]) -> Iterator[Piece]:
    at = 0
    while at < len(lines):
        line = lines[at]
        heading = _HEADING.fullmatch(line)
        if not line.strip():
            at += 1
        elif line.startswith(_FENCE):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith(_FENCE)), len(lines))
            yield Piece(kind=Block.TEXT, lines=tuple((Run(one),) for one in lines[at + 1 : end]))
            at = end + 1
        elif heading:
            yield Piece(kind=Block.HEADING, lines=(runs(heading[2]),))
            at += 1
        elif _is_table(lines, at):
            end = _end(lines, at, lambda one: "|" in one)
            rows = [lines[at], *lines[at + 2 : end]]
            yield Piece(kind=Block.TABLE, rows=tuple(_cells(row) for row in rows))
            at = end
        elif _ITEM.fullmatch(line):
            end = _end(lines, at + 1, lambda one: bool(one.strip()) and not one.startswith((_FENCE, "#")))
            yield Piece(kind=Block.LIST, lines=tuple(runs(item) for item in _items(lines[at:end])))
            at = end
        else:
            end = _end(lines, at + 1, _continues)
            yield Piece(kind=Block.PARAGRAPH, lines=(runs(" ".join(one.strip() for one in lines[at:end])),))
            at = end


def _is_table(lines: list[str], at: int) -> bool:
    return "|" in lines[at] and at + 1 < len(lines) and bool(_RULE_OF_TABLE.fullmatch(lines[at + 1].strip()))


def _end(lines: list[str], at: int, belongs: Callable[[str], bool]) -> int:
    while at < len(lines) and belongs(lines[at]):
        at += 1
    return at


def _continues(line: str) -> bool:
    return bool(line.strip()) and not line.startswith((_FENCE, "#")) and not _ITEM.fullmatch(line)


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        item = _ITEM.fullmatch(line)
        if item:
            items.append(item[1])
        else:
            items[-1] += f" {line.strip()}"
    return items


def _cells(row: str) -> tuple[Line, ...]:
    return tuple(runs(cell.strip()) for cell in row.strip().strip("|").split("|"))


def runs(text: str) -> Line:
    """Return a line in pieces: plain, `code`, **strong**, *em*."""
    found, at = [], 0
    for match in _INLINE.finditer(text):
        if match.start() > at:
            found.append(Run(text[at : match.start()]))
        code, strong, em = match.groups()
        kind = "code" if code is not None else "strong" if strong is not None else "em"
        found.append(Run(code or strong or em, kind))
        at = match.end()
    return (*found, Run(text[at:])) if at < len(text) else tuple(found)
