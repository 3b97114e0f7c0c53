"""Folders of DICOM series with a table of series, of slices, or both."""

from pathlib import Path

from hounsfield.model.data.config import SeriesConfig, SeriesTable, SliceTable
from hounsfield.model.data.listing import Claims, Listed, Listing, files_below, outside, plain
from hounsfield.model.data.problems import Problem
from hounsfield.model.data.tables import LabelColumns, Table


def list_series(config: SeriesConfig, root: Path) -> Listing:
    """List the files below ``root`` and the rows about their series and slices."""
    of_series, of_slices, problems = Claims(), Claims(), list[Problem]()
    if config.series_table is not None:
        problems += _read(config.series_table, config, root, of_series)
    if config.slice_table is not None:
        problems += _read(config.slice_table, config, root, of_slices)
    by_folder = config.series_table is not None and config.series_table.key == "folder"
    by_file = config.slice_table is not None and config.slice_table.key == "file"
    return Listing(
        files=tuple(Listed(file=file) for file in files_below(root)),
        by_folder=of_series.of if by_folder else {},
        by_series={} if by_folder else of_series.of,
        by_file=of_slices.of if by_file else {},
        by_instance={} if by_file else of_slices.of,
        problems=(*problems, *of_series.problems, *of_slices.problems),
    )


def _read(about: SeriesTable | SliceTable, config: SeriesConfig, root: Path, claims: Claims) -> list[Problem]:
    table = Table(root / about.file)
    name = "series_table" if isinstance(about, SeriesTable) else "slice_table"
    table.require(f"{name}.column", about.key_column)
    if isinstance(about, SeriesTable) and config.patient is not None:
        table.require("patient", config.patient)
    labels = LabelColumns.of(table, config.labels, config.columns)
    problems = []
    for row in table:
        key: str | None = row.get(about.key_column)
        if about.key in ("folder", "file"):
            key = plain(key or "")
        if not key:
            problems.append(outside(row.place))
            continue
        patient = row.get(config.patient) if config.patient is not None else ""
        claims.add(key, row.place, labels.truth(row), len(config.labels), patient=patient)
    return problems
