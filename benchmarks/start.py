"""How long ``hounsfield run`` takes from its start to the ready line, on a new home and on an existing one.

    python benchmarks/start.py [--runs 5]

Target (docs/performance.md): 2 s with a warm page cache and an existing database, 4 s at first start.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


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
    """Print minimum, median and maximum of both cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        first = [seconds_to_ready(Path(folder) / f"home-{i}") for i in range(runs)]
        again = [seconds_to_ready(Path(folder) / "home-0") for _ in range(runs)]
    for name, seconds in (("first start", first), ("existing home", again)):
        print(f"{name}: min {min(seconds):.2f} s, median {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
