"""What the project promises about reception, held against what was seen. All are ratios within one run, or shares."""

from collections.abc import Iterator, Sequence

import floor
from common.record import Figure
from common.spread import Spread
from measure import Sender
from plan import Case, Results

_IDLE_CORES = 0.005
"""An idle association costs nothing: 50 of them less than this share of a core (5 ticks of the clock in 10 s)."""


def targets(results: Results, ours: str) -> list[Figure]:
    """Return every promise about the receiver named ``ours`` for which there are measurements."""
    return [*_rates(results, ours), *_floor(results, ours), *_costs(results, ours), *_idle(results, ours)]


def _rates(results: Results, ours: str) -> Iterator[Figure]:
    lean, stock = Sender.LEAN, Sender.STOCK
    for peer, sender, associations, goal in (
        ("orthanc", lean, 1, 10.0),
        ("orthanc", lean, 8, 3.0),
        ("orthanc nodelay", lean, 1, 2.0),
        ("orthanc nodelay", lean, 8, 2.0),
        ("storescp --fork", lean, 8, 1.0),
        ("storescp --fork nodelay", lean, 8, 1.0),
        ("pynetdicom", lean, 1, 1.0),
        ("pynetdicom", lean, 8, 1.0),
        ("storescp", stock, 1, 3.0),
        ("orthanc", stock, 1, 10.0),
    ):
        mine, theirs = (_seen(results, "images_per_second", name, sender, associations) for name in (ours, peer))
        what = f"{_named(ours)}images/s, {sender.value}, {_associations(associations)}"
        yield from _compared(what, "", mine, peer, theirs, goal, at_most=False)


def _floor(results: Results, ours: str) -> Iterator[Figure]:
    floors = {
        case.order.name: results.floor[case]
        for case in results.floor
        if case.order.passes_power_loss and case.rows is floor.Rows.BEHIND and case.threads == 1
    }
    if not floors:
        return
    best = max(floors, key=lambda name: Spread.of(floors[name]).median)
    mine = _seen(results, "images_per_second", ours, Sender.LEAN, 1)
    what = f"{_named(ours)}images/s, {Sender.LEAN.value}, {_associations(1)}"
    yield from _compared(what, "", mine, f"disk floor ({best})", floors[best], 0.9, at_most=False)


def _costs(results: Results, ours: str) -> Iterator[Figure]:
    for associations in (1, 8):
        mine, theirs = (
            _seen(results, "cpu_ms_per_image", name, Sender.LEAN, associations) for name in (ours, "orthanc")
        )
        what = f"{_named(ours)}CPU of an image, {_associations(associations)}"
        yield from _compared(what, "ms", mine, "orthanc", theirs, 1 / 3, at_most=True)
    for associations in (8, 32):
        mine = _seen(results, "p99_ms", ours, Sender.LEAN, associations)
        if mine:
            what = f"{_named(ours)}99 of 100 acknowledgements within, {_associations(associations)}"
            yield Figure(what=what, unit="ms", ours=Spread.of(mine), target=500.0)


def _idle(results: Results, ours: str) -> Iterator[Figure]:
    seen = {(sample.what, sample.count): sample.cores for sample in results.idle.get(ours, [])}
    alone = next((cores for (_, count), cores in seen.items() if count == 0), 0.0)
    for what, count, goal in (("idle associations", 50, _IDLE_CORES), ("idle connections", 500, 0.3)):
        cores = seen.get((what, count))
        if cores is not None:
            more = Spread.of([max(0.0, cores - alone)])
            yield Figure(what=f"{_named(ours)}cores for {count} {what}, more than for nobody", ours=more, target=goal)


def _seen(results: Results, attribute: str, server: str, sender: Sender, associations: int) -> list[float]:
    samples = results.samples.get(Case(server, sender, associations), [])
    return [value for sample in samples if (value := getattr(sample, attribute)) is not None]


def _compared(
    what: str, unit: str, ours: Sequence[float], peer: str, theirs: Sequence[float], target: float, *, at_most: bool
) -> Iterator[Figure]:
    if ours and theirs:  # with --only it may have been left out
        yield Figure(
            what=what,
            unit=unit,
            ours=Spread.of(ours),
            peer=peer,
            theirs=Spread.of(theirs),
            ratio=Spread.ratio(ours, theirs),
            target=target,
            at_most=at_most,
        )


def _named(server: str) -> str:
    """Name the variant where it is not the receiver as shipped."""
    return "" if server == "hounsfield" else f"{server.removeprefix('hounsfield, ')}: "


def _associations(count: int) -> str:
    return f"{count} association" + ("s" if count > 1 else "")
