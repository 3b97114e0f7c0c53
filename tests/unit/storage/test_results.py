"""Finished results on disk: durable, named by our own UIDs, verified before they are sent."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest
from support.file_operations import WatchedFileOperations

from hounsfield.storage.errors import ResultFileError
from hounsfield.storage.results import ResultFiles

UID = "2.25.17"


def test_a_result_is_durable_when_it_is_written(tmp_path: Path) -> None:
    operations = WatchedFileOperations()
    files = ResultFiles(tmp_path, operations)
    sha256 = files.write(UID, b"report")
    assert operations.calls[-6:] == ["create", "write", "fsync", "close", "rename", "fsync_directory"]
    assert files.path(UID) == tmp_path / "results" / "2.25.17.dcm"
    assert files.path(UID).read_bytes() == b"report"
    assert sha256 == hashlib.sha256(b"report").hexdigest()
    assert files.verify(UID, sha256)
    assert stat.S_IMODE(files.path(UID).stat().st_mode) == 0o600


def test_a_result_that_changed_or_went_is_noticed(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    sha256 = files.write(UID, b"report")
    files.path(UID).write_bytes(b"rep0rt")
    assert not files.verify(UID, sha256)
    files.path(UID).unlink()
    assert not files.verify(UID, sha256)


def test_writing_again_replaces_the_file_as_a_whole(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.write(UID, b"a long first report")
    sha256 = files.write(UID, b"second")
    assert files.verify(UID, sha256)
    assert [path.name for path in files.folder.iterdir()] == ["2.25.17.dcm"]


@pytest.mark.parametrize("step", ["create", "write", "fsync", "rename", "fsync_directory"])
def test_a_failed_write_leaves_nothing(tmp_path: Path, step: str) -> None:
    ResultFiles(tmp_path).prepare()
    failing = ResultFiles(tmp_path, WatchedFileOperations(fail_at=step, error=errno.ENOSPC))
    with pytest.raises(ResultFileError):
        failing.write(UID, b"report")
    assert list(failing.folder.glob("*.*")) == []


def test_left_over_parts_are_deleted_at_the_start(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    assert files.prepare() == 0
    (files.folder / "dead.part").write_bytes(b"half")
    assert files.prepare() == 1
    assert list(files.folder.glob("*.*")) == []


def test_two_who_work_at_one_result_do_not_see_each_other_before_it_is_published(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    dead, alive = files.stage(UID, b"of the dead"), files.stage(UID, b"of the living")
    assert list(files.uids()) == []
    files.publish([(UID, alive)])
    assert files.verify(UID, alive)
    files.drop([(UID, dead), (UID, dead)])
    assert [path.name for path in files.folder.rglob("*") if path.is_file()] == ["2.25.17.dcm"]


def test_publishing_is_durable_and_all_at_once(tmp_path: Path) -> None:
    operations = WatchedFileOperations()
    files = ResultFiles(tmp_path, operations)
    staged = [(uid, files.stage(uid, b"report")) for uid in (UID, "2.25.18")]
    files.publish(staged)
    files.publish([])
    assert operations.calls[-3:] == ["rename", "rename", "fsync_directory"]
    with pytest.raises(ResultFileError):
        files.publish(staged)


def test_what_was_staged_a_day_ago_is_nobodys_any_more(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    old, new = files.stage(UID, b"old"), files.stage(UID, b"new")
    os.utime(files.folder / "staged" / f"{UID}.{old}", (0, 0))
    assert files.prepare() == 1
    files.publish([(UID, new)])
    assert files.verify(UID, new)


@pytest.mark.parametrize("uid", ["", "../1.2", "1.2/3", "1", "1.2.", "1" * 63 + ".1", "1.2\n"])
def test_what_is_no_uid_is_no_path(tmp_path: Path, uid: str) -> None:
    with pytest.raises(ResultFileError):
        ResultFiles(tmp_path).path(uid)


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(ResultFileError):
        ResultFiles(tmp_path).write(UID, b"report")
