"""RSNA Intracranial Hemorrhage Detection (2019): slices in one folder, and a row for each slice and label.

The table has the columns ``ID`` (``ID_xxxxxxxxx_subtype``) and ``Label``; some of its rows stand there twice, and one
of its files, ID_6431af929.dcm, ends before its pixels do. Series are not in the table: the headers have them.
Flanders et al., Radiology: Artificial Intelligence 2020;2:3, doi:10.1148/ryai.2020190211.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hounsfield.model.data.config import RsnaConfig
from hounsfield.model.data.listing import Claim, Listed, Listing, files_below, outside, plain
from hounsfield.model.data.problems import Kind, Problem
from hounsfield.model.data.tables import NAN, Table, label_value, with_any
from hounsfield.model.errors import DataError

_ID: Final = re.compile(r"(ID_[0-9A-Za-z]{1,64})_([A-Za-z_]{1,64})")


@dataclass(slots=True)
class _Told:
    place: str
    values: list[float | None]
    """In the order of the labels; None where no row has said anything."""
    problem: Kind | None = None


def list_rsna(config: RsnaConfig, root: Path) -> Listing:
    """List the slices and the labels of each. Raises DataError where the folder or a column is missing."""
    folder = plain(config.images)
    if folder is None or not (root / folder).is_dir():
        raise DataError(f"data.images: {config.images!r} is no folder in {root}")
    table = Table(root / config.table)
    table.require("table", "ID")
    table.require("table", "Label")
    told, problems = _read(table, config)
    by_file = {
        f"{folder}/{name}.dcm": Claim(
            place=one.place,
            truth=with_any(config.labels, [NAN if value is None else value for value in one.values]),
            problem=one.problem,
        )
        for name, one in told.items()
    }
    files = tuple(Listed(file=file) for file in files_below(root, folder))
    return Listing(files=files, by_file=by_file, problems=tuple(problems))


def _read(table: Table, config: RsnaConfig) -> tuple[dict[str, _Told], list[Problem]]:
    place_of = {config.column(label): place for place, label in enumerate(config.labels)}
    told: dict[str, _Told] = {}
    problems: list[Problem] = []
    for row in table:
        match = _ID.fullmatch(row.get("ID"))
        if match is None:
            problems.append(outside(row.place))
            continue
        name, subtype = match.groups()
        if subtype not in place_of:
            continue  # a label that the configuration does not ask for
        one = told.setdefault(name, _Told(row.place, [None] * len(config.labels)))
        value, known = label_value(row.get("Label")), one.values[place_of[subtype]]
        if value is None:
            one.problem = Kind.BAD_LABEL
        elif known is None:
            one.values[place_of[subtype]] = value
        elif known == value:
            problems.append(Problem(Kind.REPEATED_ROW, row.place, "The label of this slice was there already."))
        else:
            one.problem = one.problem or Kind.LABEL_CONFLICT
    return told, problems
