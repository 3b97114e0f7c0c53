"""The spool: durable before it says so, nothing left behind when it fails, bytes exactly as they came."""

import errno
import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from support.file_operations import WatchedFileOperations
from support.spooling import sealed_in, spooled
from support.stored import CT, EXPLICIT, SERIES, STUDY, at

from hounsfield.storage.errors import SpoolError, SpoolFull
from hounsfield.storage.spool import Intake, Provenance, Sealed, Spool, digest_of
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


@contextmanager
def opened(spool: Spool, name: str = "writer") -> Iterator[Intake]:
    intake = spool.open_intake(name)
    try:
        yield intake
    finally:
        intake.close()


def file_and_settle(intake: Intake, sealed: Sealed) -> None:
    intake.file(sealed)
    intake.settle([sealed])


def files(spool: Spool) -> list[Path]:
    """Every file but the locks of living processes."""
    return [path for path in spool.folder.rglob("*") if path.is_file() and path.name != "lock"]


def test_an_instance_is_synced_before_the_answer_under_a_name_that_was_synced_before_it_came(spool: Spool) -> None:
    spool, operations = watched(spool)
    with opened(spool) as intake:
        slot = intake.begin(EXPLICIT)
        ahead = operations.calls.count("create")
        assert operations.calls[-ahead - 1 :] == ["create"] * ahead + ["fsync_directory"]
        operations.calls.clear()
        slot.write([DATASET[:20], DATASET[20:]])
        sealed = slot.seal(SENT)
        assert operations.calls == ["write_at", "write_at", "fsync", "close"]
        operations.calls.clear()
        intake.begin(EXPLICIT).abandon()
        assert operations.calls == ["remove", "close"], "the next names are there already"
        operations.calls.clear()
        intake.file(sealed)
        assert operations.calls == ["link"]
        operations.calls.clear()
        intake.settle([sealed])
        assert operations.calls == ["fsync_directory", "remove"], "the first name goes when the second is durable"


def test_the_system_calls_come_in_that_order_too(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []
    real_fsync, real_link, real_unlink = os.fsync, os.link, Path.unlink

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append(("fsync", target.name if target.suffix != ".slot" else "slot"))
        real_fsync(descriptor)

    def link(source: Path, target: Path) -> None:
        calls.append(("link", target.parent.name))
        real_link(source, target)

    def unlink(path: Path) -> None:
        calls.append(("unlink", "slot" if path.suffix == ".slot" else path.name))
        real_unlink(path)

    with opened(spool) as intake:
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "link", link)
        monkeypatch.setattr(Path, "unlink", unlink)
        sealed = sealed_in(intake, SENT, DATASET)
        calls.append(("answer", ""))
        intake.file(sealed)
        intake.settle([sealed])
        monkeypatch.undo()
    shard = sealed.receipt.digest[:2]
    assert calls == [
        ("fsync", "writer"),
        ("fsync", "slot"),
        ("answer", ""),
        ("link", shard),
        ("fsync", shard),
        ("unlink", "slot"),
    ]


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
    assert spool.provenance(digest) == SENT
    receipt = spool.receipt(digest)
    assert (receipt.digest, receipt.size) == (digest, len(DATASET))
    assert (receipt.series_uid, receipt.study_uid, receipt.role) == (SERIES, STUDY, InstanceRole.SOURCE)


def test_a_file_is_named_by_the_digest_of_syntax_and_bytes(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    assert digest == digest_of(EXPLICIT, DATASET)
    assert digest != digest_of("1.2.840.10008.1.2", DATASET)
    assert spool.path(digest) == spool.folder / "objects" / digest[:2] / f"{digest}.dcm"
    assert list(spool.digests()) == [digest]
    assert spool.verify(digest)


def test_no_text_of_the_sender_becomes_a_name(spool: Spool) -> None:
    evil = replace(
        SENT, sop_instance_uid="../../../evil", series_uid="/etc", calling_ae="..\\evil\n", association_id="../"
    )
    digest = spooled(spool, evil, DATASET)
    assert [path.name for path in files(spool)] == [f"{digest}.dcm"]
    assert spool.provenance(digest) == evil
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


@pytest.mark.parametrize("step", ["create", "write_at", "fsync", "fsync_directory"])
@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, SpoolFull), (errno.EDQUOT, SpoolFull), (errno.EIO, SpoolError)]
)
def test_a_failure_at_any_step_before_the_answer_leaves_nothing_behind(
    spool: Spool, step: str, code: int, kind: type[SpoolError]
) -> None:
    failing, operations = watched(spool)
    with opened(failing) as intake:
        operations.fail_at, operations.error = step, code
        with pytest.raises(kind) as caught:
            sealed_in(intake, SENT, DATASET)
        assert type(caught.value) is kind
        assert SERIES not in str(caught.value)
        assert [path for path in files(spool) if path.stat().st_size] == []
        operations.fail_at = None
        sealed = sealed_in(intake, SENT, DATASET)  # accepts again by itself
        intake.file(sealed)
        intake.settle([sealed])
    assert spool.verify(sealed.receipt.digest)
    assert len(files(spool)) == 1


