"""Reception compared: Hounsfield, Orthanc, DCMTK's storescp and plain pynetdicom, with the same senders, in one run.

    make bench-reception                                      everything, about six minutes
    python benchmarks/reception/run.py --only hounsfield orthanc --associations 1 8 --rounds 1
    python benchmarks/reception/run.py --only floor           what the disk allows
    python benchmarks/reception/run.py --variant "small PDU" HOUNSFIELD_DICOM__MAX_PDU_BYTES=16384

Prints images per second, CPU and memory of each server, the disk floor, the cost of idle connections, and the targets
of the project with what was measured. Other work on the machine spoils it. Exits with 0 also where a target is missed,
with 1 where something could not be measured.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import output
from common.record import Report, add_json_option
from measure import Amount
from plan import Plan, execute
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from servers import MOST_ASSOCIATIONS, PEERS, VARIANTS, Server, hounsfield, missing_programs
from targets import targets

FLOOR, IDLE = "floor", "idle"
_WIDTH = 150
"""Of the tables where they go to no terminal."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="medians of so many (default: 3)")
    add("--images", type=int, default=400, help="most images of one measurement, in all (default: 400)")
    add("--seconds", type=float, default=2.5, help="most seconds of one measurement (default: 2.5)")
    add("--associations", type=int, nargs="+", default=[1, 8, 32], metavar="N", help="of our sender; storescu uses one")
    add("--only", nargs="+", metavar="NAME", help=f"names of servers, '{FLOOR}', '{IDLE}' (default: everything)")
    add("--variant", nargs="+", action="append", default=[], metavar=("NAME", "KEY=VALUE"), help="our receiver, set so")
    add("--folder", type=Path, help="on the file system to be measured (default: where temporary files go)")
    add("--idle-seconds", type=float, default=10.0, help="of each idle measurement (default: 10)")
    add_json_option(parser)
    options = parser.parse_args()
    if not all(1 <= count <= MOST_ASSOCIATIONS for count in options.associations):
        parser.error(f"--associations: from 1 to {MOST_ASSOCIATIONS}")
    if min(options.rounds, options.images) < 1 or min(options.seconds, options.idle_seconds) <= 0:
        parser.error("--rounds, --images, --seconds and --idle-seconds must be above 0")
    options.servers = [*PEERS, *VARIANTS, *(_variant(parser, words) for words in options.variant)]
    unknown = set(options.only or ()) - {server.name for server in options.servers} - {FLOOR, IDLE}
    if unknown:
        known = ", ".join((*(server.name for server in options.servers), FLOOR, IDLE))
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {known}")
    return options


def _variant(parser: argparse.ArgumentParser, words: Sequence[str]) -> Server:
    name, *settings = words
    pairs = [setting.partition("=") for setting in settings]
    if not all(equals for _, equals, _ in pairs):
        parser.error("--variant: NAME KEY=VALUE ...")
    return hounsfield(name, {key: value for key, _, value in pairs})


def plan(options: argparse.Namespace) -> Plan:
    only = options.only
    servers = [server for server in options.servers if not only or server.name in only]
    if only and IDLE in only and not any(server.is_ours for server in servers):
        raise SystemExit("idle needs a Hounsfield: --only idle hounsfield")
    return Plan(
        servers=servers,
        associations=sorted(set(options.associations)),
        rounds=options.rounds,
        amount=Amount(options.images, options.seconds),
        idle_seconds=options.idle_seconds if not only or IDLE in only else 0.0,
        with_floor=not only or FLOOR in only,
        folder=options.folder,
    )


def main() -> int:
    options = arguments()
    if missing := missing_programs():
        print(f"not installed: {', '.join(missing)}; `make peers` installs them", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended, too
    wanted = plan(options)
    words = TextColumn("{task.description}")
    with Progress(BarColumn(), words, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=wanted.steps)

        def on_step(description: str) -> None:
            started = bool(progress.tasks[0].description)
            progress.update(task, description=description, advance=int(started))

        results = execute(wanted, on_step)
    promised = [figure for server in wanted.servers if server.is_ours for figure in targets(results, server.name)]
    report = Report(output.sheets(results), promised, results.failures)
    report.end(Console() if sys.stdout.isatty() else Console(width=_WIDTH), options.json)
    return 1 if results.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
