"""Couriers on a bench, and plugs that answer as they are told."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from support.bench import Bench
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.address import address_of
from hounsfield.daemon.delivery.breaker import Breaker
from hounsfield.daemon.delivery.dicom_transport import DicomTransport
from hounsfield.daemon.delivery.plugs import ProofAnswer, Proven
from hounsfield.daemon.delivery.scu import SendReport, SentObject
from hounsfield.daemon.pipeline.courier import Courier
from hounsfield.storage.records import JobRecord, ResultObject
from hounsfield.storage.states import JobKind


def success(objects: Sequence[ResultObject], status: int = 0) -> SendReport:
    """Return what a peer answers that takes everything, or answers everything alike."""
    return SendReport(tuple(SentObject(one.sop_instance_uid, status) for one in objects))


@dataclass
class FakeTransport:
    """A destination in memory: what ``answer`` says happens."""

    answer: Callable[[Sequence[ResultObject]], SendReport] = success
    alive: bool = True
    """Whether it answers a C-ECHO."""
    probes: int = 0
    sent: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    """Job and SOP Instance UIDs of each try."""

    def probe(self) -> Failure | None:
        self.probes += 1
        return None if self.alive else Failure.UNREACHABLE

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:
        self.sent.append((job.id, tuple(one.sop_instance_uid for one in objects)))
        return self.answer(objects)


@dataclass
class FakeProver:
    """Gives one answer after the other, then says that all is proven."""

    answers: list[ProofAnswer] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def prove(self, job: JobRecord, kept: Sequence[ResultObject], now: datetime) -> ProofAnswer:
        self.asked.append(tuple(one.sop_instance_uid for one in kept))
        return self.answers.pop(0) if self.answers else Proven()


def courier(bench: Bench, destination: Destination | None = None, **plugs: Any) -> Courier:
    """A courier of the bench's first destination over DICOM; ``plugs`` take the place of its parts."""
    served = destination or bench.app.settings.destination[0]
    database = bench.app.database
    transport = plugs.get("transport") or DicomTransport(
        address_of(served, "HOUNSFIELD"), database.jobs, bench.app.files
    )
    return Courier(
        name="courier-1",
        destination=served,
        transport=transport,
        prover=plugs.get("prover"),
        patient_check=plugs.get("patient_check"),
        breaker=Breaker(
            name=served.name,
            probe=transport.probe,
            probe_seconds=served.probe_seconds,
            states=database.destination_states,
            jobs=database.jobs,
            clock=bench.clock,
            random_source=random.Random(1),
        ),
        jobs=database.jobs,
        files=bench.app.files,
        keeper=bench.keeper(),
        clock=bench.clock,
        random_source=random.Random(1),
        lines=bench.app.job_lines,
    )


def reported(bench: Bench, count: int = 1) -> Bench:
    """Let results of so many series wait for their destinations."""
    for number in range(count):
        bench.receive(write_series(bench.home.with_name(f"files-{number}"), ct_series(12, name=f"s{number}")))
    bench.settle()
    worker = bench.worker(0.9)
    while worker.work_one():
        pass
    return bench


def until(bench: Bench, sender: Courier, span: timedelta, step: timedelta = timedelta(minutes=1)) -> None:
    """Let the courier look for work all along a span of time."""
    end = bench.clock.now() + span
    while bench.clock.now() < end:
        while sender.work_one():
            pass
        bench.clock.advance(step.total_seconds())


def delivery(bench: Bench) -> JobRecord:
    """Return the one DELIVER job there is."""
    (job,) = bench.jobs(JobKind.DELIVER)
    return job
