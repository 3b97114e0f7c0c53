"""What is true of series: from a table that a person made, and from what readers said about results."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import dcmread

from hounsfield.daemon.errors import DaemonError
from hounsfield.storage.analysis_facts import ScoredJob
from hounsfield.storage.errors import ResultFileError
from hounsfield.storage.results import ResultFiles

KEYS: Final = ("series_uid", "study_uid", "accession")
TRUTH: Final = "truth"
_ALLOWED = f'a CSV file whose first line names one of {", ".join(KEYS)} and the column "{TRUTH}" with 0 or 1'
_VALUES: Final = {"0": False, "1": True}
_MOST_LINES: Final = 1_000_000
_LONGEST: Final = 64


class TruthError(DaemonError):
    """A table of truth cannot be used. The text names file and line, never what stands there."""


@dataclass(frozen=True, slots=True)
class TruthTable:
    """Truth by a key of series, studies or orders."""

    key: str
    """One of :data:`KEYS`."""
    values: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is known of jobs."""

    by_job: Mapping[int, bool]
    from_table: int
    """How many of them the table knows; the others are known from readers."""


def read_truth(path: Path) -> TruthTable:
    """Read a table; an empty cell says nothing. Raise :class:`TruthError`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _table(path, csv.DictReader(file, strict=True))
    except OSError as error:
        raise TruthError(f"{path}: cannot be read ({error.strerror})", f"give {_ALLOWED}") from None
    except (csv.Error, UnicodeDecodeError):
        raise TruthError(f"{path}: is not a table of text in UTF-8", f"give {_ALLOWED}") from None


def _table(path: Path, rows: "csv.DictReader[str]") -> TruthTable:
    columns = [name.strip().lower() for name in rows.fieldnames or []]
    keys = [name for name in columns if name in KEYS]
    if len(keys) != 1 or columns.count(TRUTH) != 1:
        raise TruthError(f"{path}: the first line does not name one key and the truth", f"give {_ALLOWED}")
    rows.fieldnames = columns
    return TruthTable(keys[0], _values(path, rows, keys[0]))


def _values(path: Path, rows: "csv.DictReader[str]", key: str) -> dict[str, bool]:
    values: dict[str, bool] = {}
    for row in rows:
        number = rows.line_num
        name, cell = (row.get(key) or "").strip(), (row.get(TRUTH) or "").strip()
        if not name or len(name) > _LONGEST:
            raise TruthError(f"{path}: line {number} has no usable {key}", f"1 to {_LONGEST} characters are allowed")
        if not cell:
            continue
        if cell not in _VALUES:
            raise TruthError(f"{path}: line {number} has a {TRUTH} that is none", "allowed are 0, 1 and nothing")
        if values.setdefault(name, _VALUES[cell]) is not _VALUES[cell]:
            raise TruthError(
                f"{path}: line {number} says the opposite of an earlier line", "say one thing of each case"
            )
        if len(values) > _MOST_LINES:
            raise TruthError(f"{path}: has more than {_MOST_LINES} lines", "give a part of them")
    return values


def truth_of(
    jobs: Iterable[ScoredJob], table: TruthTable | None, opinions: Mapping[int, bool], files: ResultFiles
) -> Truth:
    """Return what is known of the series of ``jobs``: by the table first, then by readers (by series id).

    A truth about a study or an order counts for each of its series.
    """
    listed = list(jobs)
    by_table = {} if table is None else dict(_by_table(listed, table, files))
    by_readers = {job.job_id: opinions[job.series_id] for job in listed if job.series_id in opinions}
    return Truth(by_job=by_readers | by_table, from_table=len(by_table))


def _by_table(jobs: Iterable[ScoredJob], table: TruthTable, files: ResultFiles) -> Iterator[tuple[int, bool]]:
    for job in jobs:
        key = {"series_uid": job.series_uid, "study_uid": job.study_uid}.get(table.key)
        if key is None:
            key = _accession(job, files)
        if key in table.values:
            yield job.job_id, table.values[key]


def _accession(job: ScoredJob, files: ResultFiles) -> str:
    """Accession Number (0008,0050) as our report has it from the images: the database keeps none."""
    if job.report_uid is None:
        return ""
    try:
        report = dcmread(files.path(job.report_uid), specific_tags=["AccessionNumber"])
        return str(report.get("AccessionNumber", "") or "").strip()
    except ResultFileError:
        return ""
    except Exception:  # noqa: BLE001 - gone or damaged: pydicom raises whatever the file makes it raise
        return ""
