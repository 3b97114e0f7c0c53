"""Slots: durable before the answer, filed behind it, and nothing left behind when something fails."""

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.spool_values import DATASET, SENT, file_and_settle, files, opened, watched
from support.spooling import keeps, sealed_in, spooled
from support.stored import EXPLICIT, SERIES

from hounsfield.storage.errors import SpoolError, SpoolFull
from hounsfield.storage.spool import Intake, Sealed, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.prepare()
    return made


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.spool_values import DATASET, SENT
from support.spooling import sealed_in
from support.stored import EXPLICIT
from hounsfield.storage.spool import Spool
intake = Spool(Path(sys.argv[1])).open_intake("dead")
sealed_in(intake, SENT, DATASET)
half = intake.begin(EXPLICIT)
half.write([DATASET])
os.kill(os.getpid(), 9)
"""


def killed_writer(spool: Spool) -> None:
    """Let a process seal one instance, begin another, and die."""
    tests = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED, str(spool.folder), str(tests)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9


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
        assert operations.calls == ["close", "remove"], "the next names are there already"
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
    assert keeps(spool, sealed.receipt.digest)
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
    assert keeps(spool, sealed.receipt.digest)


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
    assert keeps(spool, digest)
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


def test_a_replacement_that_was_interrupted_is_done_again(spool: Spool) -> None:
    digest = spooled(spool, SENT, DATASET)
    os.truncate(spool.path(digest), 40)
    failing, _ = watched(spool, fail_at="rename")
    with opened(failing) as intake:
        sealed = sealed_in(intake, SENT, DATASET)
        with pytest.raises(SpoolError):
            intake.file(sealed)
    assert not keeps(spool, digest)
    (adopted,) = spool.abandoned_intakes()
    (sealed,) = adopted.leftovers()
    file_and_settle(adopted, sealed)
    adopted.close()
    assert keeps(spool, digest)
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
    assert all(keeps(spool, digest) for digest in digests)
    assert len(files(spool)) == 20


def test_what_a_killed_writer_had_made_durable_is_found_and_the_rest_goes(spool: Spool) -> None:
    killed_writer(spool)
    assert spool.writers() == set()
    (adopted,) = spool.abandoned_intakes()
    (sealed,) = adopted.leftovers()
    assert adopted.is_whole(sealed)
    assert sealed.provenance == SENT
    adopted.file(sealed)
    adopted.settle([sealed])
    adopted.close()
    assert [path.name for path in files(spool)] == [f"{sealed.receipt.digest}.dcm"]
    assert keeps(spool, sealed.receipt.digest)
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


@pytest.mark.parametrize("error", [errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV])
def test_a_file_system_without_hard_links_gets_a_second_copy_before_the_first_goes(spool: Spool, error: int) -> None:
    without, operations = watched(spool, fail_at="link", error=error)
    with opened(without) as intake:
        sealed = sealed_in(intake, SENT, DATASET)
        operations.calls.clear()
        intake.file(sealed)
        wanted = ["link", "create", "write", "fsync", "close", "rename", "fsync_directory"]
        assert operations.calls == wanted
        assert sealed.slot.exists()
        operations.calls.clear()
        intake.file(sealed)
        assert operations.calls == ["link"], "it is there"
        intake.settle([sealed])
    assert files(spool) == [spool.path(sealed.receipt.digest)]
    assert keeps(spool, sealed.receipt.digest)
    spool.path(sealed.receipt.digest).write_bytes(b"damaged")
    with opened(without) as intake:
        file_and_settle(intake, sealed_in(intake, SENT, DATASET))
    assert keeps(spool, sealed.receipt.digest), "it came again"


def test_provenance_that_is_too_long_for_a_head_is_refused(spool: Spool) -> None:
    with opened(spool) as intake, pytest.raises(SpoolError, match="fit"):
        sealed_in(intake, replace(SENT, peer_address="x" * 5000), DATASET)
    assert files(spool) == []
