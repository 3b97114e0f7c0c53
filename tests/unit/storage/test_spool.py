"""The spool: durable before it says so, nothing left behind when it fails, bytes exactly as they came."""

import errno
import io
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from support.file_operations import WatchedFileOperations
from support.stored import CT, EXPLICIT, SERIES, STUDY, at

from hounsfield.storage.durable import SystemFileOperations
from hounsfield.storage.errors import SpoolError, SpoolFull
from hounsfield.storage.spool import Provenance, Spool, digest_of
from hounsfield.storage.spool_format import decode_head, encode_head
from hounsfield.storage.states import InstanceRole

DATASET = b"\x08\x00\x16\x00UI\x1a\x00" + CT.encode().ljust(26, b"\0") + b"\x10\x00\x20\x00LO\x04\x00ID42"
SENT = Provenance(
    sop_instance_uid=f"{SERIES}.1",
    sop_class_uid=CT,
    series_uid=SERIES,
    study_uid=STUDY,
    transfer_syntax=EXPLICIT,
    role=InstanceRole.SOURCE,
    calling_ae="CT1",
    called_ae="HOUNSFIELD",
    peer_address="192.0.2.7",
    association_id="a1",
    receiver="receiver-1",
    received_at=at(0),
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.prepare()
    return made


def watched(spool: Spool, **options: object) -> tuple[Spool, WatchedFileOperations]:
    operations = WatchedFileOperations(**options)
    return Spool(spool.folder, operations), operations


def files(spool: Spool) -> list[Path]:
    return [path for path in spool.folder.rglob("*") if path.is_file()]


def test_a_file_is_synced_before_its_name_and_its_name_before_the_answer(spool: Spool) -> None:
    spool, operations = watched(spool)
    spool.write(SENT, DATASET)
    assert operations.calls == ["create", "write", "write", "fsync", "close", "rename", "fsync_directory"]


def test_the_system_calls_come_in_that_order_too(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        calls.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink()) if is_folder else "file"))
        real_fsync(descriptor)

    def rename(source: Path, target: Path) -> Path:
        calls.append(("rename", target.parent.as_posix()))
        return real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    shard = spool.path(spool.write(SENT, DATASET)).parent.as_posix()
    assert calls == [("fsync", "file"), ("rename", shard), ("fsync", shard)]


def test_any_reader_of_dicom_reads_the_file(spool: Spool) -> None:
    digest = spool.write(SENT, DATASET)
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
    digest = spool.write(SENT, DATASET)
    assert spool.provenance(digest) == SENT
    receipt = spool.receipt(digest)
    assert (receipt.digest, receipt.size) == (digest, len(DATASET))
    assert (receipt.series_uid, receipt.study_uid, receipt.role) == (SERIES, STUDY, InstanceRole.SOURCE)


def test_a_file_is_named_by_the_digest_of_syntax_and_bytes(spool: Spool) -> None:
    digest = spool.write(SENT, DATASET)
    assert digest == digest_of(EXPLICIT, DATASET)
    assert digest != digest_of("1.2.840.10008.1.2", DATASET)
    assert spool.path(digest) == spool.folder / "objects" / digest[:2] / f"{digest}.dcm"
    assert list(spool.digests()) == [digest]
    assert spool.verify(digest)


def test_no_text_of_the_sender_becomes_a_name(spool: Spool) -> None:
    evil = replace(
        SENT, sop_instance_uid="../../../evil", series_uid="/etc", calling_ae="..\\evil\n", association_id="../"
    )
    digest = spool.write(evil, DATASET)
    assert [path.name for path in files(spool)] == [f"{digest}.dcm"]
    assert spool.provenance(digest) == evil
    assert not any("evil" in str(path) for path in spool.folder.parent.rglob("*"))


def test_only_we_may_read_the_spool(spool: Spool) -> None:
    previous = os.umask(0)
    try:
        digest = spool.write(SENT, DATASET)
        other = Spool(spool.folder.parent / "other")
        other.prepare()
    finally:
        os.umask(previous)
    assert stat.S_IMODE(spool.path(digest).stat().st_mode) == 0o600
    folders = [other.folder, *(path for path in other.folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert len(folders) == 259


@pytest.mark.parametrize("step", ["create", "write", "fsync", "rename", "fsync_directory"])
@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, SpoolFull), (errno.EDQUOT, SpoolFull), (errno.EIO, SpoolError)]
)
def test_a_failure_at_any_step_leaves_nothing_behind(
    spool: Spool, step: str, code: int, kind: type[SpoolError]
) -> None:
    failing, _ = watched(spool, fail_at=step, error=code)
    with pytest.raises(kind) as caught:
        failing.write(SENT, DATASET)
    assert type(caught.value) is kind
    assert files(spool) == []
    assert SERIES not in str(caught.value)
    assert spool.verify(spool.write(SENT, DATASET))


