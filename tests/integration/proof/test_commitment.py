"""Storage commitment with archives that report before, after, twice, elsewhere, late or never."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from support.commitment_peers import Archive, archive, asked_uids, report_of, reporting, send_report
from support.destinations import route
from support.fakes import ManualClock
from support.query_peers import answering
from support.reception import receiving
from support.scripted import scripted
from support.stored import analysed, claimed, present
from support.waiting import wait_until

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.reactor import steady
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.delivery.plugs import Lost, NotYet, Proven, Unobtainable
from hounsfield.daemon.delivery.proof.provers import CommitmentProver
from hounsfield.daemon.delivery.proof.reports import ReportDesk
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import Claim, ObjectDelivery, ResultObject
from hounsfield.storage.states import JobKind, Reason

START = datetime(2026, 11, 22, 8, 1, tzinfo=UTC)


class Bench:
    """One delivered result of two objects, and who asks for its proof."""

    def __init__(self, home: Path) -> None:
        self.database: Database = open_database(None, home)
        self.clock = SystemClock()
        self.desk = ReportDesk(self.database.commitments, self.clock)
        analysed(self.database)
        self.claim: Claim = claimed(self.database, JobKind.DELIVER, 40)
        result = present(self.database.jobs.result_set(self.claim.job.result_set_id or 0))
        self.objects: tuple[ResultObject, ...] = result.objects
        self.uids = [one.sop_instance_uid for one in self.objects]
        self.address: Address | None = None

    def prover(self, address: Address | None, hours: float = 24.0, linger: float = 0.2) -> CommitmentProver:
        self.address = address
        return CommitmentProver(
            address_of=lambda _: self.address,
            commitments=self.database.commitments,
            desk=self.desk,
            jobs=self.database.jobs,
            clock=self.clock,
            proof_hours=hours,
            linger_seconds=linger,
        )

    def prove(self, prover: CommitmentProver, seconds: float = 0) -> object:
        return prover.prove(self.claim.job, self.objects, START + timedelta(seconds=seconds))

    def send(self, seconds: float) -> None:
        """Note that everything was sent (again) and that the job waits for its proof."""
        moment = START + timedelta(seconds=seconds)
        objects = [ObjectDelivery(sop_instance_uid=uid, status=0, at=moment) for uid in self.uids]
        jobs = self.database.jobs
        assert jobs.retry_later(
            self.claim, Reason.AWAITING_PROOF, moment + timedelta(seconds=2), moment, objects=objects
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.database.close()


def keeps_all(information: Dataset) -> Dataset:
    return report_of(str(information.TransactionUID), asked_uids(information))


def silent(peer: Archive, event: Any, information: Dataset) -> int:
    return 0


def reports_first(peer: Archive, event: Any, information: Dataset) -> int:
    """Report on the same association, before the N-ACTION is answered."""
    peer.statuses.append(send_report(event.assoc, keeps_all(information)))
    return 0


def reports_after(peer: Archive, event: Any, information: Dataset) -> int:
    """Report on the same association once the N-ACTION is answered."""

    def report() -> None:
        time.sleep(0.1)  # the answer goes out when this handler has returned
        peer.statuses.append(send_report(steady(event.assoc), keeps_all(information)))

    peer.later(report)
    return 0


@pytest.mark.parametrize("behave", [reports_first, reports_after])
def test_a_report_on_the_same_association_is_a_proof_in_either_order(bench: Bench, behave: Any) -> None:
    with archive(behave) as peer:
        assert bench.prove(bench.prover(peer.address(), linger=5.0)) == Proven()
    (information,) = peer.asked
    assert asked_uids(information) == bench.uids
    assert peer.statuses == [0]
    (one,) = bench.database.commitments.of_job(bench.claim.job.id)
    assert one.transaction_uid == information.TransactionUID


def test_the_transaction_is_kept_before_it_is_requested(bench: Bench) -> None:
    seen: list[object] = []

    def look(peer: Archive, event: Any, information: Dataset) -> int:
        seen.extend(one.transaction_uid for one in bench.database.commitments.of_job(bench.claim.job.id))
        return 0

    with archive(look) as peer:
        bench.prove(bench.prover(peer.address()))
    assert seen == [peer.asked[0].TransactionUID]


def test_a_failure_in_the_report_is_a_loss_with_its_reason_and_is_told_once(bench: Bench) -> None:
    def loses(peer: Archive, event: Any, information: Dataset) -> int:
        first, second = asked_uids(information)
        send_report(event.assoc, report_of(str(information.TransactionUID), [first], {second: 0x0112}))
        return 0

    with archive(loses) as peer:
        prover = bench.prover(peer.address())
        assert bench.prove(prover) == Lost({bench.uids[1]: 0x0112})
        bench.send(10)
        peer._behave = reports_first
        assert bench.prove(prover, 11) == Proven()
    assert asked_uids(peer.asked[1]) == bench.uids[1:], "only what is not proven is asked for again"


def test_an_archive_that_stays_silent_is_looked_at_again_and_asked_anew_after_an_hour(bench: Bench) -> None:
    with archive(silent) as peer:
        prover = bench.prover(peer.address(), hours=2)
        assert bench.prove(prover) == NotYet(START + timedelta(seconds=2))
        bench.send(0)
        assert bench.prove(prover, 2) == NotYet(START + timedelta(seconds=12))
        assert len(peer.asked) == 1
        assert isinstance(bench.prove(prover, 3600), NotYet)
        assert len(peer.asked) == 2
        assert bench.prove(prover, 7200) == Unobtainable()
        late = keeps_all(peer.asked[0])
        with_late = bench.desk.take(1, encoded(late), "1.2.840.10008.1.2")
        assert with_late == 0
        assert bench.prove(prover, 7201) == Proven(), "a late answer to the first request counts"


@pytest.mark.parametrize("status", [0x0110, 0x0122, 0x0124])
def test_an_archive_that_refuses_is_asked_again_at_the_next_look(bench: Bench, status: int) -> None:
    with archive(lambda *_: status) as peer:
        prover = bench.prover(peer.address())
        assert bench.prove(prover) == NotYet(START + timedelta(seconds=2))
        bench.send(0)
        assert bench.prove(prover, 1) == NotYet(START + timedelta(seconds=2))
        assert len(peer.asked) == 1
        bench.prove(prover, 2)
        assert len(peer.asked) == 2


def test_an_archive_without_storage_commitment_or_out_of_reach_costs_a_look_and_nothing_else(bench: Bench) -> None:
    from support.query_peers import archive as without_commitment

    with without_commitment() as peer:
        assert isinstance(bench.prove(bench.prover(route(peer.port, "ARCHIVE"))), NotYet)
    assert isinstance(bench.prove(bench.prover(route(peer.port, "ARCHIVE")), 5), NotYet)
    assert isinstance(bench.prove(bench.prover(None), 20), NotYet)


def test_an_archive_that_never_answers_the_request_is_left_in_time(bench: Bench) -> None:
    def hang(peer: Archive, event: Any, information: Dataset) -> int:
        time.sleep(2.0)
        return 0

    with archive(hang) as peer:
        began = time.monotonic()
        assert isinstance(bench.prove(bench.prover(peer.address(seconds=0.5))), NotYet)
        assert time.monotonic() - began < 1.8


def test_an_archive_that_answers_garbage_is_left_alone(bench: Bench) -> None:
    with scripted(answering(b"\x04\x00\x00\x00\x00\x08garbage!")) as port:
        assert isinstance(bench.prove(bench.prover(route(port, dimse_timeout_seconds=1.0))), NotYet)


def encoded(information: Dataset) -> bytes:
    from pynetdicom.dsutils import encode

    data = encode(information, is_implicit_vr=True, is_little_endian=True)
    assert data is not None
    return data


def test_a_report_on_a_new_association_reaches_the_job_through_the_receiver(bench: Bench, tmp_path: Path) -> None:
    """The receiver is another process in production: it shares the database with the courier and nothing else."""
    with receiving(tmp_path, take_report=bench.desk.take) as reception:

        def reports_elsewhere(peer: Archive, event: Any, information: Dataset) -> int:
            with reporting(reception.port) as association:
                peer.statuses.append(send_report(association, keeps_all(information)))
                peer.statuses.append(send_report(association, keeps_all(information), number=2))
            return 0

        with archive(reports_elsewhere) as peer:
            assert bench.prove(bench.prover(peer.address())) == Proven()
        assert peer.statuses == [0, 0]
    assert bench.desk.counts == {"recorded": 1, "repeated": 1}


def test_a_report_that_comes_later_makes_the_waiting_job_due(bench: Bench, tmp_path: Path) -> None:
    with archive(silent) as peer:
        prover = bench.prover(peer.address())
        bench.prove(prover)
    now = bench.clock.now()
    jobs = bench.database.jobs
    assert jobs.retry_later(bench.claim, Reason.AWAITING_PROOF, now + timedelta(hours=1), now)
    with receiving(tmp_path, take_report=bench.desk.take) as reception, reporting(reception.port) as association:
        assert send_report(association, keeps_all(peer.asked[0])) == 0
    due = present(jobs.get(bench.claim.job.id)).available_at
    assert due <= bench.clock.now()
    assert bench.prove(prover, 60) == Proven()


def test_reports_about_anything_else_are_answered_counted_and_ignored(bench: Bench, tmp_path: Path) -> None:
    with receiving(tmp_path, take_report=bench.desk.take) as reception, reporting(reception.port) as association:
        assert send_report(association, report_of("2.25.4711", ["1.2.3"])) == 0
        assert send_report(association, report_of("2.25.4711", ["1.2.3"]), event_type=7) == 0x0113
        nameless = report_of("2.25.4711", ["1.2.3"])
        del nameless.TransactionUID
        assert send_report(association, nameless) == 0x0115
        hostile = report_of("2.25.4711", ["1.2.3"])
        for _ in range(200):
            outer = Dataset()
            outer.TransactionUID = "2.25.4711"
            outer.ReferencedSOPSequence = [hostile]
            hostile = outer
        assert send_report(association, hostile) == 0x0115
        assert send_report(association, report_of("2.25.4712", ["1.2.3"])) == 0, "the association goes on"
    assert bench.desk.counts["unknown"] == 2
    assert bench.desk.counts["unknown-event-type"] == 1


def peer(name: str, host: str = "127.0.0.1") -> Peer:
    return Peer(ae_title=name, host=(host,))


def is_agreed(association: Any) -> bool:
    return association.is_established and bool(association.accepted_contexts)


def test_only_known_peers_that_are_scp_of_storage_commitment_may_report(bench: Bench, tmp_path: Path) -> None:
    take = bench.desk.take
    with receiving(tmp_path / "a", take_report=take, peers=(peer("ARCHIVE"),)) as reception:
        with reporting(reception.port, "ARCHIVE") as association:
            assert is_agreed(association)
        with reporting(reception.port, "SOMEBODY") as association:
            assert association.is_rejected
        with reporting(reception.port, "ARCHIVE", roles=False) as association:
            assert not is_agreed(association), "to a scanner that wants its images committed we are no archive"
    with (
        receiving(tmp_path / "b", take_report=take, peers=(peer("ARCHIVE"),), learning=True) as reception,
        reporting(reception.port, "SOMEBODY") as association,
    ):
        assert not is_agreed(association), "who is only let in to be listed does not report"
    with receiving(tmp_path / "c") as reception, reporting(reception.port) as association:
        assert not is_agreed(association), "no destination is asked for storage commitment"


def test_while_the_database_is_down_the_archive_is_told_to_come_again(bench: Bench, tmp_path: Path) -> None:
    from hounsfield.storage.errors import DatabaseUnavailable

    class Down:
        def answer(self, *_: object) -> None:
            raise DatabaseUnavailable("down")

    desk = ReportDesk(Down(), ManualClock())  # type: ignore[arg-type]
    with receiving(tmp_path, take_report=desk.take) as reception, reporting(reception.port) as association:
        assert send_report(association, report_of("2.25.1", ["1.2.3"])) == 0x0110
    wait_until(lambda: desk.counts == {})
