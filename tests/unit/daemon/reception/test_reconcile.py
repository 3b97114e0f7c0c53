import pytest
from support.datasets import tiny
from support.fake_series_store import FakeSeriesStore
from support.fakes import ManualClock
from support.spooling import keeps, sealed_in, spooled

from hounsfield.daemon.reception.reconcile import reconcile
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.spool import Provenance, Spool
from hounsfield.storage.states import AssociationEnding, InstanceRole

CLOCK = ManualClock()
SYNTAX = "1.2.840.10008.1.2.1"


def provenance(instance: str, association: str = "a1") -> Provenance:
    return Provenance(
        sop_instance_uid=instance,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        series_uid="1.2.3.5",
        study_uid="1.2.3",
        transfer_syntax=SYNTAX,
        role=InstanceRole.SOURCE,
        calling_ae="CT1",
        called_ae="HOUNSFIELD",
        peer_address="10.1.2.3",
        association_id=association,
        receiver="dead",
        received_at=CLOCK.now(),
    )


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


def test_an_empty_home_needs_nothing(tmp_path):
    found = reconcile(Spool(tmp_path / "new"), FakeSeriesStore(), CLOCK)
    assert (found.adopted, found.registered, found.unreadable, found.missing, found.lost) == (0, 0, 0, 0, 0)


def test_files_without_a_row_are_registered_as_they_came(spool):
    store = FakeSeriesStore()
    digests = {spooled(spool, provenance(uid), tiny(instance=uid)) for uid in ("1.2.3.4", "1.2.3.6")}
    found = reconcile(spool, store, CLOCK)
    assert found.registered == 2
    assert {receipt.digest for receipt in store.receipts} == digests
    assert store.receipts == [spool.head(receipt.digest).receipt for receipt in store.receipts]
    assert store.known["a1"].ending is AssociationEnding.LOST
    assert store.known["a1"].receiver == "dead"
    assert reconcile(spool, store, CLOCK).registered == 0


def test_what_a_dead_receiver_had_acknowledged_is_filed_and_registered_once(spool):
    store = FakeSeriesStore()
    intake = spool.open_intake("dead")
    sealed_in(intake, provenance("1.2.3.4"), tiny())
    half = intake.begin(SYNTAX)
    half.write([tiny()])
    assert reconcile(spool, store, CLOCK).adopted == 0, "it lives"
    intake.close()
    found = reconcile(spool, store, CLOCK)
    assert (found.adopted, found.registered, found.missing) == (1, 0, 0)
    (receipt,) = store.receipts
    assert keeps(spool, receipt.digest)
    assert list((spool.folder / "incoming").iterdir()) == []
    assert reconcile(spool, store, CLOCK).adopted == 0
    assert len(store.receipts) == 1


def test_what_a_dead_receiver_had_registered_but_not_settled_is_not_counted_again(spool):
    store = FakeSeriesStore()
    intake = spool.open_intake("dead")
    sealed = sealed_in(intake, provenance("1.2.3.4"), tiny())
    intake.file(sealed)
    reconcile(spool, store, CLOCK)  # finds the file without a row
    intake.close()
    assert len(store.receipts) == 1
    assert reconcile(spool, store, CLOCK).adopted == 0
    assert store.calls.count("record") == 1
    assert list((spool.folder / "incoming").iterdir()) == []


def test_associations_of_a_receiver_that_writes_to_the_spool_are_not_lost(spool):
    store = FakeSeriesStore()
    store.record([association("a1", "other")], [], [])
    intake = spool.open_intake("other")
    assert reconcile(spool, store, CLOCK).lost == 0
    intake.close()
    assert reconcile(spool, store, CLOCK).lost == 1


def association(name: str, receiver: str) -> AssociationRecord:
    return AssociationRecord(
        id=name,
        receiver=receiver,
        calling_ae="CT1",
        called_ae="HOUNSFIELD",
        peer_address="10.1.2.3",
        opened_at=CLOCK.now(),
    )


def test_rows_without_a_file_are_counted(spool):
    store = FakeSeriesStore()
    digest = spooled(spool, provenance("1.2.3.4"), tiny())
    reconcile(spool, store, CLOCK)
    spool.path(digest).unlink()
    assert reconcile(spool, store, CLOCK).missing == 1


def test_files_of_others_are_left_alone(spool):
    foreign = spool.path("ab" * 32)
    foreign.write_bytes(b"not ours")
    found = reconcile(spool, FakeSeriesStore(), CLOCK)
    assert (found.unreadable, found.registered) == (1, 0)
    assert foreign.exists()


def test_open_associations_of_the_dead_are_lost(spool):
    store = FakeSeriesStore()
    store.record([association("a1", "dead"), association("a2", "me")], [], [])
    intake = spool.open_intake("me")
    assert reconcile(spool, store, CLOCK).lost == 1
    intake.close()
    assert store.known["a2"].ending is AssociationEnding.OPEN


def test_a_database_that_is_down_stops_the_start(spool):
    store = FakeSeriesStore()
    store.is_down = True
    with pytest.raises(DatabaseUnavailable):
        reconcile(spool, store, CLOCK)
