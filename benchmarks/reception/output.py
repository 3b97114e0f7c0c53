"""What a run found, as sheets: servers below each other, senders side by side."""

from collections.abc import Callable

import floor
from common.record import Sheet
from common.spread import shown
from measure import Sender
from plan import Case, FloorCase, Results

Column = tuple[Sender, int]


def sheets(results: Results) -> list[Sheet]:
    """Return everything that was measured."""
    found = [
        _matrix(results, "rates", "Images per second (CPU ms of the server for an image)", _rate),
        _matrix(results, "waits", "Milliseconds to the acknowledgement, half and 99 of 100 (peak MB)", _wait),
        _floor(results),
        _idle(results),
    ]
    return [sheet for sheet in found if sheet.rows]


def _matrix(results: Results, key: str, title: str, cell: Callable[[Results, Case], str]) -> Sheet:
    columns = sorted({(case.sender, case.associations) for case in results.samples}, key=_order)
    sheet = Sheet(key, title, ("server", *map(_head, columns)))
    for server in dict.fromkeys(case.server for case in results.samples):
        cases = (Case(server, *column) for column in columns)
        sheet.add(server, *(cell(results, case) if case in results.samples else "-" for case in cases))
    return sheet


def _order(column: Column) -> tuple[int, int]:
    return list(Sender).index(column[0]), column[1]


def _head(column: Column) -> str:
    sender, associations = column
    return f"{sender.value}, {associations}"


def _rate(results: Results, case: Case) -> str:
    return f"{_median(results, case, 'images_per_second')} ({_median(results, case, 'cpu_ms_per_image')})"


def _wait(results: Results, case: Case) -> str:
    memory = _median(results, case, "peak_memory_mb")
    return f"{_median(results, case, 'p50_ms')}, {_median(results, case, 'p99_ms')} ({memory})"


def _median(results: Results, case: Case, attribute: str) -> str:
    value = results.value(case, attribute)
    return "-" if value is None else shown(value)


def _floor(results: Results) -> Sheet:
    heads = ("order", "row", *(f"{threads} threads" for threads in floor.THREADS))
    sheet = Sheet("floor", "Disk floor: no network, images per second", heads, left=2)
    for order in floor.ORDERS:
        for rows in floor.Rows:
            rates = [results.floor_value(FloorCase(order, rows, threads)) for threads in floor.THREADS]
            if None not in rates:
                safe = "" if order.passes_power_loss else " (may be lost with the power)"
                sheet.add(order.name + safe, rows.value, *(shown(rate) for rate in rates if rate is not None))
    return sheet


def _idle(results: Results) -> Sheet:
    sheet = Sheet("idle", "Nobody sends: share of a core", ("server", "connected", "%"), left=2)
    for name, samples in results.idle.items():
        for sample in samples:
            sheet.add(name, f"{sample.count} {sample.what}".removeprefix("0 "), f"{100 * sample.cores:.1f}")
    return sheet
