"""The rows of a data set: one for each image, with all that training has to know of it; and their tables as CSV."""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hounsfield.model.data.listing import plain
from hounsfield.model.data.problems import Kind, Problem
from hounsfield.model.data.tables import Table, TableRow, Truth
from hounsfield.model.errors import DataError

CLEAN, EXCLUDED = "clean.csv", "excluded.csv"
_FIXED: Final = ("file", "frame", "series", "patient", "scanner", "position_mm", "row_mm", "column_mm", "pixels")
_OF_SLICE, _OF_SERIES = "slice:", "series:"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One image."""

    file: str
    frame: int | None
    series: str
    """Key of the series; holds no patient data."""
    patient: str
    """Key of the patient; holds no patient data."""
    scanner: str
    position_mm: float
    spacing_mm: tuple[float, float] | None
    digest: str
    """Of the decoded pixels."""
    truth: Truth
    series_truth: Truth
    why: Kind | None = None
    """Why it is excluded or left out; None if it is clean."""
    words: str = ""

    @property
    def name(self) -> str:
        """The file, ``#frame`` appended in a multi-frame instance."""
        return self.file if self.frame is None else f"{self.file}#{self.frame}"


def pixels_key(shape: Sequence[int], digest: str) -> str:
    """Return what is equal for images with the same pixels: size, and part of the digest of the values."""
    return f"{shape[0]}x{shape[1]}-{digest[:32]}"


def write_clean(path: Path, labels: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the clean manifest of a data set: a row for each image, in the order that a prepared data set has."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        columns = (*_FIXED, *(f"{kind}{label}" for kind in (_OF_SLICE, _OF_SERIES) for label in labels))
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            spacing = row.spacing_mm or ("", "")
            writer.writerow(
                [
                    _cell(row.file),
                    "" if row.frame is None else row.frame,
                    row.series,
                    row.patient,
                    row.scanner,
                    repr(float(row.position_mm)),
                    *spacing,
                    row.digest,
                    *(_label(value) for value in (*row.truth, *row.series_truth)),
                ]
            )


def write_excluded(path: Path, rows: Iterable[Row], problems: Iterable[Problem]) -> None:
    """Write what was excluded or left out, and rows of tables that are about nothing, each with the reason."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("file", "series", "reason", "words"))
        for row in rows:
            if row.why is not None:
                writer.writerow((_cell(row.name), row.series, row.why, _cell(row.words)))
        for problem in problems:
            writer.writerow((_cell(problem.file), "", problem.kind, _cell(problem.words)))


def read_clean(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Read a clean manifest: its labels and rows. Raises DataError naming file and row."""
    table = Table(path)
    for column in _FIXED:
        table.require("checked", column)
    labels = tuple(column.removeprefix(_OF_SLICE) for column in table.columns if column.startswith(_OF_SLICE))
    if not labels:
        raise DataError(f"{path}: has no columns {_OF_SLICE}LABEL; write it again with `data check`")
    return labels, list(_rows(table, labels))


def _rows(table: Table, labels: Sequence[str]) -> Iterator[Row]:
    for row in table:
        try:
            yield _row(row, labels)
        except ValueError as error:
            raise DataError(f"{table.path}: {row.place} is damaged; write it again with `data check`") from error


def _row(row: TableRow, labels: Sequence[str]) -> Row:
    file = plain(row.get("file"))
    if file is None:
        raise ValueError("no path in the data set")
    spacing = row.get("row_mm"), row.get("column_mm")
    return Row(
        file=file,
        frame=int(row.get("frame")) if row.get("frame") else None,
        series=row.get("series"),
        patient=row.get("patient"),
        scanner=row.get("scanner"),
        position_mm=float(row.get("position_mm")),
        spacing_mm=(float(spacing[0]), float(spacing[1])) if all(spacing) else None,
        digest=row.get("pixels"),
        truth=tuple(_value(row.get(f"{_OF_SLICE}{label}")) for label in labels),
        series_truth=tuple(_value(row.get(f"{_OF_SERIES}{label}")) for label in labels),
    )


def _cell(text: str) -> str:
    """A spreadsheet takes what begins so for a formula; as a path it means the same with ./ before it."""
    return f"./{text}" if text.startswith(_FORMULA) else text


def _label(value: float) -> str:
    return "" if math.isnan(value) else str(int(value))


def _value(text: str) -> float:
    return float(text) if text else math.nan
