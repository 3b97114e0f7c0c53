import pytest
from support.ct_factory import ct_slice
from support.datasets import encoded, nested, tiny
from support.fake_series_store import FakeSeriesStore
from support.fakes import ManualClock

from hounsfield.daemon.config.sections import DicomSettings
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reception.associations import OpenAssociation, Parties
from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.storage_handler import InboundInstance, InstanceAcceptor
from hounsfield.storage.errors import SpoolError, SpoolFull
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import AssociationEnding, InstanceRole

CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.34"
EXPLICIT = "1.2.840.10008.1.2.1"
CLOCK = ManualClock()


class TroubledSpool(Spool):
    """A real spool whose disk fails when told."""

    trouble: Exception | None = None
    free: int = 10**12

    def write(self, provenance, dataset):
        if self.trouble is not None:
            raise self.trouble
        return super().write(provenance, dataset)

    def free_bytes(self):
        return self.free


class Bench:
    def __init__(self, folder, **settings):
        self.store = FakeSeriesStore()
        self.spool = TroubledSpool(folder / "spool")
        self.spool.prepare()
        self.acceptor = InstanceAcceptor(
            settings=DicomSettings(**settings),
            spool=self.spool,
            series=self.store,
            own_results=self.store,
            clock=CLOCK,
            hasher=UidHasher(b"key"),
        )
        self.association = OpenAssociation(
            Parties(calling_ae="CT1", called_ae="HOUNSFIELD", peer_address="10.1.2.3"), "receiver-1", self.store, CLOCK
        )

    def send(self, data: bytes, sop_class=CT, instance="1.2.3.4", negotiated=None, syntax=EXPLICIT) -> Status:
        return self.acceptor.accept_instance(
            InboundInstance(
                sop_class_uid=sop_class,
                sop_instance_uid=instance,
                negotiated_class_uid=negotiated or sop_class,
                transfer_syntax=syntax,
                association=self.association,
                data=data,
            )
        )


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_stored_instance_is_durable_and_registered_with_its_provenance(bench):
    data = tiny()
    assert bench.send(data) is Status.STORED
    (receipt,) = bench.store.receipts
    head = bench.spool.head(receipt.digest)
    assert bench.spool.path(receipt.digest).read_bytes()[head.length :] == data
    assert bench.spool.receipt(receipt.digest) == receipt
    assert (receipt.calling_ae, receipt.called_ae, receipt.peer_address) == ("CT1", "HOUNSFIELD", "10.1.2.3")
    assert receipt.sop_class_uid == CT
    assert receipt.sop_instance_uid == "1.2.3.4"
    assert (receipt.study_uid, receipt.series_uid) == ("1.2.3", "1.2.3.5")
    assert receipt.role is InstanceRole.SOURCE
    assert receipt.received_at == CLOCK.now()
    assert receipt.size == len(data)
    assert receipt.transfer_syntax == EXPLICIT
    assert bench.store.known[receipt.association_id].receiver == "receiver-1"


def test_an_association_is_recorded_once_and_before_its_first_instance(bench):
    bench.send(tiny())
    bench.send(tiny(instance="1.2.3.6"), instance="1.2.3.6")
    assert bench.store.calls == ["open_association", "register", "register"]
    assert bench.association.stored == 2


def test_the_same_bytes_again_are_a_success(bench):
    assert [bench.send(tiny()), bench.send(tiny())] == [Status.STORED, Status.STORED]
    assert len(list(bench.spool.digests())) == 1


def test_other_bytes_of_the_same_instance_are_kept_too(bench):
    assert bench.send(tiny()) is Status.STORED
    assert bench.send(tiny(study="1.2.99")) is Status.STORED
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
    assert list(bench.spool.digests()) == []
    assert bench.store.calls == []
    assert bench.association.refused == 1


@pytest.mark.parametrize("trouble", [SpoolFull("full"), SpoolError("broken disk")])
def test_a_full_or_broken_disk_is_a700_and_recovers_by_itself(bench, trouble):
    bench.spool.trouble = trouble
    assert bench.send(tiny()).code == 0xA700
    assert bench.store.receipts == []
    bench.spool.trouble = None
    assert bench.send(tiny()) is Status.STORED


def test_too_little_free_space_is_a700_before_anything_is_written(tmp_path):
    bench = Bench(tmp_path, min_free_bytes=1000)
    bench.spool.free = 1000
    assert bench.send(tiny()) is Status.NO_SPACE
    bench.spool.free = 1000 + len(tiny())
    assert bench.send(tiny()) is Status.STORED


def test_a_database_that_is_down_is_a700_and_recovers_by_itself(bench):
    bench.store.is_down = True
    assert bench.send(tiny()).code == 0xA700
    assert list(bench.spool.digests()) == []
    bench.store.is_down = False
    assert bench.send(tiny()) is Status.STORED


def test_a_data_set_over_the_limit_is_a700_without_a_look_at_it(tmp_path):
    bench = Bench(tmp_path, max_instance_bytes=1048576)
    assert bench.send(b"\xff" * 1048577) is Status.TOO_LARGE


def test_an_error_of_ours_is_an_answer_and_no_crash(bench, monkeypatch):
    monkeypatch.setattr(bench.store, "register", lambda receipt: 1 / 0)
    assert bench.send(tiny()) is Status.INTERNAL
    assert Status.INTERNAL.code == 0xA700


def test_companions_are_stored_as_such(bench):
    assert bench.send(tiny(sop_class=SR), sop_class=SR) is Status.STORED
    assert bench.store.receipts[0].role is InstanceRole.COMPANION


def test_our_own_results_are_recognised_by_uid_and_by_manufacturer(bench):
    bench.store.own_results = {"1.2.3.4"}
    bench.send(tiny(sop_class=SR), sop_class=SR)
    ours = ct_slice(Manufacturer="Hounsfield project")
    bench.send(encoded(ours), instance=ours.SOPInstanceUID)
    assert [receipt.role for receipt in bench.store.receipts] == [InstanceRole.OWN_RESULT] * 2


def test_an_instance_that_outlives_its_connection_still_gets_its_ending_recorded(bench):
    bench.association.end(AssociationEnding.ABORTED)  # the network thread saw it first
    assert bench.association.save_ending()
    assert bench.send(tiny()) is Status.STORED
    assert bench.store.known[bench.association.id].ending is AssociationEnding.ABORTED


def test_an_ending_that_the_database_did_not_take_is_kept_for_later(bench):
    bench.send(tiny())
    bench.store.is_down = True
    assert bench.association.end(AssociationEnding.RELEASED)
    assert not bench.association.end(AssociationEnding.ABORTED), "only the first ending counts"
    assert not bench.association.save_ending()
    bench.store.is_down = False
    assert bench.association.save_ending()
    assert bench.store.known[bench.association.id].ending is AssociationEnding.RELEASED
    assert bench.association.save_ending()
    assert bench.store.calls.count("end_association") == 1


def test_an_association_that_stored_nothing_never_enters_the_database(bench):
    bench.association.end(AssociationEnding.RELEASED)
    assert bench.association.save_ending()
    assert bench.store.calls == []


def test_comments_fit_into_an_error_comment():
    assert all(len(status.comment) <= 64 for status in Status)
    assert {f"{status.code:04X}" for status in Status} == {"0000", "A700", "A900", "C000"}
