"""Reading tables of labels. Their content is not trusted: it names files and values, and becomes neither path nor code
before :mod:`hounsfield.model.data.listing` has looked at it."""

import csv
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hounsfield.model.data.config import ANY
from hounsfield.model.errors import DataError

NAN: Final = math.nan
Truth = tuple[float, ...]
"""One value for each label: 1, 0, or NaN where nothing is known."""

_LONGEST_CELL = 4096
_WORDS: Final = {
    "1": 1.0,
    "1.0": 1.0,
    "true": 1.0,
    "yes": 1.0,
    "0": 0.0,
    "0.0": 0.0,
    "false": 0.0,
    "no": 0.0,
    "": NAN,
    "nan": NAN,
    "na": NAN,
    "n/a": NAN,
    "unknown": NAN,
}


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row below the header."""

    place: str
    """The table and its row, for messages: ``labels.csv row 3`` (the header is row 1)."""
    cells: Mapping[str, str]

    def get(self, column: str) -> str:
        """Return a cell without outer spaces; empty where the row or the table has none."""
        return self.cells.get(column, "").strip()


class Table:
    """A CSV file with a header; comma, semicolon or tab separate. Read row by row, never held whole."""

    def __init__(self, path: Path) -> None:
        """Read the header. Raises DataError naming the file."""
        self.path = path
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                head = stream.readline(_LONGEST_CELL * 16)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: is not a table in UTF-8") from error
        self._separator = max(",;\t", key=head.count)
        self.columns = [cell.strip() for cell in next(csv.reader([head], delimiter=self._separator), [])]
        if not any(self.columns):
            raise DataError(f"{path}: has no header")
        if len(set(self.columns)) < len(self.columns):
            raise DataError(f"{path}: a column stands twice in the header")

    def require(self, key: str, column: str) -> str:
        """Return ``column``. Raises DataError naming the ``key`` of the configuration if the table has none such."""
        if column not in self.columns:
            known = ", ".join(self.columns[:20])
            raise DataError(f"{self.path}: has no column {column!r} (data.{key}); its columns are {known}")
        return column

    def __iter__(self) -> Iterator[TableRow]:
        """Yield the rows; raises DataError for what is no CSV."""
        with self.path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=self._separator)
            try:
                for number, cells in enumerate(itertools.islice(reader, 1, None), start=2):
                    if any(len(cell) > _LONGEST_CELL for cell in cells):
                        raise DataError(f"{self.path}: row {number} has a cell of more than {_LONGEST_CELL} characters")
                    if any(cells):
                        place = f"{self.path.name} row {number}"
                        yield TableRow(place, dict(zip(self.columns, cells, strict=False)))
            except (csv.Error, UnicodeDecodeError) as error:
                raise DataError(f"{self.path}: is not a table in UTF-8 ({type(error).__name__})") from error


def label_value(text: str) -> float | None:
    """Return 1, 0, NaN for unknown, and None for what is no label."""
    return _WORDS.get(text.strip().lower())


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which columns of a table hold which labels; None: the table has no such column."""

    columns: tuple[str | None, ...]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, table: Table, labels: Sequence[str], names: Mapping[str, str]) -> "LabelColumns":
        """Find them. Raises DataError for one that is missing, except ``any``, which can be derived."""
        found: list[str | None] = []
        for label in labels:
            column = names.get(label, label)
            derived = label == ANY and len(labels) > 1 and column not in table.columns
            found.append(None if derived else table.require(f"columns.{label}", column))
        return cls(tuple(found), tuple(labels))

    def truth(self, row: TableRow) -> Truth | None:
        """Return the labels of a row; None if one of them is neither 0 nor 1 nor empty."""
        values = [NAN if column is None else label_value(row.get(column)) for column in self.columns]
        known = [value for value in values if value is not None]
        return with_any(self.labels, known) if len(known) == len(values) else None


def with_any(labels: Sequence[str], truth: Sequence[float]) -> Truth:
    """Fill ``any`` in where it is unknown: 1 if another label is 1, 0 if all others are 0."""
    if ANY not in labels or len(labels) == 1:
        return tuple(truth)
    at = list(labels).index(ANY)
    others = [value for place, value in enumerate(truth) if place != at]
    filled = highest(others) if math.isnan(truth[at]) else truth[at]
    return (*truth[:at], filled, *truth[at + 1 :])


def contradicts_any(labels: Sequence[str], truth: Sequence[float]) -> bool:
    """Whether ``any`` is 0 where another label is 1. (It may be 1 where all others are 0: they need not be all.)"""
    return ANY in labels and truth[list(labels).index(ANY)] == 0.0 and 1.0 in truth


def highest(values: Sequence[float]) -> float:
    """Return 1 if one is 1, 0 if all are 0, else NaN."""
    if any(value == 1.0 for value in values):
        return 1.0
    return 0.0 if values and all(value == 0.0 for value in values) else NAN


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two truths do not contradict each other: unknown contradicts nothing."""
    return all(a == b or math.isnan(a) or math.isnan(b) for a, b in zip(one, other, strict=True))


def merged(one: Sequence[float], other: Sequence[float]) -> Truth:
    """Return what two truths know together."""
    return tuple(b if math.isnan(a) else a for a, b in zip(one, other, strict=True))


def knows(truth: Sequence[float]) -> bool:
    """Whether at least one label is known."""
    return not all(math.isnan(value) for value in truth)
