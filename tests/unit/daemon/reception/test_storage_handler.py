import errno
from pathlib import Path

import pytest
from support.ct_factory import ct_slice
from support.datasets import encoded, nested, tiny
from support.fake_series_store import FakeSeriesStore
from support.fakes import ManualClock
from support.file_operations import WatchedFileOperations

from hounsfield.daemon.config.reception import DicomSettings
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reception.admission import Parties
from hounsfield.daemon.reception.associations import OpenAssociation
from hounsfield.daemon.reception.intake_gate import IntakeGate
from hounsfield.daemon.reception.registrar import Registrar
from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.storage_handler import InstanceAcceptor, StoreRequest
from hounsfield.daemon.reception.tally import ReceptionTally
from hounsfield.storage.spool import DiskSpace, Spool
from hounsfield.storage.states import AssociationEnding, InstanceRole

CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.34"
EXPLICIT = "1.2.840.10008.1.2.1"
CLOCK = ManualClock()


class Disk(Spool):
    """A real spool on a disk with as much space as told."""

    free: int = 10**12

    def space(self):
        return DiskSpace(free=self.free, total=10**13)


class Lease:
    """Held for so many questions."""

    questions: float = float("inf")

    @property
    def is_held(self) -> bool:
        self.questions -= 1
        return self.questions >= 0


class Bench:
    """An acceptor with a real spool whose disk fails when told, and a store in memory."""

    def __init__(self, folder, **settings):
        self.store = FakeSeriesStore()
        self.disk = WatchedFileOperations()
        self.spool = Disk(folder / "spool", self.disk)
        self.spool.prepare()
        self.intake = self.spool.open_intake("receiver-1")
        self.registrar = Registrar(self.store, self.intake, CLOCK)
        self.tally = ReceptionTally(["CT1"])
        self.lease = Lease()
        self.acceptor = InstanceAcceptor(
            settings=DicomSettings(**{"min_free_percent": 0} | settings),
            spool=self.spool,
            intake=self.intake,
            registrar=self.registrar,
            own_results=self.store,
            clock=CLOCK,
            hasher=UidHasher(b"key"),
            gate=IntakeGate(None, CLOCK),
            tally=self.tally,
            lease=self.lease,
        )
        self.association = OpenAssociation(
            Parties(calling_ae="CT1", called_ae="HOUNSFIELD", peer_address="10.1.2.3"),
            "receiver-1",
            self.registrar,
            CLOCK,
        )

    def begin(self, sop_class=CT, instance="1.2.3.4", negotiated=None, syntax=EXPLICIT):
        return self.acceptor.begin(
            StoreRequest(
                sop_class_uid=sop_class,
                sop_instance_uid=instance,
                negotiated_class_uid=negotiated or sop_class,
                transfer_syntax=syntax,
                association=self.association,
            )
        )

    def send(self, data: bytes, **request) -> Status:
        arrival = self.begin(**request)
        arrival.write([memoryview(data)[:10], memoryview(data)[10:]])
        return arrival.finish()

    def register(self) -> FakeSeriesStore:
        """Let the registrar do its work to the end; it cannot be used any more."""
        self.registrar.start()
        assert self.registrar.stop(10)
        return self.store

    def slots_in_use(self) -> list[Path]:
        return [path for path in (self.spool.folder / "incoming").rglob("*.slot") if path.stat().st_size]


