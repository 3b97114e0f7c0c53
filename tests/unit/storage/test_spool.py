"""The spool: files named by their digest, with everything in their head, readable by anybody's DICOM reader."""

import errno
import io
import os
import stat
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from support.spool_values import DATASET, SENT, files, opened, watched
from support.spooling import keeps, sealed_in, spooled
from support.stored import CT, EXPLICIT, SERIES, STUDY, at

from hounsfield.storage import spool as spool_module
from hounsfield.storage import spool_lock
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.spool import Spool, digest_of
from hounsfield.storage.spool_format import decode_head, encode_head
from hounsfield.storage.states import InstanceRole


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.prepare()
    return made


def test_any_reader_of_dicom_reads_the_file(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    path = spool.path(digest)
    found = dcmread(path)
    assert found.PatientID == "ID42"
    meta = found.file_meta
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, f"{SERIES}.1")
    assert (meta.TransferSyntaxUID, meta.SendingApplicationEntityTitle) == (EXPLICIT, "CT1")
    assert meta.ReceivingApplicationEntityTitle == "HOUNSFIELD"
    assert found.preamble.startswith(b"HOUNSFIELD spool 1 " + digest.encode())
    assert path.read_bytes()[spool.head(digest).length :] == DATASET
    assert path.read_bytes()[132 + 12 + meta.FileMetaInformationGroupLength :] == DATASET