@pytest.mark.parametrize("step", ["link", "fsync_directory", "remove"])
def test_a_failure_behind_the_answer_loses_nothing_and_can_be_repeated(spool: Spool, step: str) -> None:
    failing, operations = watched(spool)
    with opened(failing) as intake:
        sealed = sealed_in(intake, SENT, DATASET)
        operations.fail_at, operations.error = step, errno.EIO
        with pytest.raises(SpoolError):
            file_and_settle(intake, sealed)
        assert sealed.slot.exists()
        operations.fail_at = None
        file_and_settle(intake, sealed)
        assert not sealed.slot.exists()
    assert spool.verify(sealed.receipt.digest)


def test_a_failure_leaves_no_open_file(spool: Spool) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for step in ("create", "write_at", "fsync", "fsync_directory"):
        failing, operations = watched(spool)
        with opened(failing) as intake:
            operations.fail_at = step
            with pytest.raises(SpoolError):
                sealed_in(intake, SENT, DATASET)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_system_that_writes_little_by_little_still_writes_everything(spool: Spool) -> None:
    slow, operations = watched(spool, most_bytes=7)
    digest = spooled(slow, SENT, DATASET)
    assert spool.verify(digest)
    assert operations.calls.count("write_at") > len(DATASET) // 7


def test_the_data_set_can_be_read_in_place_while_it_is_in_its_slot(spool: Spool) -> None:
    with opened(spool) as intake:
        slot = intake.begin(EXPLICIT)
        with slot.dataset() as data:
            assert bytes(data) == b""
        slot.write([DATASET])
        with slot.dataset() as data:
            assert bytes(data) == DATASET
        slot.abandon()
        slot.abandon()  # harmless


