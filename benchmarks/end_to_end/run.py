"""End to end: from the last image to the report in the PACS, beside others who serve the same model.

    make bench-end-to-end                                        everything, about ten minutes
    make bench-end-to-end BENCH_ARGS="--router PROGRAM"          dicom-ai-router that was installed before
    python benchmarks/end_to_end/run.py --studies 1 --slices 40 --rounds 1

Hounsfield as it is shipped, a plain pynetdicom script (plain.py) and dicom-ai-router in front of a server with the
model (model_server.py) run at the same time, each with an Orthanc of its own, and take turns. Scanners are DCMTK's
storescu. The peers wait for silence; that time is taken off where it is said. Exits with 0 also where a target is
missed, with 1 where something could not be measured.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from common.record import Figure, Report, Sheet, add_json_option
from common.router import NotInstalled, install
from common.spread import Spread, shown, shown_spread
from rich.console import Console
from scanner import NotTaken
from studies import Studies
from systems import HOUNSFIELD, QUIET_SECONDS, System, dicom_ai_router, hounsfield, plain
from turns import NoResult, Turn, take_turn

SCORES_AGREE = 0.002
"""Scores of the same series differ by no more: preprocessing of whole numbers and of floating point ones."""
COMPARED = {
    "to_report": "last image to report, quiet period taken off",
    "whole": "first image sent to last report",
    "cpu": "CPU of a study",
    "peak_mib": "memory at its peak",
}
UNITS = {"to_report": "s", "whole": "s", "cpu": "s", "peak_mib": "MiB"}

Case = tuple[int, int]
"""Studies at once, slices of each."""
Seen = dict[Case, dict[str, list[Turn]]]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, nargs="+", default=[40, 300], help="(default: 40 300)")
    parser.add_argument("--studies", type=int, nargs="+", default=[1, 8], help="at once (default: 1 8)")
    parser.add_argument("--matrix", type=int, default=512, help="rows and columns (default: 512)")
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many (default: 3)")
    parser.add_argument("--router", type=Path, metavar="PROGRAM", help="dicom-ai-router (default: installed from PyPI)")
    parser.add_argument("--without-router", action="store_true", help="compare with the script alone")
    parser.add_argument("--drawn", type=Path, metavar="FOLDER", help="where generated heads stay")
    add_json_option(parser)
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path, report: Report) -> Seen:
    """Run everybody and let them take turns."""
    drawn = options.drawn or folder / "drawn"
    material = [Studies(drawn, slices, options.matrix) for slices in options.slices]
    seen: Seen = {}
    with ExitStack() as stack:
        systems = list(_systems(options, folder, stack, report))
        for system in systems:
            for one in material:
                _turn(system, one, 1, report)  # warms up
        for number in range(options.rounds):
            for studies in options.studies:
                for one in material:
                    for system in _by_turns(systems, number):
                        turn = _turn(system, one, studies, report)
                        if turn is not None:
                            seen.setdefault((studies, one.slices), {}).setdefault(system.name, []).append(turn)
    return seen


def _systems(options: argparse.Namespace, folder: Path, stack: ExitStack, report: Report) -> Iterator[System]:
    yield stack.enter_context(hounsfield(folder / "ours"))
    yield stack.enter_context(plain(folder / "plain"))
    if options.without_router:
        return
    try:
        program = options.router or install()
    except NotInstalled as error:
        report.failures.append(str(error))
    else:
        yield stack.enter_context(dicom_ai_router(program, folder / "router"))


def _by_turns(systems: Sequence[System], number: int) -> list[System]:
    """Let another one begin each round."""
    first = number % len(systems)
    return [*systems[first:], *systems[:first]]


def _turn(system: System, material: Studies, studies: int, report: Report) -> Turn | None:
    words = f"{system.name}, {studies} x {material.slices} slices"
    print(words, file=sys.stderr, flush=True)
    with material.fresh(studies) as some:
        try:
            return take_turn(system, some)
        except (NoResult, NotTaken) as error:
            report.failures.append(f"{words}: {error}")
            return None


def sheet(seen: Seen) -> Sheet:
    """Return all that was measured, medians with smallest and largest."""
    heads = ("studies x slices", "who", "last image to report, s", "without quiet period")
    heads += ("first image to last report, s", "CPU s a study", "peak MiB", "on a part")
    found = Sheet("times", "End to end", heads, left=2)
    for (studies, slices), turns in seen.items():
        for name, some in turns.items():
            values = ([getattr(one, key) for one in some] for key in ("as_it_was", "to_report", "whole", "cpu"))
            spreads = (shown_spread(Spread.of(one)) for one in values)
            peak = shown(Spread.of([one.peak_mib for one in some]).median)
            halves = str(sum(one.halves for one in some))
            found.add(f"{studies} x {slices}", name, *spreads, peak, halves)
    return found


def figures(seen: Seen) -> Iterator[Figure]:
    """Hold ours against each peer's: ahead of every one, in everything."""
    for key, words in COMPARED.items():
        for (studies, slices), turns in seen.items():
            for name in turns:
                if name != HOUNSFIELD and HOUNSFIELD in turns:
                    yield _compared(f"{words}, {studies} x {slices} slices", key, turns, name)
    yield from _agreement(seen)


def _compared(what: str, key: str, turns: Mapping[str, Sequence[Turn]], peer: str) -> Figure:
    ours, theirs = ([getattr(one, key) for one in turns[name]] for name in (HOUNSFIELD, peer))
    return Figure(
        what=what,
        unit=UNITS[key],
        ours=Spread.of(ours),
        peer=peer,
        theirs=Spread.of(theirs),
        ratio=Spread.ratio(ours, theirs),
        target=1.0,
    )


def _agreement(seen: Seen) -> Iterator[Figure]:
    """Whether it was the same work: everybody's scores of the same series."""
    scores = [[turn.scores for some in turns.values() for turn in some] for turns in seen.values() if len(turns) > 1]
    differences = [max(some) - min(some) for of_case in scores for some in zip(*of_case, strict=True)]
    if differences:
        words = "scores of the same series by all of them, largest difference"
        yield Figure(what=words, ours=Spread.of([max(differences)]), target=SCORES_AGREE)


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the systems are ended, too
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-end-to-end-") as folder:
        seen = measure(options, Path(folder), report)
    report.sheets.append(sheet(seen))
    report.figures += figures(seen)
    console = Console(width=150)
    console.print(f"The peers wait {QUIET_SECONDS:g} s for silence.")
    report.end(console, options.json)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
