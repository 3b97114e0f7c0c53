"""The Markdown of this project: its pages with their headings, links and code, as CommonMark reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[3]
PLACES = ("*.md", "docs/**/*.md", "deploy/**/*.md", "model/**/*.md", "benchmarks/**/*.md")
_PARSER = MarkdownIt("commonmark").enable("table")
_EXPLICIT_ANCHOR = re.compile(r"""<\w+[^>]*\b(?:id|name)=["']([^"']+)["']""")


@dataclass(frozen=True)
class Fence:
    """A block of code: its language and its lines, of which the first stands in line ``line`` of the page."""

    line: int
    language: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """Code, or the target of a link, within a line."""

    line: int
    text: str


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: str
    """Relative to the root of the repository."""

    @property
    def file(self) -> Path:
        return ROOT / self.path

    @cached_property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def _tokens(self) -> list[Token]:
        return _PARSER.parse(self.text)

    @cached_property
    def fences(self) -> tuple[Fence, ...]:
        found = (token for token in self._tokens if token.type == "fence" and token.map)
        return tuple(
            Fence(token.map[0] + 2, token.info.split()[0] if token.info else "", tuple(token.content.splitlines()))
            for token in found
        )

    @cached_property
    def code(self) -> tuple[Span, ...]:
        return tuple(Span(line, token.content) for line, token in self._inline() if token.type == "code_inline")

    @cached_property
    def links(self) -> tuple[Span, ...]:
        """Return the targets of links and images."""
        targets = ((line, token.attrGet("href") or token.attrGet("src")) for line, token in self._inline())
        return tuple(Span(line, unquote(str(target))) for line, target in targets if target)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Return what a forge lets a link end with: headings, and ids that somebody wrote."""
        headings = [
            "".join(child.content for child in after.children or ())
            for token, after in zip(self._tokens, self._tokens[1:], strict=False)
            if token.type == "heading_open"
        ]
        return frozenset([*map(slug, headings), *_EXPLICIT_ANCHOR.findall(self.text)])

    def _inline(self) -> Iterator[tuple[int, Token]]:
        for token in self._tokens:
            line = token.map[0] + 1 if token.map else 0
            for child in token.children or ():
                yield line, child
                line += child.type in ("softbreak", "hardbreak")


def slug(heading: str) -> str:
    """Return the anchor that a forge makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@cache
def pages() -> tuple[Page, ...]:
    """Return every page, in the order of their paths."""
    files = {file.relative_to(ROOT).as_posix() for place in PLACES for file in ROOT.glob(place)}
    return tuple(Page(path) for path in sorted(files))


@cache
def page(path: str) -> Page:
    """Return the page at this path, also one that is none of :func:`pages`."""
    return next((one for one in pages() if one.path == path), Page(path))