def test_the_same_bytes_again_keep_the_first_file(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    assert spooled(spool, replace(SENT, calling_ae="CT2", received_at=at(9)), DATASET) == digest
    assert spool.provenance(digest) == SENT
    assert len(files(spool)) == 1


def test_a_truncated_file_is_replaced_by_the_same_bytes(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    os.truncate(spool.path(digest), 40)
    assert not spool.verify(digest)
    assert spooled(spool, SENT, DATASET) == digest
    assert spool.verify(digest)


def test_a_replacement_that_was_interrupted_is_done_again(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    os.truncate(spool.path(digest), 40)
    failing, _ = watched(spool, fail_at="rename")
    with opened(failing) as intake:
        sealed = sealed_in(intake, SENT, DATASET)
        with pytest.raises(SpoolError):
            intake.file(sealed)
    assert not spool.verify(digest)
    (adopted,) = spool.abandoned_intakes()
    (sealed,) = adopted.leftovers()
    file_and_settle(adopted, sealed)
    adopted.close()
    assert spool.verify(digest)
    assert [path.name for path in files(spool)] == [f"{digest}.dcm"]


def test_a_folder_whose_lock_a_power_loss_took_is_taken_over_too(spool: Spool) -> None:
    with opened(spool) as intake:
        sealed = sealed_in(intake, SENT, DATASET)
    (sealed.slot.parent / "lock").unlink()
    assert spool.writers() == set()
    (adopted,) = spool.abandoned_intakes()
    assert [found.receipt for found in adopted.leftovers()] == [sealed.receipt]
    adopted.close()


def test_threads_that_store_the_same_and_other_bytes_at_once_lose_nothing(spool: Spool) -> None:
    start = threading.Barrier(4)
    stored: list[Sealed] = []

    def store(intake: Intake) -> None:
        start.wait()
        for number in range(20):
            stored.append(sealed_in(intake, SENT, DATASET + bytes([number])))

    with opened(spool) as intake:
        threads = [threading.Thread(target=store, args=(intake,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(stored) == 80
        for sealed in stored:
            intake.file(sealed)
        intake.settle(stored)
    digests = {sealed.receipt.digest for sealed in stored}
    assert sorted(spool.digests()) == sorted(digests)
    assert all(spool.verify(digest) for digest in digests)
    assert len(files(spool)) == 20


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.spooling import sealed_in
from support.stored import EXPLICIT
from hounsfield.storage.spool import Spool
from tests_spool_values import DATASET, SENT
intake = Spool(Path(sys.argv[1])).open_intake("dead")
sealed_in(intake, SENT, DATASET)
half = intake.begin(EXPLICIT)
half.write([DATASET])
os.kill(os.getpid(), 9)
"""


def killed_writer(spool: Spool, tmp_path: Path) -> None:
    """Let a process seal one instance, begin another, and die."""
    values = tmp_path / "tests_spool_values.py"
    values.write_text(
        "from datetime import datetime, timezone\nimport datetime as dt\n"
        "from hounsfield.storage.spool import Provenance\nfrom hounsfield.storage.states import InstanceRole\n"
        f"DATASET = {DATASET!r}\nSENT = Provenance(**{provenance_fields()!r}, role=InstanceRole.SOURCE,"
        f" received_at=dt.datetime.fromisoformat({SENT.received_at.isoformat()!r}))\n"
    )
    tests = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", KILLED, str(spool.folder), str(tests)]
    assert subprocess.run(command, check=False, timeout=60, env=environment).returncode == -9


def provenance_fields() -> dict[str, str]:
    return {name: str(getattr(SENT, name)) for name in SENT.__slots__ if name not in ("role", "received_at")}


def test_what_a_killed_writer_had_made_durable_is_found_and_the_rest_goes(spool: Spool, tmp_path: Path) -> None:
    killed_writer(spool, tmp_path)
    assert spool.writers() == set()
    (adopted,) = spool.abandoned_intakes()
    (sealed,) = adopted.leftovers()
    assert adopted.is_whole(sealed)
    assert sealed.provenance == SENT
    adopted.file(sealed)
    adopted.settle([sealed])
    adopted.close()
    assert [path.name for path in files(spool)] == [f"{sealed.receipt.digest}.dcm"]
    assert spool.verify(sealed.receipt.digest)
    assert list(spool.abandoned_intakes()) == []


def test_what_a_living_writer_writes_is_nobody_elses(spool: Spool) -> None:
    with opened(spool) as intake:
        sealed_in(intake, SENT, DATASET)
        assert spool.writers() == {"writer"}
        assert list(spool.abandoned_intakes()) == []
    (adopted,) = spool.abandoned_intakes()  # it ended with something unsettled
    assert len(list(adopted.leftovers())) == 1
    adopted.close()


def test_a_slot_whose_bytes_a_power_loss_took_is_no_instance(spool: Spool) -> None:
    with opened(spool) as intake:
        sealed = sealed_in(intake, SENT, DATASET)
        content = bytearray(sealed.slot.read_bytes())
        content[-5:] = bytes(5)
        sealed.slot.write_bytes(content)
        assert not intake.is_whole(sealed)
        assert not sealed.slot.exists()


@pytest.mark.parametrize("name", ["", "../evil", ".hidden", "a/b", "x" * 201])
def test_a_process_has_a_name_that_is_a_name(spool: Spool, name: str) -> None:
    with pytest.raises(SpoolError, match="named"):
        spool.open_intake(name)


def test_a_file_system_without_hard_links_is_refused_by_name_of_the_setting(spool: Spool) -> None:
    failing, _ = watched(spool, fail_at="link", error=errno.EPERM)
    with pytest.raises(SpoolError, match=r"storage\.spool"):
        failing.open_intake("writer")
    assert files(spool) == []


def test_provenance_that_is_too_long_for_a_head_is_refused(spool: Spool) -> None:
    with opened(spool) as intake, pytest.raises(SpoolError, match="fit"):
        sealed_in(intake, replace(SENT, peer_address="x" * 5000), DATASET)
    assert files(spool) == []


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
