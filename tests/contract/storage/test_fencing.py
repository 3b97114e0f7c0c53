"""A worker that comes back from the dead writes nothing of its job, by whatever method, however its claim was lost.

Two methods ask for no claim, for what they note is no word on a job: that a variant of an object exists (the same bytes
whoever makes it), and that a destination was asked for storage commitment (its answer is true whoever asked).
"""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from support.stored import LEASE, analysed, at, claimed, closed, present, result, to

from hounsfield.storage import ports
from hounsfield.storage.engine import Database
from hounsfield.storage.errors import ResultFileError
from hounsfield.storage.records import Claim, ObjectDelivery
from hounsfield.storage.states import JobKind, Outcome, Proof, Reason
from hounsfield.storage.tables import metadata

INFER, DELIVER = JobKind.INFER, JobKind.DELIVER
NOW = at(200)
SENT = [ObjectDelivery(sop_instance_uid="2.25.1.1", status=0, at=at(199))]
NOT_ANALYSED = result(Outcome.NOT_ANALYSED, "2.25.6")


def published(end: Callable[[Callable[[], None]], bool]) -> bool:
    """Whether the files of a result got their names."""
    names: list[str] = []
    end(lambda: names.append("2.25.1"))
    return bool(names)


Write = Callable[[Database, Claim], object]
WRITES: dict[str, tuple[JobKind, Write]] = {
    "heartbeat": (INFER, lambda database, claim: database.jobs.heartbeat(claim, at(900))),
    "record_progress": (INFER, lambda database, claim: database.jobs.record_progress(claim, "infer", 1.0, NOW)),
    "complete_infer": (
        INFER,
        lambda database, claim: database.jobs.complete_infer(claim, result(name="2.25.5"), to("pacs"), NOW, {}),
    ),
    "the files of a result": (
        INFER,
        lambda database, claim: published(
            lambda publish: database.jobs.complete_infer(claim, result(), (), NOW, {}, None, publish)
        ),
    ),
    "the files of a result that says nothing": (
        INFER,
        lambda database, claim: published(
            lambda publish: database.jobs.discard_infer(claim, Reason.INTERNAL, NOT_ANALYSED, (), NOW, publish)
        ),
    ),
    "discard_infer": (
        INFER,
        lambda database, claim: database.jobs.discard_infer(claim, Reason.MODEL_CRASHED, NOT_ANALYSED, to("pacs"), NOW),
    ),
    "hold_claimed": (
        INFER,
        lambda database, claim: database.series.hold_claimed(claim, Reason.IMPLAUSIBLE_HU, NOW, ("why",)),
    ),
    "retry_later": (
        INFER,
        lambda database, claim: database.jobs.retry_later(claim, Reason.INTERNAL, NOW, NOW, {"a": 1}),
    ),
    "give_back": (INFER, lambda database, claim: database.jobs.give_back(claim, NOW)),
    "complete_delivery": (
        DELIVER,
        lambda database, claim: database.jobs.complete_delivery(claim, SENT, NOW, {"deliver": 1.0}, Proof.SENT),
    ),
    "hold_delivery": (
        DELIVER,
        lambda database, claim: database.jobs.hold_delivery(claim, Reason.PATIENT_CHANGED, NOW, SENT),
    ),
    "discard": (DELIVER, lambda database, claim: database.jobs.discard(claim, Reason.DEADLINE, NOW, {"a": 1}, SENT)),
    "put off a delivery": (
        DELIVER,
        lambda database, claim: database.jobs.retry_later(claim, Reason.UNREACHABLE, NOW, NOW, None, SENT),
    ),
}


def rescued(database: Database, _: Claim) -> None:
    """Its lease ended, and a rescuer has it in hand."""
    assert database.jobs.expired(at(100)) != []


def taken_by_another(database: Database, lost: Claim) -> None:
    (rescue,) = database.jobs.expired(at(100))
    assert database.jobs.retry_later(rescue, Reason.LEASE_EXPIRED, at(101), at(101))
    assert present(database.jobs.claim([lost.job.kind], "worker-2", LEASE, at(102))).job.id == lost.job.id


def waiting_for_another(database: Database, _: Claim) -> None:
    (rescue,) = database.jobs.expired(at(100))
    assert database.jobs.retry_later(rescue, Reason.LEASE_EXPIRED, at(101), at(101))


def cancelled(database: Database, lost: Claim) -> None:
    assert database.jobs.cancel(lost.job.id, at(100))


def sent_round_again(database: Database, lost: Claim) -> None:
    """A person cancelled it and put it back, and the same worker, in another life, has it again."""
    cancelled(database, lost)
    assert database.jobs.requeue(lost.job.id, at(101))
    assert present(database.jobs.claim([lost.job.kind], "worker-1", LEASE, at(102))).job.id == lost.job.id


def finished_by_another(database: Database, lost: Claim) -> None:
    (rescue,) = database.jobs.expired(at(100))
    if rescue.job.kind is INFER:
        assert database.jobs.complete_infer(rescue, result(name="2.25.4"), to("pacs"), at(101), {})
    else:
        assert database.jobs.complete_delivery(rescue, [], at(101), {}, Proof.SENT)


LOSSES = (rescued, taken_by_another, waiting_for_another, cancelled, sent_round_again, finished_by_another)


def everything(database: Database) -> dict[str, list[Any]]:
    with database.transactions.read() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for name, table in metadata.tables.items()
        }


def claim_of(database: Database, kind: JobKind) -> Claim:
    (closed if kind is INFER else analysed)(database)
    return claimed(database, kind, 40)


@pytest.mark.parametrize("kind", [INFER, DELIVER])
@pytest.mark.parametrize("lose", LOSSES)
def test_who_lost_a_claim_writes_nothing(
    database: Database, lose: Callable[[Database, Claim], None], kind: JobKind
) -> None:
    (closed if kind is INFER else analysed)(database)
    lost = claimed(database, kind, 40)
    lose(database, lost)
    before = everything(database)
    tried = {name: write(database, lost) for name, (of, write) in WRITES.items() if of is kind}
    assert {name for name, said in tried.items() if said} == set()
    assert everything(database) == before


@pytest.mark.parametrize("name", WRITES)
def test_who_holds_a_claim_is_heard(database: Database, name: str) -> None:
    kind, write = WRITES[name]
    (closed if kind is INFER else analysed)(database)
    held = claimed(database, kind, 40)
    before = everything(database)
    assert write(database, held) in (True, None)
    assert everything(database) != before


def test_no_method_that_takes_a_claim_is_left_out() -> None:
    stores = (ports.JobStore, ports.SeriesStore)
    takes_claim = {
        name
        for store in stores
        for name, method in inspect.getmembers(store, inspect.isfunction)
        if Claim in (parameter.annotation for parameter in inspect.signature(method).parameters.values())
    }
    assert takes_claim <= WRITES.keys()
    assert len(takes_claim) >= 10


def test_a_result_whose_files_get_no_names_is_not_written(database: Database) -> None:
    closed(database)
    held = claimed(database, INFER, 40)
    before = everything(database)

    def full_disk() -> None:
        raise ResultFileError("no space left")

    with pytest.raises(ResultFileError):
        database.jobs.complete_infer(held, result(), to("pacs"), NOW, {}, publish=full_disk)
    assert everything(database) == before
