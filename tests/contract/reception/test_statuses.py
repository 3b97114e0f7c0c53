"""What senders are told and how receivers stop, on both paths: mistakes of senders, disks and databases that fail."""

import errno
import socket
import struct
import threading
import time

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from support.ct_factory import ct_slice
from support.datasets import element, encoded, nested, tiny
from support.file_operations import WatchedFileOperations
from support.pdu_wire import dial, echo, store_message
from support.peers import accepts_connections
from support.raw_scu import SR, associated, store
from support.reception import receiving
from support.waiting import wait_until
from support.wire import RELEASE_RQ, release_rp

from hounsfield.storage.spool import Spool


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"data": tiny(instance=""), "instance": ""}, 0xC000),
        ({"data": tiny(), "instance": ""}, 0xC000),
        ({"data": tiny(), "instance": None}, 0xC000),
        ({"data": tiny(), "sop_class": None}, 0xC000),
        ({"data": tiny(instance="1" * 65), "instance": "1" * 65}, 0xC000),
        ({"data": tiny(instance="/tmp/evil"), "instance": "/tmp/evil"}, 0xC000),
        ({"data": tiny(instance="../../evil"), "instance": "../../evil"}, 0xC000),
        ({"data": tiny(series="")}, 0xC000),
        ({"data": tiny()[:-3]}, 0xC000),
        ({"data": b""}, 0xC000),
        ({"data": b"\xff" * 5000}, 0xC000),
        ({"data": tiny(more=nested(50_000))}, 0xC000),
        ({"data": tiny(), "instance": "1.2.3.99"}, 0xA900),
        ({"data": tiny(), "sop_class": SR}, 0xA900),
        ({"data": tiny(), "sop_class": "1.2.3"}, 0xA900),
        ({"data": tiny(), "context_class": SR}, 0xA900),
    ],
)
def test_a_bad_instance_is_answered_within_two_seconds_and_the_association_lives_on(reception, request_, status):
    before = set(reception.files())
    with associated(reception.port) as association:
        begun = time.monotonic()
        assert f"{store(association, **request_):04X}" == f"{status:04X}"
        assert time.monotonic() - begun < 2
        assert set(reception.files()) == before
        assert store(association, tiny()) == 0x0000


def test_the_sender_is_told_why(reception):
    with associated(reception.port) as association:
        answer = association.send_c_store(as_sent(ct_slice(SeriesInstanceUID="1.2.x")))
    assert answer.Status == 0xC000
    assert "UID" in answer.ErrorComment


def as_sent(dataset: Dataset) -> Dataset:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


