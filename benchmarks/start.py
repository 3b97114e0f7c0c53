"""How long ``hounsfield run`` takes from its start to the ready line, on a new home and on an existing one.

    python benchmarks/start.py [--runs 5]

Target: 2 s with a warm page cache and an existing database, 4 s at first start.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common.record import Figure, Report, add_json_option
from common.spread import Spread
from rich.console import Console

TARGETS = {"first start": 4.0, "existing home": 2.0}


def seconds_to_ready(home: Path) -> float:
    """Start the whole daemon on ``home``, wait for its ready line, end it."""
    environment = {
        **os.environ,
        "HOUNSFIELD_STORAGE__HOME": str(home),
        "HOUNSFIELD_DICOM__PORT": "0",
        "HOUNSFIELD_CONSOLE__PORT": "0",
    }
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "hounsfield.daemon.cli.main", "run"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        taken = time.monotonic() - started
        process.send_signal(signal.SIGTERM)
    if not line.startswith("ready dicom="):
        raise SystemExit(f"no ready line: {line!r}")
    return taken


def main() -> None:
    """Measure both cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    add_json_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first = [seconds_to_ready(Path(folder) / f"home-{i}") for i in range(options.runs)]
        again = [seconds_to_ready(Path(folder) / "home-0") for _ in range(options.runs)]
    report = Report()
    for (name, target), seconds in zip(TARGETS.items(), (first, again), strict=True):
        what = f"`hounsfield run` to its ready line, {name}"
        report.figures.append(Figure(what=what, unit="s", ours=Spread.of(seconds), target=target))
    report.end(Console(width=120), options.json)


if __name__ == "__main__":
    main()
