"""Results: building them, and how soon they are in the PACS.

    make bench-results                                      everything, about three minutes
    make bench-results BENCH_ARGS="--router PROGRAM"        beside dicom-ai-router, in the same run
    python benchmarks/results/run.py --only building

Prints medians and the targets of the project with what was measured. Exits with 0 also where a target is missed.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests"))

import building
import to_pacs
from rich.console import Console
from rich.table import Table

from hounsfield.model.phantom.series import PhantomSpec, write_series

PARTS = ("building", "arrival")
SERIES = {40: 4.0, 300: 0.6}
"""Slices, and mm from one to the next: a routine head and a thin one."""
ARRIVAL_TARGETS = {40: 0.8, 300: 1.5}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many (default: 5)")
    parser.add_argument("--router", type=Path, help="program of dicom-ai-router, to be measured beside us")
    parser.add_argument("--matrix", type=int, default=512, help="rows and columns (default: 512)")
    return parser.parse_args()


def building_table(rows: Sequence[building.Cost]) -> Table:
    table = Table(title="Pages, report and captures, ms in all", title_justify="left")
    for name in ("slices", "pages", "objects", "in all", "target"):
        table.add_column(name, justify="right")
    for row in rows:
        met = f"{row.target_ms} {'met' if row.total_ms <= row.target_ms else 'MISSED'}"
        table.add_row(str(row.slices), f"{row.pages_ms:.0f}", f"{row.objects_ms:.0f}", f"{row.total_ms:.0f}", met)
    return table


def arrival_table(rows: "list[tuple[str, int, to_pacs.Arrival]]") -> Table:
    table = Table(title="Last image acknowledged to results in the PACS, seconds", title_justify="left")
    for name in ("who", "slices", "in all", "without model", "target", "stages"):
        table.add_column(name, justify="right" if name != "stages" else "left")
    for who, slices, one in rows:
        target = ""
        if one.stages:
            limit = ARRIVAL_TARGETS[slices]
            target = f"{limit} {'met' if one.without_model <= limit else 'MISSED'}"
        stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in one.stages.items())
        table.add_row(who, str(slices), f"{one.total:.2f}", f"{one.without_model:.2f}", target, stages)
    return table


def measured_arrivals(options: argparse.Namespace, folder: Path) -> "list[tuple[str, int, to_pacs.Arrival]]":
    """Measure everybody with the same images, by turns; ourselves also with images that are flagged.

    The model of the yardstick finds nothing, so it sends what it sends then. Flagged ones have heatmaps and more pages.
    """
    with ExitStack() as stack:
        hounsfield = stack.enter_context(to_pacs.ours(folder / "ours", {}))
        receivers = [hounsfield]
        if options.router is not None:
            receivers.append(stack.enter_context(to_pacs.theirs(options.router, folder / "theirs")))
        rows = []
        for slices, step in SERIES.items():
            plain, flagged = (
                write_series(
                    folder / f"{slices} {lesion}",
                    PhantomSpec(seed=3, lesion=lesion, slices=slices, matrix=options.matrix, step_mm=step),
                )
                for lesion in (None, "subdural")
            )
            turns = [(receiver.name, receiver, plain) for receiver in receivers]
            turns.append(("hounsfield, flagged", hounsfield, flagged))
            found: dict[str, list[to_pacs.Arrival]] = {name: [] for name, _, _ in turns}
            for number in range(options.rounds + 1):  # by turns: the machine is not the same all the time
                for name, receiver, files in turns:
                    one = to_pacs.arrival(receiver, files)
                    if number:  # the first one is warming up
                        found[name].append(one)
            rows += [(name, slices, to_pacs.median(some)) for name, some in found.items()]
    return rows


def main() -> int:
    options = arguments()
    console = Console(width=140)
    if "building" in options.only:
        console.print(building_table(building.costs(options.rounds)))
    if "arrival" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            console.print(arrival_table(measured_arrivals(options, Path(folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