@pytest.fixture
def make_bench(tmp_path):
    made: list[Bench] = []

    def make(**settings) -> Bench:
        made.append(Bench(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.intake.close()


@pytest.fixture
def bench(make_bench):
    return make_bench()


def test_what_became_durable_after_other_hosts_may_have_looked_is_refused_and_withdrawn(bench):
    bench.lease.questions = 1  # held when it begins, and not any more when it is whole
    assert bench.send(tiny()) is Status.DATABASE_DOWN
    assert bench.slots_in_use() == []
    assert bench.send(tiny()) is Status.DATABASE_DOWN
    bench.lease.questions = float("inf")
    assert bench.send(tiny()) is Status.STORED
    assert len(bench.register().receipts) == 1


def test_a_stored_instance_is_durable_and_registered_with_its_provenance(bench):
    data = tiny()
    assert bench.send(data) is Status.STORED
    assert len(bench.slots_in_use()) == 1, "durable before it is registered"
    (receipt,) = bench.register().receipts
    head = bench.spool.head(receipt.digest)
    assert bench.spool.path(receipt.digest).read_bytes()[head.length :] == data
    assert bench.spool.head(receipt.digest).receipt == receipt
    assert (receipt.calling_ae, receipt.called_ae, receipt.peer_address) == ("CT1", "HOUNSFIELD", "10.1.2.3")
    assert receipt.sop_class_uid == CT
    assert receipt.sop_instance_uid == "1.2.3.4"
    assert (receipt.study_uid, receipt.series_uid) == ("1.2.3", "1.2.3.5")
    assert receipt.role is InstanceRole.SOURCE
    assert receipt.received_at == CLOCK.now()
    assert receipt.size == len(data)
    assert receipt.transfer_syntax == EXPLICIT
    assert bench.store.known[receipt.association_id].receiver == "receiver-1"
    assert bench.slots_in_use() == []


def test_the_association_and_its_instances_are_recorded_together(bench):
    bench.send(tiny())
    bench.send(tiny(instance="1.2.3.6"), instance="1.2.3.6")
    assert bench.store.calls == []
    assert bench.register().calls == ["record"]
    assert (len(bench.store.known), len(bench.store.receipts)) == (1, 2)
    assert bench.association.stored == 2


def test_the_same_bytes_again_are_a_success(bench):
    assert [bench.send(tiny()), bench.send(tiny())] == [Status.STORED, Status.STORED]
    bench.register()
    assert len(list(bench.spool.digests())) == 1


def test_other_bytes_of_the_same_instance_are_kept_too(bench):
    assert bench.send(tiny()) is Status.STORED
    assert bench.send(tiny(study="1.2.99")) is Status.STORED
    bench.register()
    assert len(list(bench.spool.digests())) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ({"data": tiny(), "instance": "1.2.3.99"}, Status.INSTANCE_MISMATCH, 0xA900),
        ({"data": tiny(), "sop_class": "1.2.840.10008.5.1.4.1.1.4"}, Status.CLASS_MISMATCH, 0xA900),
        ({"data": tiny(), "negotiated": SR}, Status.CLASS_MISMATCH, 0xA900),
        ({"data": tiny(), "instance": ""}, Status.UNUSABLE_UID, 0xC000),
        ({"data": tiny(), "instance": "1" * 65}, Status.UNUSABLE_UID, 0xC000),
        ({"data": tiny(), "sop_class": ""}, Status.UNUSABLE_UID, 0xC000),
        ({"data": tiny(instance="../../../tmp/x"), "instance": "../../../tmp/x"}, Status.UNUSABLE_UID, 0xC000),
        ({"data": tiny()[:-1]}, Status.TRUNCATED, 0xC000),
        ({"data": tiny(more=nested(50_000))}, Status.TOO_DEEP, 0xC000),
        ({"data": tiny(), "syntax": "1.2.840.10008.1.2.2"}, Status.NOT_A_DATASET, 0xC000),
    ],
)
def test_what_cannot_be_stored_is_refused_and_leaves_nothing(bench, arguments, status, code):
    answer = bench.send(**arguments)
    assert answer.code == code
    assert answer is status or status is Status.NOT_A_DATASET
    assert bench.slots_in_use() == []
    assert bench.association.refused == 1
    assert bench.register().calls == []


