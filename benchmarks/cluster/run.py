"""What one database holds as it grows, what several workers make of it, and what that means for a large network.

    make bench-cluster                                     everything: about ten minutes, once two more for filling
    make bench-cluster BENCH_ARGS="--keep FOLDER"          keep the databases of a million jobs there, or take those
    make bench-cluster BENCH_ARGS="--only growth rates"    some parts: growth, rates, costs, replay, network
    make bench-cluster BENCH_ARGS="--write"                renew measured.json, docs/scaling.md and its picture

Prints tables and the targets of the project with what was measured. PostgreSQL is one of its own with its default
settings, so commits are synced to the disk. Exits with 0 also where a target is missed.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(_ROOT / name) for name in ("tests", "benchmarks", "benchmarks/console")]

import costs  # noqa: E402
import growth  # noqa: E402
import network  # noqa: E402
import paper  # noqa: E402
import rates  # noqa: E402
import replay  # noqa: E402
from rich.console import Console  # noqa: E402
from sites import postgresql_site, sqlite_site  # noqa: E402
from support.postgres import PostgreSQL, postgresql  # noqa: E402

MEASURED = Path(__file__).with_name("measured.json")
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are measured, and how often."""

    folder: Path
    cluster: PostgreSQL
    jobs: tuple[int, ...]
    rounds: int
    trials: int
    console: Console


def measure_growth(bench: Bench) -> Found:
    """Compare a short past with a long one on both engines."""
    rows: list[growth.Compared] = []
    for sites in (
        [sqlite_site(bench.folder, jobs) for jobs in bench.jobs],
        [postgresql_site(bench.folder, bench.cluster, jobs) for jobs in bench.jobs],
    ):
        rows += growth.steps(sites, bench.rounds)
        rows += growth.pages(sites, max(3, bench.rounds // 2))
    bench.console.print(growth.table(rows, bench.jobs))
    return {"jobs": list(bench.jobs), "rows": [growth.as_dict(row) for row in rows]}


def measure_rates(bench: Bench) -> Found:
    """Measure how rates grow with worker processes, and what holds them up."""
    found = rates.measure(bench.cluster, bench.trials)
    for table in rates.tables(found):
        bench.console.print(table)
    return found


def measure_costs(bench: Bench) -> Found:
    """Measure what a series costs a server."""
    found = costs.measure(bench.cluster)
    bench.console.print(costs.table(found))
    return found


def measure_replay(bench: Bench) -> Found:
    """Replay a small network against real stores and compare with the simulation."""
    found = replay.measure(bench.cluster)
    bench.console.print(replay.table(found))
    return found


def simulate_network(bench: Bench) -> Found:
    """Simulate a national network with several orders of claims."""
    found = network.measure()
    bench.console.print(network.table(found))
    return found


PARTS: Mapping[str, Callable[[Bench], Found]] = {
    "growth": measure_growth,
    "rates": measure_rates,
    "costs": measure_costs,
    "replay": measure_replay,
    "network": simulate_network,
}


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART")
    parser.add_argument("--jobs", type=int, nargs=2, default=[1000, 1_000_000], help="(default: 1000 1000000)")
    parser.add_argument("--rounds", type=int, default=21, help="medians of so many (default: 21)")
    parser.add_argument("--trials", type=int, default=3, help="of the rates of workers (default: 3)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the databases stay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured there")
    parser.add_argument("--write", action="store_true", help="bring measured.json, docs and picture up to date")
    return parser.parse_args()


def conditions(cluster: PostgreSQL) -> Found:
    """Return what the figures depend on."""
    version = cluster.execute("SHOW server_version").split()[0]
    load = os.getloadavg()[0]
    return {"cores": os.cpu_count(), "postgresql": version, "load_before": load, "day": f"{datetime.now(UTC):%Y-%m-%d}"}


def _keep(found: Found, file: Path | None, write: bool) -> None:
    """Write what there is so far; parts that were left out stay as they were measured before."""
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n")
    if write:
        known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
        MEASURED.write_text(json.dumps(known | found, indent=1) + "\n")


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = options.keep.absolute() / "postgresql" if options.keep else None
        cluster = stack.enter_context(postgresql(kept=kept, durable=True))
        bench = Bench(folder, cluster, tuple(options.jobs), options.rounds, options.trials, Console(width=120))
        found: Found = {"conditions": conditions(cluster)}
        for part in PARTS:
            if part in options.only:
                found[part] = PARTS[part](bench)
                _keep(found, options.json, options.write)
    if options.write:
        paper.write(json.loads(MEASURED.read_text()), _ROOT / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
