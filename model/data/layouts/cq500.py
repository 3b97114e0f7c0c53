"""CQ500: folders ``CQ500CTn``, and ``reads.csv`` with the answers of three readers for each head.

The majority of the readers counts, as in the paper: Chilamkurthy et al., Lancet 2018;392:2388-96. There are labels of
heads only; of several series of a head the best one is taken.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Final

from hounsfield.model.data.config import Cq500Config
from hounsfield.model.data.listing import Claims, Listed, Listing, files_below, outside
from hounsfield.model.data.problems import Kind, Problem
from hounsfield.model.data.tables import NAN, Table, TableRow, Truth, label_value, with_any
from hounsfield.model.errors import DataError

_NAME: Final = re.compile(r"CQ500[-_ ]?CT[-_ ]?(\d{1,9})", re.IGNORECASE)


def list_cq500(config: Cq500Config, root: Path) -> Listing:
    """List the files of all heads, and what the readers said of each."""
    table = Table(root / config.table)
    table.require("table", "name")
    readers = {label: _columns(table, config, label) for label in config.labels}
    said, problems = Claims(), list[Problem]()
    for row in table:
        match = _NAME.fullmatch(row.get("name"))
        if match is None:
            problems.append(outside(row.place))
            continue
        said.add(str(int(match[1])), row.place, _majority(row, readers, config.labels), len(config.labels))
    files, folders = [], dict[str, str]()
    for file in files_below(root):
        head, folder = _head(file)
        study = f"CQ500CT{head}" if head else ""
        files.append(Listed(file=file, patient=study, study=study))
        if head:
            folders[folder] = head
    missing = (
        Problem(Kind.LABEL_WITHOUT_FILE, claim.place, "There is no folder of this head.")
        for head, claim in said.of.items()
        if head not in folders.values()
    )
    by_folder = {folder: said.of[head] for folder, head in folders.items() if head in said.of}
    problems += [*said.problems, *missing]
    return Listing(files=tuple(files), by_folder=by_folder, problems=tuple(problems))


def _head(file: str) -> tuple[str, str]:
    """Number of the head that a file is of, and its folder; empty if it lies in none."""
    parts = PurePosixPath(file).parts[:-1]
    for depth, part in enumerate(parts, start=1):
        if match := _NAME.match(part):
            return str(int(match[1])), "/".join(parts[:depth])
    return "", ""


def _columns(table: Table, config: Cq500Config, label: str) -> list[str]:
    column = re.compile(rf"R\d+:{re.escape(config.column(label))}")
    found = [one for one in table.columns if column.fullmatch(one)]
    if not found:
        raise DataError(f"{table.path}: has no columns R1:{config.column(label)} ... (data.columns.{label})")
    return found


def _majority(row: TableRow, readers: dict[str, list[str]], labels: tuple[str, ...]) -> Truth | None:
    votes = {label: [label_value(row.get(column)) for column in columns] for label, columns in readers.items()}
    if any(vote is None for given in votes.values() for vote in given):
        return None
    return with_any(labels, [_vote([vote for vote in votes[label] if vote is not None]) for label in labels])


def _vote(votes: list[float]) -> float:
    """More than half of those who said something; a tie is unknown."""
    known = [vote for vote in votes if vote in (0.0, 1.0)]
    mean = sum(known) / len(known) if known else 0.5
    return NAN if mean == 0.5 else float(mean > 0.5)
