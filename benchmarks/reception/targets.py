"""What the project promises about reception, held against what was seen. All are ratios within one run, or shares."""

from collections.abc import Iterator
from dataclasses import dataclass

import floor
from measure import Sender
from plan import Case, Results

_IDLE_CORES = 0.005
"""An idle association costs nothing: 50 of them less than this share of a core (5 ticks of the clock in 10 s)."""


@dataclass(frozen=True)
class Target:
    """One promise, about one way to run our receiver."""

    server: str
    words: str
    value: float | None
    """None where something needed for it was not measured."""
    goal: float
    at_most: bool = False

    @property
    def is_met(self) -> bool | None:
        """None where it was not measured."""
        if self.value is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


def targets(results: Results, ours: str) -> list[Target]:
    """Return every promise for the receiver named ``ours``."""
    return [*_rates(results, ours), *_floor(results, ours), *_costs(results, ours), *_idle(results, ours)]


def _rates(results: Results, ours: str) -> Iterator[Target]:
    lean, stock = Sender.LEAN, Sender.STOCK
    for peer, sender, associations, goal in (
        ("orthanc", lean, 1, 10.0),
        ("orthanc", lean, 8, 3.0),
        ("orthanc nodelay", lean, 1, 2.0),
        ("orthanc nodelay", lean, 8, 2.0),
        ("storescp --fork", lean, 8, 1.0),
        ("storescp --fork nodelay", lean, 8, 1.0),
        ("storescp", stock, 1, 3.0),
        ("orthanc", stock, 1, 10.0),
    ):
        words = f"images/s, {sender.value}, {_associations(associations)}: times {peer}"
        yield Target(ours, words, _ratio(results, "images_per_second", ours, peer, sender, associations), goal)


def _floor(results: Results, ours: str) -> Iterator[Target]:
    mine = results.value(Case(ours, Sender.LEAN, 1), "images_per_second")
    floors = {
        case.order.name: rate
        for case in results.floor
        if case.order.passes_power_loss and case.rows is floor.Rows.BEHIND and case.threads == 1
        if (rate := results.floor_value(case))
    }
    order = max(floors, key=lambda name: floors[name], default=None)
    words = f"images/s, {Sender.LEAN.value}, 1 association: share of the disk floor ({order or 'not measured'})"
    yield Target(ours, words, mine / floors[order] if order and mine else None, 0.9)


def _costs(results: Results, ours: str) -> Iterator[Target]:
    for associations in (1, 8):
        value = _ratio(results, "cpu_ms_per_image", ours, "orthanc", Sender.LEAN, associations)
        words = f"CPU per image, {_associations(associations)}: share of orthanc's"
        yield Target(ours, words, value, 1 / 3, at_most=True)
    for associations in (8, 32):
        value = results.value(Case(ours, Sender.LEAN, associations), "p99_ms")
        words = f"ms to the acknowledgement, {_associations(associations)}, 99 of 100"
        yield Target(ours, words, value, 500.0, at_most=True)


def _idle(results: Results, ours: str) -> Iterator[Target]:
    seen = {(sample.what, sample.count): sample.cores for sample in results.idle.get(ours, [])}
    alone = next((cores for (_, count), cores in seen.items() if count == 0), 0.0)
    for what, count, goal in (("idle associations", 50, _IDLE_CORES), ("idle connections", 500, 0.3)):
        cores = seen.get((what, count))
        more = None if cores is None else cores - alone
        yield Target(ours, f"cores for {count} {what}, more than for nobody", more, goal, at_most=True)


def _ratio(results: Results, attribute: str, ours: str, peer: str, sender: Sender, associations: int) -> float | None:
    mine = results.value(Case(ours, sender, associations), attribute)
    theirs = results.value(Case(peer, sender, associations), attribute)
    return mine / theirs if mine is not None and theirs else None


def _associations(count: int) -> str:
    return f"{count} association" + ("s" if count > 1 else "")
