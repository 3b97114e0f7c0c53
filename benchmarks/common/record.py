"""What a benchmark found, as data: sheets for people and figures for machines, written as JSON and printed.

A figure is one thing that was measured, beside a peer's where there is one, with what the project promised of it.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.spread import Spread, shown, shown_spread
from rich.console import Console
from rich.table import Table

MET, MISSED = "met", "missed"
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of text; its first ``left`` columns are words. ``key`` names its place on the page."""

    key: str
    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    left: int = 1

    def add(self, *cells: str) -> None:
        """Add a row."""
        if len(cells) != len(self.heads):
            raise ValueError(f"{self.title}: {len(cells)} cells under {len(self.heads)} heads")
        self.rows.append(cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Ours, and a peer's or a bound; the ratio is ours / theirs, round by round."""

    what: str
    unit: str = ""
    ours: Spread | None = None
    peer: str = ""
    theirs: Spread | None = None
    ratio: Spread | None = None
    target: float | None = None
    """Of the ratio where there is one, else of ours; None: told only."""
    at_most: bool = True

    @property
    def judged(self) -> Spread | None:
        """What the target is about."""
        return self.ratio or self.ours

    @property
    def verdict(self) -> str:
        """``met`` or ``missed``; empty where nothing was promised or measured."""
        if self.target is None or self.judged is None:
            return ""
        value = self.judged.median
        return MET if (value <= self.target if self.at_most else value >= self.target) else MISSED


@dataclass(slots=True)
class Report:
    """Everything a benchmark found."""

    sheets: list[Sheet] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What could not be measured, in words."""

    def as_dict(self) -> Found:
        """Return it for JSON."""
        figures = [asdict(one) | {"verdict": one.verdict} for one in self.figures]
        return {"sheets": [asdict(one) for one in self.sheets], "figures": figures, "failures": self.failures}

    def show(self, console: Console) -> None:
        """Print it for people."""
        for sheet in self.sheets:
            console.print(rich_table(sheet))
        if self.figures:
            console.print(rich_table(figure_sheet(as_json(self.as_dict()["figures"]))))
        for failure in self.failures:
            console.print(f"not measured: {failure}", style="red", markup=False)

    def end(self, console: Console, file: Path | None) -> None:
        """Print it, and write it where it was asked for."""
        self.show(console)
        if file is not None:
            file.write_text(json.dumps(self.as_dict(), indent=1) + "\n")


def as_json(value: Any) -> Any:
    """Return what is left of a value once it was written and read."""
    return json.loads(json.dumps(value))


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark write what it found."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured there")


def rich_table(sheet: Sheet) -> Table:
    """Return a sheet for the terminal."""
    table = Table(title=sheet.title, title_justify="left")
    for number, head in enumerate(sheet.heads):
        table.add_column(head, justify="left" if number < sheet.left else "right")
    for row in sheet.rows:
        table.add_row(*row)
    return table


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a table of a Markdown page; cells are escaped."""
    marks = ["---" if number < left else "---:" for number in range(len(heads))]
    lines = [[_cell(text) for text in heads], marks, *([_cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figure_sheet(figures: Sequence[Found]) -> Sheet:
    """Return figures, as JSON holds them, as one table."""
    heads = ("what", "Hounsfield", "beside", "ratio", "target", "")
    sheet = Sheet("targets", "Targets", heads)
    for one in figures:
        ratio = "" if one["ratio"] is None else shown_spread(Spread(**one["ratio"]))
        unit = f", {one['unit']}" if one["unit"] else ""
        sheet.add(one["what"] + unit, _ours(one), _beside(one), ratio, _target(one), one["verdict"])
    return sheet


def _ours(figure: Found) -> str:
    if figure["ours"] is None:
        return ""
    ours = Spread(**figure["ours"])
    return shown(ours.median) if figure["ratio"] else shown_spread(ours)


def _beside(figure: Found) -> str:
    if figure["theirs"] is None:
        return str(figure["peer"])
    return f"{figure['peer']} {shown(figure['theirs']['median'])}".strip()


def _target(figure: Found) -> str:
    if figure["target"] is None:
        return ""
    return f"{'at most' if figure['at_most'] else 'at least'} {figure['target']:.3g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