def test_a_failure_leaves_no_open_file(spool: Spool) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for step in ("write", "fsync", "rename", "fsync_directory"):
        with pytest.raises(SpoolError):
            watched(spool, fail_at=step)[0].write(SENT, DATASET)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_system_that_writes_little_by_little_still_writes_everything(spool: Spool) -> None:
    slow, operations = watched(spool, most_bytes=7)
    assert spool.verify(slow.write(SENT, DATASET))
    assert operations.calls.count("write") > len(DATASET) // 7


def test_the_same_bytes_again_keep_the_first_file_and_are_synced(spool: Spool) -> None:
    digest = spool.write(SENT, DATASET)
    again, operations = watched(spool)
    assert again.write(replace(SENT, calling_ae="CT2", received_at=at(9)), DATASET) == digest
    assert operations.calls == ["fsync_directory"]
    assert spool.provenance(digest) == SENT


def test_a_truncated_file_is_replaced_by_the_same_bytes(spool: Spool) -> None:
    digest = spool.write(SENT, DATASET)
    os.truncate(spool.path(digest), 40)
    assert not spool.verify(digest)
    assert spool.write(SENT, DATASET) == digest
    assert spool.verify(digest)


def test_a_failed_sync_of_a_duplicate_keeps_the_file_that_was_acknowledged(spool: Spool) -> None:
    digest = spool.write(SENT, DATASET)
    with pytest.raises(SpoolError):
        watched(spool, fail_at="fsync_directory", error=errno.EIO)[0].write(SENT, DATASET)
    assert spool.verify(digest)


def test_threads_that_store_the_same_and_other_bytes_at_once_lose_nothing(spool: Spool) -> None:
    start = threading.Barrier(4)
    digests: list[str] = []

    def store() -> None:
        start.wait()
        for number in range(20):
            digests.append(spool.write(SENT, DATASET + bytes([number])))

    threads = [threading.Thread(target=store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(digests) == 80
    assert sorted(spool.digests()) == sorted(set(digests))
    assert all(spool.verify(digest) for digest in set(digests))


def test_what_a_killed_writer_left_is_deleted_at_the_next_start(spool: Spool) -> None:
    digest = spool.write(SENT, DATASET)
    program = (
        "import os, sys; from pathlib import Path; from hounsfield.storage.durable import SystemFileOperations;"
        "SystemFileOperations().create(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    part = spool.folder / "incoming" / "0000.part"
    subprocess.run([sys.executable, "-c", program, str(part)], check=False, timeout=60)
    assert part.exists()
    assert spool.prepare() == 1
    assert not part.exists()
    assert list(spool.digests()) == [digest]


def test_what_a_living_writer_writes_is_not_deleted(spool: Spool) -> None:
    part = spool.folder / "incoming" / "0000.part"
    descriptor = SystemFileOperations().create(part)
    assert spool.prepare() == 0
    assert part.exists()
    os.close(descriptor)
    assert spool.prepare() == 1


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
        spool.provenance(digest)
    assert not spool.verify(digest)
    for content in (b"", b"x" * 500, encode_head(SENT, digest, 4)[:200]):
        spool.path(digest).write_bytes(content)
        with pytest.raises(SpoolError, match="head of ours"):
            spool.provenance(digest)


def test_a_spool_that_cannot_be_made_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolError, match=r"storage\.spool"):
        Spool(tmp_path / "spool").prepare()


def test_a_uid_that_no_uid_can_be_is_refused(spool: Spool) -> None:
    with pytest.raises(SpoolError, match="UID"):
        spool.write(replace(SENT, sop_instance_uid="1.2.\u00fc"), DATASET)
    assert files(spool) == []


def test_free_space_is_that_of_the_spools_disk(spool: Spool, tmp_path: Path) -> None:
    assert 0 < spool.free_bytes() < 2**60
    with pytest.raises(SpoolError):
        Spool(tmp_path / "nowhere").free_bytes()


@settings(max_examples=60, deadline=None)
@given(
    calling=st.text(max_size=40),
    called=st.text(max_size=40),
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
@given(data=st.binary(max_size=400), cut=st.integers(0, 1200))
def test_a_damaged_head_is_refused_and_never_a_crash(data: bytes, cut: int) -> None:
    whole = encode_head(SENT, "0" * 64, 4)
    damaged = whole[: min(cut, len(whole) - 1)] + data
    try:
        decode_head(damaged)
    except SpoolError:
        return
    assert damaged.startswith(whole[:144])