def test_provenance_and_the_database_row_can_be_read_back(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    assert spool.head(digest).provenance == SENT
    receipt = spool.head(digest).receipt
    assert (receipt.digest, receipt.size) == (digest, len(DATASET))
    assert (receipt.series_uid, receipt.study_uid, receipt.role) == (SERIES, STUDY, InstanceRole.SOURCE)


def test_a_file_is_named_by_the_digest_of_syntax_and_bytes(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    assert digest == digest_of(EXPLICIT, DATASET)
    assert digest != digest_of("1.2.840.10008.1.2", DATASET)
    assert spool.path(digest) == spool.folder / "objects" / digest[:2] / f"{digest}.dcm"
    assert list(spool.digests()) == [digest]
    assert keeps(spool, digest)


def test_no_text_of_the_sender_becomes_a_name(spool: Spool) -> None:
    evil = replace(
        SENT, sop_instance_uid="../../../evil", series_uid="/etc", calling_ae="..\\evil\n", association_id="../"
    )
    digest = spooled(spool, evil, DATASET)
    assert [path.name for path in files(spool)] == [f"{digest}.dcm"]
    assert spool.head(digest).provenance == evil
    assert not any("evil" in str(path) for path in spool.folder.parent.rglob("*"))


def test_only_we_may_read_the_spool(spool: Spool) -> None:
    previous = os.umask(0)
    try:
        digest = spooled(spool, SENT, DATASET)
        other = Spool(spool.folder.parent / "other")
        other.prepare()
    finally:
        os.umask(previous)
    assert stat.S_IMODE(spool.path(digest).stat().st_mode) == 0o600
    folders = [other.folder, *(path for path in other.folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert len(folders) == 259


def test_the_same_bytes_again_keep_the_first_file(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    assert spooled(spool, replace(SENT, calling_ae="CT2", received_at=at(9)), DATASET) == digest
    assert spool.head(digest).provenance == SENT
    assert len(files(spool)) == 1


def test_a_truncated_file_is_replaced_by_the_same_bytes(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    os.truncate(spool.path(digest), 40)
    assert not keeps(spool, digest)
    assert spooled(spool, SENT, DATASET) == digest
    assert keeps(spool, digest)


def test_a_stray_file_is_no_instance(spool: Spool) -> None:
    (spool.folder / "objects" / "ab" / "notes.dcm").write_bytes(b"x")
    assert list(spool.digests()) == []


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_digest_is_no_path(spool: Spool, digest: str) -> None:
    with pytest.raises(SpoolError):
        spool.path(digest)


def test_a_missing_or_foreign_file_is_an_error_of_ours(spool: Spool) -> None:
    digest = "0" * 64
    with pytest.raises(SpoolError, match="cannot be read"):
        spool.head(digest)
    assert not keeps(spool, digest)
    for content in (b"", b"x" * 500, encode_head(SENT, digest, 4)[:200]):
        spool.path(digest).write_bytes(content)
        with pytest.raises(SpoolError, match="head of ours"):
            spool.head(digest)


def test_a_spool_that_cannot_be_made_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolError, match=r"storage\.spool"):
        Spool(tmp_path / "spool").prepare()


def test_a_uid_that_no_uid_can_be_is_refused(spool: Spool) -> None:
    with opened(spool) as intake, pytest.raises(SpoolError, match="UID"):
        sealed_in(intake, replace(SENT, sop_instance_uid="1.2.\u00fc"), DATASET)
    assert files(spool) == []


def test_free_space_is_that_of_the_spools_disk(spool: Spool, tmp_path: Path) -> None:
    space = spool.space()
    assert 0 < space.free < space.total < 2**60
    with pytest.raises(SpoolError):
        Spool(tmp_path / "nowhere").space()


@settings(max_examples=60, deadline=None)
@given(
    calling=st.text(max_size=16),
    called=st.text(max_size=16),
    address=st.text(max_size=60),
    association=st.text(max_size=80),
    uid=st.text("0123456789.", max_size=80),
    size=st.integers(0, 2**40),
)
def test_a_head_gives_back_any_text_it_was_given(
    calling: str, called: str, address: str, association: str, uid: str, size: int
) -> None:
    sent = replace(
        SENT,
        sop_instance_uid=uid,
        calling_ae=calling,
        called_ae=called,
        peer_address=address,
        association_id=association,
    )
    data = encode_head(sent, "0" * 64, size)
    head = decode_head(data + b"the data set")
    assert (head.provenance, head.size, head.length, head.digest) == (sent, size, len(data), "0" * 64)
    assert dcmread(io.BytesIO(data), force=False).file_meta.TransferSyntaxUID == EXPLICIT


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400), cut=st.integers(0, 4200))
def test_a_damaged_head_is_refused_and_never_a_crash(data: bytes, cut: int) -> None:
    whole = encode_head(SENT, "0" * 64, 4)
    damaged = whole[: min(cut, len(whole) - 1)] + data
    try:
        decode_head(damaged)
    except SpoolError:
        return
    assert damaged.startswith(whole[:144])


def no_rows(_: Sequence[str]) -> set[str]:
    return set()


def test_a_file_goes_when_its_row_is_forgotten_and_its_folder_is_synced(spool: Spool) -> None:
    digest, other, kept = (spooled(spool, SENT, DATASET + bytes(size)) for size in (0, 2, 4))
    spool, operations = watched(spool)
    gone_before = "0" * 64
    assert spool.remove(lambda: [digest, gone_before, kept], lambda _: {kept}) == 2
    assert set(spool.digests()) == {other, kept}, "what came again meanwhile stays"
    assert operations.calls == ["remove", "remove", "fsync_directory", "fsync_directory"]
    assert spool.remove(lambda: None, no_rows) == 0
    with pytest.raises(SpoolError):
        spool.remove(lambda: ["../../etc/passwd"], no_rows)


@pytest.mark.parametrize("operation", ["remove", "fsync_directory"])
def test_a_disk_that_deletes_nothing_is_an_error_of_ours(spool: Spool, operation: str) -> None:
    digest = spooled(spool, SENT, DATASET)
    failing, _ = watched(spool, fail_at=operation, error=errno.EROFS)
    with pytest.raises(SpoolError):
        failing.remove(lambda: [digest], no_rows)
    with spool.files_stay():
        assert keeps(spool, digest) is (operation == "remove")


def test_nothing_is_forgotten_while_instances_are_filed_and_recorded(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = spooled(spool, SENT, DATASET)
    monkeypatch.setattr(spool_lock, "_WAIT_SECONDS", 0.05)
    forgotten: list[str] = []

    def forget() -> list[str]:
        forgotten.append(digest)
        return forgotten

    with (
        opened(spool) as one,
        opened(spool, "other") as other,
        one.files_stay(),
        other.files_stay(),
        pytest.raises(SpoolError, match="locked by another"),
    ):
        spool.remove(forget, no_rows)
    assert forgotten == []
    assert keeps(spool, digest)


def test_who_files_gets_in_while_many_files_go(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_REMOVED_AT_ONCE", 1)
    digests = [spooled(spool, SENT, DATASET + bytes(2 * size)) for size in range(12)]
    seen: list[int] = []

    def file() -> None:
        with spool.files_stay():
            seen.append(len(list(spool.digests())))

    filing = threading.Thread(target=file)

    def forget() -> list[str]:
        filing.start()
        filing.join(0.1)
        assert seen == [], "nobody files while rows go"
        return digests

    assert spool.remove(forget, no_rows) == 12
    filing.join(10)
    assert 0 < seen[0] <= 12, "nor does he wait for the last file"


def test_a_spool_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="cannot be locked"), Spool(tmp_path / "none").files_stay():
        pass