@pytest.mark.parametrize("step", ["create", "write_at", "fsync", "fsync_directory"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_is_a700_and_recovers_by_itself(bench, step, code):
    bench.disk.fail_at, bench.disk.error = step, code
    assert bench.send(tiny()) is Status.NO_SPACE
    assert bench.slots_in_use() == []
    bench.disk.fail_at = None
    assert bench.send(tiny()) is Status.STORED
    assert len(bench.register().receipts) == 1


def test_too_little_free_space_is_a700_before_anything_is_written(make_bench):
    bench = make_bench(min_free_bytes=1000)
    bench.spool.free = 999
    assert bench.send(tiny()) is Status.NO_SPACE
    assert bench.disk.calls.count("create") == 0
    bench.spool.free = 1000
    assert bench.send(tiny()) is Status.STORED


def test_too_little_free_space_in_percent_is_a700(make_bench):
    bench = make_bench(min_free_bytes=0, min_free_percent=2)
    bench.spool.free = 10**13 // 50 - 1
    assert bench.send(tiny()) is Status.NO_SPACE
    bench.spool.free = 10**13 // 50
    assert bench.send(tiny()) is Status.STORED


def test_space_that_runs_out_while_a_large_instance_comes_is_noticed(make_bench):
    bench = make_bench(min_free_bytes=1000)
    arrival = bench.begin()
    bench.spool.free = 0
    arrival.write([bytes(1024 * 1024)])
    assert len(bench.slots_in_use()) == 1
    for _ in range(16):
        arrival.write([bytes(1024 * 1024)])
    assert bench.slots_in_use() == []
    assert arrival.finish() is Status.NO_SPACE


def test_a_data_set_over_the_limit_is_a700_without_a_look_at_it(make_bench):
    bench = make_bench(max_instance_bytes=1048576)
    arrival = bench.begin()
    arrival.write([bytes(1048577)])
    assert bench.slots_in_use() == [], "dropped before its end has come"
    assert arrival.finish() is Status.TOO_LARGE


def test_while_the_registrar_does_not_keep_up_instances_are_a700(bench):
    bench.registrar = None
    bench.acceptor._registrar = type("Behind", (), {"is_keeping_up": False})()
    assert bench.send(tiny()) is Status.DATABASE_DOWN
    assert Status.DATABASE_DOWN.code == 0xA700
    assert bench.slots_in_use() == []


def test_an_instance_that_begins_while_the_receiver_stops_is_a700(bench):
    bench.association.is_stopping = True
    assert bench.send(tiny()) is Status.STOPPING


def test_an_error_of_ours_is_an_answer_and_no_crash(bench, monkeypatch):
    monkeypatch.setattr(bench.association, "has_stored", lambda sealed: 1 / 0)
    assert bench.send(tiny()) is Status.INTERNAL
    assert Status.INTERNAL.code == 0xA700


def test_an_instance_that_does_not_come_to_its_end_leaves_nothing(bench):
    arrival = bench.begin()
    arrival.write([tiny()])
    assert bench.association.is_storing
    arrival.abandon()
    assert not bench.association.is_storing
    assert bench.slots_in_use() == []


def test_companions_are_stored_as_such(bench):
    assert bench.send(tiny(sop_class=SR), sop_class=SR) is Status.STORED
    assert bench.register().receipts[0].role is InstanceRole.COMPANION


def test_our_own_results_are_recognised_by_uid_and_by_manufacturer(bench):
    bench.store.own_results = {"1.2.3.4"}
    bench.send(tiny(sop_class=SR), sop_class=SR)
    ours = ct_slice(Manufacturer="Hounsfield project")
    bench.send(encoded(ours), instance=ours.SOPInstanceUID)
    assert [receipt.role for receipt in bench.register().receipts] == [InstanceRole.OWN_RESULT] * 2


def test_an_instance_that_outlives_its_connection_still_gets_its_ending_recorded(bench):
    bench.association.end(AssociationEnding.ABORTED)  # the network thread saw it first
    assert bench.send(tiny()) is Status.STORED
    assert bench.register().known[bench.association.id].ending is AssociationEnding.ABORTED


def test_only_the_first_ending_counts(bench):
    bench.send(tiny())
    assert bench.association.end(AssociationEnding.RELEASED)
    assert not bench.association.end(AssociationEnding.ABORTED)
    assert bench.register().known[bench.association.id].ending is AssociationEnding.RELEASED


def test_an_association_that_stored_nothing_never_enters_the_database(bench):
    bench.association.end(AssociationEnding.RELEASED)
    assert bench.register().calls == []


def test_comments_fit_into_an_error_comment():
    assert all(len(status.comment) <= 64 for status in Status)
    assert {f"{status.code:04X}" for status in Status} == {"0000", "A700", "A900", "C000"}
