"""The job log as CSV: nothing that runs in a spreadsheet, nothing about patients, no line that is half written."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rows import SERIES_UID, at, job_row

from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.retention.archive import ArchiveFailed, JobArchive, csv_text
from hounsfield.daemon.retention.csv_lines import COLUMNS, cell
from hounsfield.storage.states import JobState, Outcome

HASHER = UidHasher(b"key")
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_job_is_one_line_with_every_column() -> None:
    job = job_row(
        state=JobState.COMPLETED,
        outcome=Outcome.POSITIVE,
        score=0.93,
        updated_at=at(7.5),
        timings={"infer": 0.5, "report": 0.25},
        scanner="CT1",
    )
    (line,) = lines(csv_text([job], HASHER, header=True))
    assert tuple(line) == tuple(COLUMNS)
    assert line["series"] == HASHER(SERIES_UID)
    assert (line["outcome"], line["score"], line["seconds"]) == ("positive", "0.93", "2.5")
    assert line["stages"] == "infer=0.500 report=0.250"
    assert line["created_at"] == "2026-11-22T08:00:05.000Z"
    assert SERIES_UID not in str(line)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    (line,) = lines(csv_text([job_row(scanner=text)], HASHER, header=True))
    assert line["scanner"][0] == "'"


@given(st.text(max_size=40))
def test_no_text_makes_a_formula_or_another_line(text: str) -> None:
    found = lines(csv_text([job_row(scanner=text), job_row(id=2)], HASHER, header=True))
    assert [line["job"] for line in found] == ["1", "2"]
    assert not found[0]["scanner"].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_stay_numbers() -> None:
    assert [cell(value) for value in (-5, 0.25, None, "-5")] == ["-5", "0.25", "", "'-5"]


def test_the_archive_goes_on_in_the_file_of_the_year(tmp_path: Path) -> None:
    archive = JobArchive(tmp_path / "archive", HASHER)
    path = archive.append([job_row()], NOW)
    assert archive.append([job_row(id=2)], NOW) == path
    assert path.name == "jobs-2026.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [line["job"] for line in lines(path.read_text())] == ["1", "2"]


def test_a_line_that_a_power_loss_cut_off_spoils_no_other(tmp_path: Path) -> None:
    archive = JobArchive(tmp_path, HASHER)
    path = archive.append([job_row()], NOW)
    path.write_bytes(path.read_bytes() + b"7,INFER,COMP")
    archive.append([job_row(id=8)], NOW)
    assert [line["job"] for line in lines(path.read_bytes().decode())] == ["1", "7", "8"]


def test_an_archive_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("in the way")
    with pytest.raises(ArchiveFailed, match="archive of the job log"):
        JobArchive(tmp_path / "archive", HASHER).append([job_row()], NOW)
