"""Truth about series: read from a table that says what is wrong with it, and from readers."""

from pathlib import Path

import pytest
from pydicom import Dataset
from support.ct_factory import ct_slice, write
from support.score_rows import scored

from hounsfield.daemon.replay.truth import TruthError, read_truth, truth_of
from hounsfield.storage.results import ResultFiles


def table(folder: Path, text: str) -> Path:
    path = folder / "truth.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_table_has_a_key_and_the_truth_among_any_columns(tmp_path: Path, start: str) -> None:
    read = read_truth(table(tmp_path, f"{start}reader, Series_UID ,TRUTH\nanna,1.2.1,1\nanna,1.2.2,0\nanna,1.2.3,\n"))
    assert (read.key, dict(read.values)) == ("series_uid", {"1.2.1": True, "1.2.2": False})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line"),
        ("series_uid\n1\n", "first line"),
        ("uid,truth\n1,1\n", "first line"),
        ("series_uid,accession,truth\n1,1,1\n", "first line"),
        ("series_uid,truth\n1.2.1,1\n\n1.2.2,yes\n", "line 4 has a truth that is none"),
        ("series_uid,truth\n,1\n", "line 2 has no usable series_uid"),
        (f"series_uid,truth\n{'1' * 65},1\n", "line 2 has no usable series_uid"),
        ("series_uid,truth\n1.2.1,1\n1.2.1,0\n", "line 3 says the opposite"),
        ('series_uid,truth\n"1.2.1,1\n', "not a table"),
    ],
)
def test_a_table_that_cannot_be_used_is_named_with_its_line_and_nothing_that_stands_there(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(TruthError) as caught:
        read_truth(table(tmp_path, text))
    assert words in str(caught.value)
    assert "truth.csv" in str(caught.value)
    assert "1.2." not in str(caught.value)


def test_a_file_that_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_bytes(b"series_uid,truth\n\xff\xfe,1\n")
    for name, words in (("raw.csv", "not a table"), ("none.csv", "cannot be read")):
        with pytest.raises(TruthError, match=words):
            read_truth(tmp_path / name)


def test_the_table_comes_before_what_readers_say(tmp_path: Path) -> None:
    jobs = [scored(1), scored(2), scored(3)]
    read = read_truth(table(tmp_path, "series_uid,truth\n1.2.1,1\n1.2.9,1\n"))
    truth = truth_of(jobs, read, {1: False, 2: False}, ResultFiles(tmp_path))
    assert (dict(truth.by_job), truth.from_table) == ({1: True, 2: False}, 1)
    assert dict(truth_of(jobs, None, {3: True}, ResultFiles(tmp_path)).by_job) == {3: True}


def test_a_truth_about_a_study_counts_for_its_series(tmp_path: Path) -> None:
    read = read_truth(table(tmp_path, "study_uid,truth\n1.9,1\n"))
    jobs = [scored(1, study_uid="1.9"), scored(2, study_uid="1.9"), scored(3)]
    assert dict(truth_of(jobs, read, {}, ResultFiles(tmp_path)).by_job) == {1: True, 2: True}


def test_an_accession_number_is_found_in_the_report(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.prepare()
    report: Dataset = ct_slice(AccessionNumber="A-17 ", PixelData=None)
    write(report, files.path("2.25.1"))
    files.path("2.25.2").write_bytes(b"damaged")
    read = read_truth(table(tmp_path, "accession,truth\nA-17,1\n"))
    uids = ("2.25.1", "2.25.2", "2.25.3", "../../etc/passwd", None)
    jobs = [scored(number, report_uid=uid) for number, uid in enumerate(uids, start=1)]
    assert dict(truth_of(jobs, read, {}, files).by_job) == {1: True}
