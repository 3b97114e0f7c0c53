"""Lists and tables as a forge reads them, written as Python-Markdown needs them.

A forge (CommonMark) lets what belongs to an item stand under its text, and a list or table follow a paragraph at once.
Python-Markdown wants four columns for each level, and an empty line before.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKER = re.compile(r"\s*([-*+]|\d+[.)])(\s+|$)")
_PARSER = MarkdownIt("commonmark").enable("table")
_BEGINNINGS = frozenset({"bullet_list_open", "ordered_list_open", "table_open"})


def for_python_markdown(text: str) -> str:
    """Return the same document, whose lists and tables Python-Markdown sees."""
    lines, tokens = text.split("\n"), _PARSER.parse(text)
    levels, cuts = [0] * len(lines), [0] * len(lines)
    firsts = set()
    for level, start, end in _items(tokens):
        outer = cuts[start]
        match = _MARKER.match(lines[start], outer)
        inner = match.end() if match else outer
        levels[start:end] = [level] * (end - start)
        cuts[start:end] = [inner] * (end - start)
        levels[start], cuts[start] = level - 1, outer
        firsts.add(start)
    apart = {token.map[0] for token in tokens if token.type in _BEGINNINGS and token.map}
    return "\n".join(_written(lines, levels, cuts, firsts, apart))


def _items(tokens: list[Token]) -> Iterator[tuple[int, int, int]]:
    """Yield (level, first line, line behind the last) of each item, the outer ones first."""
    level = 0
    for token in tokens:
        if token.type == "list_item_open" and token.map:
            level += 1
            yield level, token.map[0], token.map[1]
        elif token.type == "list_item_close":
            level -= 1


def _written(lines: list[str], levels: list[int], cuts: list[int], firsts: set[int], apart: set[int]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number in apart and number and lines[number - 1].strip():
            yield ""
        if not line.strip():
            yield ""
        elif levels[number] or number in firsts:
            cut = cuts[number] if not line[: cuts[number]].strip() else 0
            rest = line[cut:].lstrip() if number in firsts or not cut else line[cut:]
            yield "    " * levels[number] + rest
        else:
            yield line
