"""What a run prints: tables for a person, or one JSON object."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from measure import Sample
from plan import Results
from rich.console import Console
from rich.table import Table
from targets import Target

_WIDTH = 132


def machine(load_before: float) -> dict[str, Any]:
    """Return what a reader must know about the machine: other load makes rates worthless and ratios doubtful."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(load_before, 2),
    }


def console() -> Console:
    """Return where the tables go: wide enough for them where it is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=_WIDTH)


def print_tables(console: Console, about: dict[str, Any], results: Results, promised: Sequence[Target]) -> None:
    """Print everything that was measured."""
    console.print(f"{about['cores']} cores, {about['system']}, load before the run {about['load_before']}")
    for table in (_samples(results), _floor(results), _idle(results), _targets(promised)):
        if table.row_count:
            console.print()
            console.print(table)
    for failure in results.failures:
        console.print(f"not measured: {failure}", style="red", markup=False)


def as_json(about: dict[str, Any], results: Results, promised: Sequence[Target]) -> str:
    """Return everything that was measured; every list has the median first and the rounds beside it."""
    names = [field.name for field in fields(Sample)]
    samples = [
        {"server": case.server, "sender": case.sender.value, "associations": case.associations}
        | {name: results.value(case, name) for name in names}
        | {"rounds": [asdict(sample) for sample in rounds]}
        for case, rounds in results.samples.items()
    ]
    floor = [
        {"order": case.order.name, "passes_power_loss": case.order.passes_power_loss}
        | {"rows": case.rows.value, "threads": case.threads}
        | {"images_per_second": results.floor_value(case), "rounds": rates}
        for case, rates in results.floor.items()
    ]
    idle = [{"server": name} | asdict(sample) for name, samples in results.idle.items() for sample in samples]
    held = [asdict(target) | {"is_met": target.is_met} for target in promised]
    everything = {"machine": about, "samples": samples, "floor": floor, "idle": idle, "targets": held}
    return json.dumps(everything | {"failures": results.failures}, indent=1)


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in left:
        table.add_column(name)
    for name in right:
        table.add_column(name, justify="right")
    return table


def _samples(results: Results) -> Table:
    numbers = ("images_per_second", "cpu_ms_per_image", "p50_ms", "p99_ms", "peak_memory_mb", "sender_cpu_ms")
    heads = ("images/s", "CPU ms", "ack p50 ms", "ack p99 ms", "RSS MB", "sender CPU ms")
    table = _table("Reception, medians of the rounds", ("sender", "server"), ("assoc.", *heads))
    # One sender at a time, its servers below each other.
    cases = sorted(results.samples, key=lambda case: (list(type(case.sender)).index(case.sender), case.associations))
    for before, case in zip((None, *cases), cases, strict=False):
        if before and (before.sender, before.associations) != (case.sender, case.associations):
            table.add_section()
        values = (_number(results.value(case, name)) for name in numbers)
        table.add_row(case.sender.value, case.server, str(case.associations), *values)
    return table


def _floor(results: Results) -> Table:
    table = _table("Disk floor: no network", ("order", "rows"), ("threads", "images/s"))
    for case in results.floor:
        table.add_row(case.order.name, case.rows.value, str(case.threads), _number(results.floor_value(case)))
    return table


def _idle(results: Results) -> Table:
    table = _table("Nobody sends", ("server", "connected"), ("% of a core",))
    for name, samples in results.idle.items():
        for sample in samples:
            table.add_row(name, f"{sample.count} {sample.what}".removeprefix("0 "), f"{100 * sample.cores:.1f}")
    return table


def _targets(promised: Sequence[Target]) -> Table:
    table = _table("Targets", ("server", "what"), ("measured", "target", ""))
    for target in promised:
        if target.value is None:
            continue  # with --only: what it would be held against was left out
        goal = f"{'<=' if target.at_most else '>='} {target.goal:.3g}"
        verdict = "[green]met[/]" if target.is_met else "[red]missed[/]"
        table.add_row(target.server, target.words, _number(target.value, 3), goal, verdict)
    return table


def _number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.{digits}f}"
