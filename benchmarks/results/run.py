"""Results: building them, and how soon they are in the PACS.

    make bench-results                                      everything, about three minutes
    make bench-results BENCH_ARGS="--router PROGRAM"        beside dicom-ai-router, in the same run
    python benchmarks/results/run.py --only building

Prints medians and the targets of the project with what was measured. Exits with 0 also where a target is missed.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import building
import to_pacs
from common.heads import heads
from common.record import Figure, Report, Sheet, add_json_option
from common.spread import Spread, shown, shown_spread
from rich.console import Console

PARTS = ("building", "arrival")
ARRIVAL_TARGETS = {40: 0.8, 300: 1.5}
OURS, FLAGGED = "hounsfield", "hounsfield, flagged"

Arrivals = dict[int, dict[str, list[to_pacs.Arrival]]]
"""By slices and by who."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many (default: 5)")
    parser.add_argument("--slices", type=int, nargs="+", default=list(ARRIVAL_TARGETS), help="sent (default: 40 300)")
    parser.add_argument("--router", type=Path, help="program of dicom-ai-router, to be measured beside us")
    parser.add_argument("--matrix", type=int, default=512, help="rows and columns (default: 512)")
    parser.add_argument("--drawn", type=Path, metavar="FOLDER", help="where generated heads stay")
    add_json_option(parser)
    return parser.parse_args()


def building_sheet(rows: Sequence[building.Cost]) -> Sheet:
    sheet = Sheet("building", "Pages, report and captures, ms", ("slices", "pages", "objects", "in all"))
    for row in rows:
        times = (row.pages_ms, row.objects_ms, row.total_ms)
        sheet.add(str(row.slices), *(shown_spread(Spread.of(one)) for one in times))
    return sheet


def arrival_sheet(found: Arrivals) -> Sheet:
    heads = ("who", "slices", "in all", "without model", "stages")
    sheet = Sheet("arrival", "Last image acknowledged to results in the PACS, seconds", heads, left=2)
    for slices, by_name in found.items():
        for who, some in by_name.items():
            times = ([one.total for one in some], [one.without_model for one in some])
            stages = (
                f"{name} {shown(Spread.of([one.stages[name] for one in some]).median)}" for name in some[0].stages
            )
            sheet.add(who, str(slices), *(shown_spread(Spread.of(one)) for one in times), ", ".join(stages))
    return sheet


def figures(costs: Sequence[building.Cost], found: Arrivals) -> Iterator[Figure]:
    """What the project promises about results."""
    for row in costs:
        what = f"pages, report and captures, {row.slices} slices"
        yield Figure(what=what, unit="ms", ours=Spread.of(row.total_ms), target=row.target_ms)
    for slices, by_name in found.items():
        for who in (OURS, FLAGGED):
            words = f"{who.removeprefix(OURS).removeprefix(', ') or 'nothing found'}, {slices} slices"
            ours = [one.without_model for one in by_name[who]]
            what = f"last image to results in the PACS without the model's time, {words}"
            yield Figure(what=what, unit="s", ours=Spread.of(ours), target=ARRIVAL_TARGETS.get(slices))
        for peer in by_name.keys() - {OURS, FLAGGED}:
            ours, theirs = ([one.without_model for one in by_name[who]] for who in (OURS, peer))
            yield Figure(
                what=f"the same beside a peer whose model answers at once, {slices} slices",
                unit="s",
                ours=Spread.of(ours),
                peer=peer,
                theirs=Spread.of(theirs),
                ratio=Spread.ratio(ours, theirs),
                target=1.0,
            )


def measured_arrivals(options: argparse.Namespace, folder: Path) -> Arrivals:
    """Measure everybody with the same images, by turns; ourselves also with images that are flagged.

    The model of the yardstick finds nothing, so it sends what it sends then. Flagged ones have heatmaps and more pages.
    """
    drawn = options.drawn or folder / "drawn"
    with ExitStack() as stack:
        hounsfield = stack.enter_context(to_pacs.ours(folder / "ours", {}))
        receivers = [hounsfield]
        if options.router is not None:
            receivers.append(stack.enter_context(to_pacs.theirs(options.router, folder / "theirs")))
        arrivals: Arrivals = {}
        for slices in options.slices:
            plain, flagged = heads(drawn, slices, options.matrix)
            turns = [(receiver.name, receiver, plain) for receiver in receivers]
            turns.append((FLAGGED, hounsfield, flagged))
            found = arrivals.setdefault(slices, {name: [] for name, _, _ in turns})
            for number in range(options.rounds + 1):  # by turns: the machine is not the same all the time
                for name, receiver, files in turns:
                    one = to_pacs.arrival(receiver, files)
                    if number:  # the first one is warming up
                        found[name].append(one)
        return arrivals


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    costs: list[building.Cost] = []
    found: Arrivals = {}
    report = Report()
    if "building" in options.only:
        costs = building.costs(options.rounds)
        report.sheets.append(building_sheet(costs))
    if "arrival" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            found = measured_arrivals(options, Path(folder))
        report.sheets.append(arrival_sheet(found))
    report.figures += figures(costs, found)
    report.end(Console(width=140), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
