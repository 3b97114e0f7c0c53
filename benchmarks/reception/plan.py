"""What is measured, in which order: rounds of all servers, so that a machine that drifts hits all alike."""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import floor
from idle import IdleSample, idle_samples
from images import Image, write_image
from measure import Amount, MeasurementFailed, Sample, Sender, measure
from servers import Server, ServerFailed, running
from wire import WireError

FLOOR_SECONDS = 0.6


@dataclass(frozen=True)
class Case:
    """What one row of the table is about."""

    server: str
    sender: Sender
    associations: int


@dataclass(frozen=True)
class FloorCase:
    """What one row of the disk floor is about."""

    order: floor.Order
    rows: floor.Rows
    threads: int


@dataclass
class Results:
    """Everything that was seen."""

    samples: dict[Case, list[Sample]] = field(default_factory=dict)
    floor: dict[FloorCase, list[float]] = field(default_factory=dict)
    idle: dict[str, list[IdleSample]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def value(self, case: Case, attribute: str) -> float | None:
        """The median over the rounds, or None if it was not measured."""
        values = [getattr(sample, attribute) for sample in self.samples.get(case, [])]
        return median(values) if values and None not in values else None

    def floor_value(self, case: FloorCase) -> float | None:
        """The median of images/s over the rounds, or None if it was not measured."""
        rates = self.floor.get(case)
        return median(rates) if rates else None


@dataclass(frozen=True)
class Plan:
    """What the command line asked for."""

    servers: Sequence[Server]
    associations: Sequence[int]
    rounds: int
    amount: Amount
    idle_seconds: float
    """0 leaves the idle measurement out."""
    with_floor: bool
    folder: Path | None
    """Where servers store; None is the folder for temporary files."""

    def cases(self, server: Server) -> Iterator[tuple[Sender, int]]:
        """What is measured against a server: our sender at every number of associations, storescu at one."""
        for associations in self.associations:
            if associations == 1 or not server.serves_one_at_a_time:
                yield Sender.LEAN, associations
        yield Sender.STOCK, 1
        yield Sender.STOCK_NODELAY, 1

    @property
    def floor_cases(self) -> list[FloorCase]:
        """Every order with every row policy and number of threads."""
        if not self.with_floor:
            return []
        return [FloorCase(*case) for case in itertools.product(floor.ORDERS, floor.Rows, floor.THREADS)]

    @property
    def steps(self) -> int:
        """How often ``on_step`` of :func:`execute` is called."""
        ours = sum(server.is_ours for server in self.servers) if self.idle_seconds else 0
        return self.rounds * (len(self.servers) + bool(self.floor_cases)) + ours


def execute(plan: Plan, on_step: Callable[[str], None]) -> Results:
    """Measure everything. What cannot be measured is noted among the failures."""
    results = Results()
    with tempfile.TemporaryDirectory(prefix="bench-reception-", dir=plan.folder) as name:
        folder = Path(name)
        image = write_image(folder)
        for round_number in range(1, plan.rounds + 1):
            for server in plan.servers:
                on_step(f"round {round_number} of {plan.rounds}: {server.name}")
                _visit(plan, server, folder, image, results)
            if plan.floor_cases:
                on_step(f"round {round_number} of {plan.rounds}: disk floor")
                _floor(plan, folder, results)
        for server in plan.servers:
            if server.is_ours and plan.idle_seconds:
                on_step(f"{server.name}: idle")
                _idle(plan, server, folder, results)
    return results


def _visit(plan: Plan, server: Server, folder: Path, image: Image, results: Results) -> None:
    """Start a server and measure all its cases."""
    try:
        with running(server, folder / "server") as target:
            for sender, associations in plan.cases(server):
                case = Case(server.name, sender, associations)
                try:
                    sample = measure(target, sender, associations, plan.amount, image)
                except MeasurementFailed as failure:
                    results.failures.append(f"{server.name}, {sender.value}, {associations}: {failure}")
                else:
                    results.samples.setdefault(case, []).append(sample)
    except ServerFailed as failure:
        results.failures.append(f"{server.name}: {failure}")


def _floor(plan: Plan, folder: Path, results: Results) -> None:
    for case in plan.floor_cases:
        rate = floor.images_per_second(
            folder, case.order, case.rows, case.threads, images=plan.amount.images, seconds=FLOOR_SECONDS
        )
        results.floor.setdefault(case, []).append(rate)


def _idle(plan: Plan, server: Server, folder: Path, results: Results) -> None:
    seen = results.idle.setdefault(server.name, [])
    try:
        with running(server, folder / "server") as target:
            for sample in idle_samples(target, plan.idle_seconds):
                seen.append(sample)
    except (ServerFailed, WireError, OSError) as failure:
        results.failures.append(f"{server.name}, idle: {failure}")
