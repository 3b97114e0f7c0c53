"""The statement as Markdown (GitHub's kind, for its tables)."""

import re
from collections.abc import Iterator
from typing import assert_never

from hounsfield.daemon.conformance.document import (
    CONTENTS,
    Block,
    Bullets,
    Document,
    Figure,
    Paragraph,
    Section,
    Table,
    depth_of,
    is_listed,
)

_MARKUP = re.compile(r"[\\`*<>\[\]|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^(?:#|[-+](?= )|[0-9]+[.)](?= ))")
"""What Markdown would take for markup; an underscore inside a word is none."""


def to_markdown(document: Document) -> str:
    """Return the whole document."""
    lines = [f"# {escaped(document.title)}", ""]
    for block in document.cover:
        lines += [*_block(block), ""]
    for section in document.walk():
        lines += _section(document, section)
    return "\n".join(lines).rstrip("\n") + "\n"


def escaped(text: str) -> str:
    """Return a text so that it is shown as it is, on one line."""
    return _MARKUP.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", " ".join(text.split()))


def _section(document: Document, section: Section) -> Iterator[str]:
    yield f"{'#' * min(6, depth_of(section) + 1)} {section.number} {escaped(section.title)}"
    yield ""
    if section.number == CONTENTS:
        yield from _contents(document)
    for block in section.blocks:
        yield from _block(block)
        yield ""


def _contents(document: Document) -> Iterator[str]:
    for section in document.walk():
        if is_listed(section):
            yield f"{'  ' * (depth_of(section) - 1)}- {section.number} {escaped(section.title)}"
    yield ""


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield escaped(block.text)
        case Bullets():
            yield from (f"- {escaped(item)}" for item in block.items)
        case Figure():
            yield from ("```text", *block.text.replace("```", "'''").splitlines(), "```")
        case Table():
            yield from _table(block)
        case _:
            assert_never(block)


def _table(table: Table) -> Iterator[str]:
    yield f"{escaped(table.caption)}{':' if table.rows else ': none'}"
    if table.rows:
        yield ""
        yield _row(table.columns)
        yield _row(tuple("---" for _ in table.columns), is_raw=True)
        yield from map(_row, table.rows)


def _row(cells: tuple[str, ...], *, is_raw: bool = False) -> str:
    return "| " + " | ".join(cell if is_raw else escaped(cell) for cell in cells) + " |"
