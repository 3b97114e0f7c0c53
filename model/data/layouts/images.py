"""A CSV with one row for each image file (PNG, JPEG, DICOM) and a column for each label."""

from pathlib import Path
from typing import Final

from hounsfield.model.data.config import ImagesConfig
from hounsfield.model.data.listing import Claims, Listed, Listing, files_below, outside, plain
from hounsfield.model.data.problems import Problem
from hounsfield.model.data.tables import LabelColumns, Table, TableRow

_OPTIONAL: Final = ("patient", "series", "position", "spacing")
_FARTHEST_MM: Final = 100_000.0


def list_images(config: ImagesConfig, root: Path) -> Listing:
    """List the files below ``root`` and the rows about them."""
    table = Table(root / config.table)
    table.require("file", config.file)
    for name in _OPTIONAL:
        if name in config.model_fields_set:
            table.require(name, getattr(config, name))
    labels = LabelColumns.of(table, config.labels, config.columns)
    claims, told, problems = Claims(), dict[str, Listed](), list[Problem]()
    for row in table:
        file = plain(row.get(config.file))
        if file is None:
            problems.append(outside(row.place))
            continue
        truth = labels.truth(row)
        try:
            listed = _listed(file, row, config)
        except ValueError:
            truth, listed = None, Listed(file=file)
        claims.add(file, row.place, truth, len(config.labels))
        told.setdefault(file, listed)
    files = tuple(told.get(file, Listed(file=file)) for file in files_below(root))
    return Listing(files=files, by_file=claims.of, problems=(*problems, *claims.problems))


def _listed(file: str, row: TableRow, config: ImagesConfig) -> Listed:
    return Listed(
        file=file,
        series=row.get(config.series),
        patient=row.get(config.patient),
        position_mm=_number(row, config.position, lowest=-_FARTHEST_MM),
        pixel_mm=_number(row, config.spacing, lowest=1e-3),
    )


def _number(row: TableRow, column: str, *, lowest: float) -> float | None:
    """A number of mm; None for an empty cell. Raises ValueError for another."""
    text = row.get(column)
    if not text:
        return None
    value = float(text)
    if not lowest <= value <= _FARTHEST_MM:
        raise ValueError("no length in mm")
    return value
