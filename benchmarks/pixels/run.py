"""Pixels: codecs per transfer syntax, file to tensor against other chains, overlap with the model, memory per slice.

    make bench-pixels                                   everything, under three minutes
    python benchmarks/pixels/run.py --only chains --rounds 15
    python benchmarks/pixels/run.py --device gpu:0      the model of the overlap on a GPU

Prints medians of interleaved rounds and the targets of the project with what was measured. Single calls are in
processor time; ratios hold on other machines, rates do not. Exits with 0 also where a target is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import chains
import decoders
import memory
from material import SYNTAXES, encoded, stored_values, write
from rich.console import Console
from rich.table import Table

PARTS = ("codecs", "chains", "overlap", "memory")
OVERLAPPED = ("native", "JPEG-LS", "JPEG 2000")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="medians of so many rounds of five (default: 7)")
    parser.add_argument("--slices", type=int, default=160, help="of the overlap (default: 160)")
    parser.add_argument("--device", default="cpu", help="of the overlap's model: auto, cpu, gpu or gpu:N")
    return parser.parse_args()


def codec_table(rows: Sequence[decoders.Row]) -> Table:
    table = _table("Codecs, ms per slice of 512 x 512", "syntax", "codec", "alone", "2 threads", "same pixels")
    for row in rows:
        same = "yes" if row.equal else "NO"
        table.add_row(row.syntax, row.codec, f"{row.alone:.2f}", f"{row.pool_of_2:.2f}", same)
    return table


def chain_table(rows: Sequence[chains.Chain]) -> Table:
    names = ("syntax", "header", "codec", "ours", "digest", "numpy", "zoom", "scipy", "floor", "ours/scipy", "to floor")
    table = _table("File to tensor of three windows at 256 x 256, processor ms per slice", *names)
    for row in rows:
        times = (row.header, row.codec, row.ours, row.digest, row.numpy, row.zoom, row.scipy, row.floor)
        table.add_row(row.syntax, *(f"{value:.2f}" for value in times), f"{row.to_scipy:.3f}", f"{row.to_floor:.2f}")
    return table


def overlap_table(rows: dict[str, dict[str, float]]) -> Table:
    names = ("syntax", "decode", "model", "both", "work per core", "both/slower", "both/bound", "waiting model")
    table = _table("Decoding beside the model, seconds (best of three)", *names)
    for name, one in rows.items():
        table.add_row(
            name,
            *(f"{one[key]:.2f}" for key in ("decode", "infer", "both", "work_per_core")),
            f"{one['both'] / max(one['decode'], one['infer']):.2f}",
            f"{one['both'] / _bound(one):.2f}",
            f"{one['waiting_both'] / _waiting_bound(one):.2f}",
        )
    return table


def _bound(one: dict[str, float]) -> float:
    """Nothing can be faster than the slower half, or than all the work divided by the cores."""
    return max(one["decode"], one["infer"], one["work_per_core"])


def _waiting_bound(one: dict[str, float]) -> float:
    return max(one["decode"], one["waiting_infer"], one["work_waiting_per_core"])


def memory_table(rows: Sequence[memory.Memory]) -> Table:
    table = _table("Whole series of 180 x 180 on disk", "slices", "anonymous MiB", "seconds")
    for row in rows:
        table.add_row(str(row.slices), f"{row.anonymous_mib:.1f}", f"{row.seconds:.2f}")
    return table


def targets(
    chained: Sequence[chains.Chain], overlapped: dict[str, dict[str, float]], used: Sequence[memory.Memory]
) -> Iterator[tuple[str, float, float]]:
    """What the project promises: words, measured, at most."""
    for row in chained:
        if row.syntax == "native":
            yield "file to tensor, native, of scipy with smoothing", row.to_scipy, 0.1
        yield f"pixels to tensor, {row.syntax}, of codec and memory floor", row.to_floor, 2.0
    for name, one in overlapped.items():
        yield f"decoding beside the model, {name}, of what the cores allow", one["both"] / _bound(one), 1.15
        beside = one["waiting_both"] / _waiting_bound(one)
        yield f"the same beside a model that needs no core, {name}", beside, 1.15
    if used:
        yield "anonymous KiB per slice", memory.slope_kib(list(used)), 8.0


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def main() -> None:
    options = arguments()
    console = Console() if sys.stdout.isatty() else Console(width=132)
    console.print(f"{len(os.sched_getaffinity(0))} cores, load before the run {os.getloadavg()[0]:.2f}")
    chained: list[chains.Chain] = []
    overlapped: dict[str, dict[str, float]] = {}
    used: list[memory.Memory] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder, stored = Path(scratch), stored_values()
        files = {s.name: write(folder / s.name.replace(" ", "-"), encoded(stored, s), s) for s in SYNTAXES}
        if "codecs" in options.only:
            encapsulated = [one for one in SYNTAXES if one.encode is not None]
            rows = [
                row for s in encapsulated for row in decoders.compare(s, encoded(stored, s), stored, options.rounds)
            ]
            console.print(codec_table(rows))
        if "chains" in options.only:
            for s in SYNTAXES:
                frame = encoded(stored, s)
                chained.append(chains.compare(s.name, files[s.name], frame, s.encode is None, options.rounds))
            console.print(chain_table(chained))
        if "overlap" in options.only:
            for name in OVERLAPPED:
                overlapped[name] = overlap(files[name], options)
            console.print(overlap_table(overlapped))
        if "memory" in options.only:
            small = write(folder / "small", stored[:180, :180].tobytes(), SYNTAXES[0], side=180)
            used = memory.measure(small)
            console.print(memory_table(used))
    promised = _table("Targets", "what", "measured", "at most", "")
    for words, value, most in targets(chained, overlapped, used):
        promised.add_row(words, f"{value:.2f}", f"{most:g}", "met" if value <= most else "missed")
    console.print(promised)


def overlap(path: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run the measurement in a process that has TensorFlow in it."""
    command = [sys.executable, str(Path(__file__).with_name("overlap.py")), str(path)]
    command += [str(options.slices), options.device]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