@pytest.mark.parametrize("step", ["create", "write_at", "fsync", "fsync_directory"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_is_a700_leaves_nothing_behind_and_recovers_by_itself(tmp_path, short_path, step, code):
    disk = WatchedFileOperations()
    with receiving(tmp_path, short_path=short_path, spool=Spool(tmp_path / "spool", disk)) as reception:
        disk.fail_at, disk.error = step, code
        with associated(reception.port) as association:
            assert store(association, tiny()) == 0xA700
            assert reception.files() == []
            disk.fail_at = None
            assert store(association, tiny()) == 0x0000
            assert reception.stored() == [tiny()]


@pytest.mark.parametrize("step", ["link"])
def test_a_disk_that_fails_behind_the_answer_stops_intake_and_recovers_by_itself(tmp_path, short_path, step):
    disk = WatchedFileOperations()
    with (
        receiving(tmp_path, short_path=short_path, spool=Spool(tmp_path / "spool", disk)) as reception,
        associated(reception.port) as association,
    ):
        disk.fail_at, disk.error = step, errno.ENOSPC
        assert store(association, tiny()) == 0x0000
        wait_until(lambda: store(association, tiny(instance="1.2.3.6"), "1.2.3.6") == 0xA700)
        disk.fail_at = None
        wait_until(lambda: store(association, tiny(instance="1.2.3.6"), "1.2.3.6") == 0x0000, 30)
        assert len(reception.stored()) == 2


def test_a_database_that_is_down_is_a700_and_what_was_acknowledged_is_registered_when_it_is_back(tmp_path, short_path):
    with receiving(tmp_path, short_path=short_path) as reception, associated(reception.port) as association:
        reception.database.is_down = True
        assert store(association, tiny()) == 0x0000, "its file is durable"
        wait_until(lambda: store(association, tiny(instance="1.2.3.6"), "1.2.3.6") == 0xA700)
        assert reception.database.receipts == []
        reception.database.is_down = False
        wait_until(lambda: store(association, tiny(instance="1.2.3.6"), "1.2.3.6") == 0x0000, 30)
        assert {receipt.sop_instance_uid for receipt in reception.store.receipts} == {"1.2.3.4", "1.2.3.6"}


def test_how_an_association_ends_is_recorded(tmp_path, short_path):
    with receiving(tmp_path, short_path=short_path) as reception:
        with associated(reception.port) as association:
            store(association, tiny())
        wait_until(lambda: reception.endings() == ["released"])
        with associated(reception.port) as association:
            store(association, tiny())
            association.abort()
        wait_until(lambda: reception.endings() == ["released", "aborted"])
        with associated(reception.port) as association:
            store(association, tiny())
            association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: reception.endings() == ["released", "aborted", "aborted"])


def test_an_association_that_only_asked_leaves_no_record(tmp_path, short_path):
    with receiving(tmp_path, short_path=short_path) as reception:
        with associated(reception.port):
            pass
        assert reception.store.known == {}


def test_the_same_instance_from_many_senders_at_once_is_stored_once(tmp_path, short_path):
    data = encoded(ct_slice())
    instance = ct_slice().SOPInstanceUID
    statuses: list[int] = []

    def send() -> None:
        with associated(reception.port) as association:
            statuses.append(store(association, data, instance))

    with receiving(tmp_path, short_path=short_path) as reception:
        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert statuses == [0x0000] * 4
        assert reception.stored() == [data]
        assert len(reception.store.receipts) == 1


def test_stopping_finishes_what_has_begun_and_then_ends_the_association(tmp_path, short_path):
    disk = WatchedFileOperations()
    spool = Spool(tmp_path / "spool", disk)
    with (
        receiving(tmp_path, short_path=short_path, spool=spool) as reception,
        associated(reception.port) as association,
    ):
        gate, begun = threading.Event(), threading.Event()
        fsync = disk.fsync

        def slow(descriptor):
            begun.set()
            gate.wait(10)
            fsync(descriptor)

        disk.fsync = slow
        statuses: list[int] = []
        sender = threading.Thread(target=lambda: statuses.append(store(association, tiny())))
        sender.start()
        assert begun.wait(5)
        stopper = threading.Thread(target=reception.receiver.stop, args=(10.0,))
        stopper.start()
        wait_until(lambda: not accepts_connections(reception.port))
        assert stopper.is_alive(), "it waits for the instance in flight"
        gate.set()
        sender.join(5)
        stopper.join(5)
        assert statuses == [0x0000]
        assert not stopper.is_alive()
        assert len(reception.stored()) == 1
        assert reception.endings() == ["aborted"]  # the sender may have had more to send


@pytest.mark.parametrize("sent", [1, 100, 300])
def test_what_was_sent_before_we_stop_is_served_though_nobody_has_read_it_yet(tmp_path, short_path, sent):
    data = tiny(more=element(0x7FE00010, b"OW", bytes(1000)))
    message = store_message(data, longest_pdu=200)
    with receiving(tmp_path, short_path=short_path) as reception, dial(reception.port) as wire:
        wire.associate()
        wire.send(echo())
        assert wire.statuses(1) == [(7, 0)]
        wire.send(message[:sent])
        stopper = threading.Thread(target=reception.receiver.stop, args=(10.0,))
        stopper.start()
        wait_until(lambda: not accepts_connections(reception.port))
        wire.send(message[sent:])
        assert wire.statuses(1) in ([(7, 0x0000)], [(7, 0xA700)])
        assert wire.read()[0] == RELEASE_RQ
        wire.send(release_rp())
        stopper.join(10)
        assert not stopper.is_alive()


def test_stopping_does_not_wait_for_a_sender_that_never_ends(tmp_path, short_path):
    with receiving(tmp_path, short_path=short_path) as reception, associated(reception.port) as association:
        wire = association.dul.socket.socket
        pdv = struct.pack(">IBB", 102, 1, 0x01) + bytes(100)
        wire.sendall(struct.pack(">BBI", 0x04, 0, len(pdv)) + pdv)  # a command that has begun and never ends
        begun = time.monotonic()
        reception.receiver.stop(1.0)
        assert time.monotonic() - begun < 4


def reception_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "reception" in thread.name or "Acceptor" in thread.name]


def test_stopping_with_idle_associations_is_quick(tmp_path, short_path):
    before = reception_threads()
    with (
        receiving(tmp_path, short_path=short_path) as reception,
        associated(reception.port),
        associated(reception.port),
    ):
        begun = time.monotonic()
        reception.receiver.stop(10.0)
        assert time.monotonic() - begun < 4
        assert [thread for thread in reception_threads() if thread not in before] == []
