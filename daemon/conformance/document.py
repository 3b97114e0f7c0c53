"""A document of numbered sections with paragraphs, lists and tables: what the statement is before it is Markdown or
HTML. Texts are plain; the writers escape them."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list without an order."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """Lines of ASCII that keep their spaces."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a caption. A table without rows says so."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of '{self.caption}' has not {len(self.columns)} cells")

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


Block = Paragraph | Bullets | Figure | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section. Numbers are those of the template, so they are given and not counted."""

    number: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple["Section", ...] = ()

    def walk(self) -> Iterator["Section"]:
        """Yield the section and all below it, in the order of reading."""
        yield self
        for below in self.sections:
            yield from below.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The whole statement."""

    title: str
    cover: tuple[Block, ...]
    sections: tuple[Section, ...]

    def walk(self) -> Iterator[Section]:
        """Yield every section, in the order of reading."""
        for section in self.sections:
            yield from section.walk()

    def section(self, number: str) -> Section:
        """Return the section with this number; raise LookupError."""
        found = next((one for one in self.walk() if one.number == number), None)
        if found is None:
            raise LookupError(number)
        return found

    def table(self, caption: str) -> Table:
        """Return the table below this caption; raise LookupError."""
        tables = (block for section in self.walk() for block in section.blocks if isinstance(block, Table))
        found = next((table for table in tables if table.caption == caption), None)
        if found is None:
            raise LookupError(caption)
        return found


CONTENTS = "2"
"""The section in which the writers put the table of contents."""


def depth_of(section: Section) -> int:
    """Return how deep a section lies: 1 for "5" and for an annex."""
    return max(1, len(section.number.removeprefix("A.").split(".")))


def is_listed(section: Section) -> bool:
    """Whether the table of contents names a section: the first two levels."""
    return depth_of(section) <= 2
