"""Everything side by side: each part against its peers on the same work, in one run.

    make bench                                        prints all tables, about half an hour
    make bench BENCH_ARGS="--write"                   and renews benchmarks/measured.json and docs/performance.md
    make bench BENCH_ARGS="--only pixels end-to-end"  some parts
    make bench BENCH_ARGS="--quick"                   shows that it runs: figures of such a run mean little
    make bench BENCH_ARGS="--keep FOLDER"             keeps what was done there; called again, it goes on with the rest

Peers are Orthanc and DCMTK from Debian, a plain pynetdicom server and script (in benchmarks/), and dicom-ai-router from
PyPI in an environment of its own. A missed target is no failure; exits with 1 where something could not be measured.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests"))

from common import performance
from common.machine import load, machine
from common.parts import PARTS, Part, Setup
from common.record import MISSED
from common.router import VERSION, NotInstalled, install
from rich.console import Console

_HERE = Path(__file__).resolve().parent
_SAYS = Console(stderr=True)
Found = dict[str, Any]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="PART", help=f"of {', '.join(names)}"
    )
    parser.add_argument("--quick", action="store_true", help="the least of each: does it run?")
    parser.add_argument("--write", action="store_true", help="renew measured.json and docs/performance.md")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="parts that are done stay there and are not repeated"
    )
    parser.add_argument("--router", type=Path, metavar="PROGRAM", help="dicom-ai-router (default: installed from PyPI)")
    return parser.parse_args()


def main() -> int:
    """Run, tell, write."""
    options = arguments()
    parts = [part for part in PARTS if part.name in options.only]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = (options.keep or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        about = machine(folder)
        setup = Setup(folder, options.router or _router(parts))
        if setup.router is not None:
            about["programs"]["dicom-ai-router"] = VERSION
        found = dict(_run(parts, setup, quick=options.quick))
    if options.write:
        before = performance.measured()
        performance.keep({"machine": about, "parts": before["parts"] | found})
    _summary(found)
    return 0 if len(found) == len(parts) and not any(one["failures"] for one in found.values()) else 1


def _run(parts: Sequence[Part], setup: Setup, *, quick: bool) -> Iterator[tuple[str, Found]]:
    for number, part in enumerate(parts, 1):
        file = setup.folder / f"{part.name}{'-quick' if quick else ''}.json"
        if file.exists():
            _SAYS.print(f"{part.title}: done before")
        else:
            about = "" if quick else f", about {part.minutes:g} min"
            _SAYS.rule(f"{part.title} ({number} of {len(parts)}{about})")
            _measure(part, setup, file, quick=quick)
        if file.exists():
            yield part.name, json.loads(file.read_text())


def _measure(part: Part, setup: Setup, file: Path, *, quick: bool) -> None:
    """Run a part; what it wrote gets beside it how and when it was run. Nothing is written where it broke off."""
    raw = file.with_suffix(".part")
    raw.unlink(missing_ok=True)
    command = [sys.executable, str(_HERE / part.program), *part.options(quick=quick), *part.setup(setup)]
    before, began = load(), time.monotonic()
    status = subprocess.run([*command, "--json", str(raw)], check=False).returncode
    if not raw.exists():
        _SAYS.print(f"{part.title}: ended with {status} and measured nothing", style="red")
        return
    how = {
        "command": part.command(quick=quick),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "load_before": before,
        "seconds": round(time.monotonic() - began, 1),
    }
    file.write_text(json.dumps(how | json.loads(raw.read_text()), indent=1) + "\n")
    raw.unlink()


def _router(parts: Sequence[Part]) -> Path | None:
    if not any(part.setup is Setup.with_router for part in parts):
        return None
    try:
        return install()
    except NotInstalled as error:
        _SAYS.print(f"{error}: it is left out", style="red", markup=False)
        return None


def _summary(found: Found) -> None:
    """Name what was missed and what could not be measured."""
    _SAYS.rule("In all")
    for name, one in found.items():
        missed = [_named(figure) for figure in one["figures"] if figure["verdict"] == MISSED]
        judged = sum(bool(figure["verdict"]) for figure in one["figures"])
        _SAYS.print(f"{name}: {judged - len(missed)} of {judged} targets met, {one['seconds'] / 60:.1f} min")
        for what in missed:
            _SAYS.print(f"  missed: {what}", markup=False)
        for what in one["failures"]:
            _SAYS.print(f"  not measured: {what}", style="red", markup=False)


def _named(figure: Found) -> str:
    return f"{figure['what']}, beside {figure['peer']}" if figure["peer"] else str(figure["what"])


if __name__ == "__main__":
    sys.exit(main())
