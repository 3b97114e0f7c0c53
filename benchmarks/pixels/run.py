"""Pixels: codecs per transfer syntax, file to tensor against other chains, overlap with the model, memory per slice.

    make bench-pixels                                   everything, under three minutes
    python benchmarks/pixels/run.py --only chains --rounds 15
    python benchmarks/pixels/run.py --device gpu:0      the model of the overlap on a GPU

Prints medians of interleaved rounds and the targets of the project with what was measured. Single calls are in
processor time; ratios hold on other machines, rates do not. Exits with 0 also where a target is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import chains
import decoders
import memory
from common.record import Figure, Report, Sheet, add_json_option
from common.spread import Spread, shown, shown_spread
from material import SYNTAXES, encoded, stored_values, write
from rich.console import Console

PARTS = ("codecs", "chains", "overlap", "memory")
OVERLAPPED = ("native", "JPEG-LS", "JPEG 2000")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="medians of so many rounds of five (default: 7)")
    parser.add_argument("--slices", type=int, default=160, help="of the overlap (default: 160)")
    parser.add_argument("--device", default="cpu", help="of the overlap's model: auto, cpu, gpu or gpu:N")
    add_json_option(parser)
    return parser.parse_args()


def codec_sheet(rows: Sequence[decoders.Row]) -> Sheet:
    heads = ("syntax", "codec", "alone", "2 threads", "same pixels")
    sheet = Sheet("codecs", "Codecs, ms per slice of 512 x 512", heads, left=2)
    for row in rows:
        times = (shown_spread(Spread.of(row.alone)), shown_spread(Spread.of(row.pool_of_2)))
        sheet.add(row.syntax, row.codec, *times, "yes" if row.equal else "NO")
    return sheet


def chain_sheet(rows: Sequence[chains.Chain]) -> Sheet:
    title = "File to tensor of three windows at 256 x 256, processor ms per slice"
    sheet = Sheet("chains", title, ("syntax", *chains.STEPS))
    for row in rows:
        sheet.add(row.syntax, *(shown(row.of(step).median) for step in chains.STEPS))
    return sheet


def overlap_sheet(rows: dict[str, dict[str, float]]) -> Sheet:
    heads = ("syntax", "decode", "model", "both", "work per core", "both/slower", "both/bound", "waiting model")
    sheet = Sheet("overlap", "Decoding beside the model, seconds (best of three)", heads)
    for name, one in rows.items():
        sheet.add(
            name,
            *(f"{one[key]:.2f}" for key in ("decode", "infer", "both", "work_per_core")),
            f"{one['both'] / max(one['decode'], one['infer']):.2f}",
            f"{one['both'] / _bound(one):.2f}",
            f"{one['waiting_both'] / _waiting_bound(one):.2f}",
        )
    return sheet


def _bound(one: dict[str, float]) -> float:
    """Nothing can be faster than the slower half, or than all the work divided by the cores."""
    return max(one["decode"], one["infer"], one["work_per_core"])


def _waiting_bound(one: dict[str, float]) -> float:
    return max(one["decode"], one["waiting_infer"], one["work_waiting_per_core"])


def memory_sheet(rows: Sequence[memory.Memory]) -> Sheet:
    sheet = Sheet("memory", "Whole series of 180 x 180 on disk", ("slices", "anonymous MiB", "seconds"))
    for row in rows:
        sheet.add(str(row.slices), f"{row.anonymous_mib:.1f}", f"{row.seconds:.2f}")
    return sheet


def codec_figures(rows: Sequence[decoders.Row]) -> Iterator[Figure]:
    """Ours beside the best other codec of each syntax, with two threads at work."""
    for syntax in dict.fromkeys(row.syntax for row in rows):
        ours = next(row for row in rows if row.syntax == syntax and row.codec == decoders.OURS)
        others = [row for row in rows if row.syntax == syntax and row.codec != decoders.OURS]
        best = min(others, key=lambda row: Spread.of(row.pool_of_2).median, default=None)
        if best is not None:
            pair = (ours.pool_of_2, best.pool_of_2)
            yield _figure(f"decoding {syntax}, 2 threads", "ms", pair, best.codec, None)


def chain_figures(rows: Sequence[chains.Chain]) -> Iterator[Figure]:
    """What the project promises about the way from a file to a tensor."""
    for row in rows:
        target = 0.1 if row.syntax == "native" else None
        pair = (row.rounds["ours"], row.rounds["scipy"])
        yield _figure(f"file to tensor, {row.syntax}", "ms", pair, "scipy with smoothing", target)
    for row in rows:
        pair = (row.pixels_to_tensor, row.codec_and_floor)
        yield _figure(f"pixels to tensor, {row.syntax}", "ms", pair, "codec and memory floor", 2.0)


def overlap_figures(rows: dict[str, dict[str, float]]) -> Iterator[Figure]:
    """What it promises about decoding beside the model."""
    for name, one in rows.items():
        pair = ([one["both"]], [_bound(one)])
        yield _figure(f"decoding beside the model, {name}", "s", pair, "what the cores allow", 1.15)
        pair = ([one["waiting_both"]], [_waiting_bound(one)])
        yield _figure(f"the same beside a model that needs no core, {name}", "s", pair, "the slower half", 1.15)


def _figure(
    what: str, unit: str, pair: tuple[Sequence[float], Sequence[float]], peer: str, target: float | None
) -> Figure:
    ours, theirs = map(Spread.of, pair)
    ratio = Spread.ratio(*pair)
    return Figure(what=what, unit=unit, ours=ours, peer=peer, theirs=theirs, ratio=ratio, target=target)


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    report = Report()
    with tempfile.TemporaryDirectory() as scratch:
        folder, stored = Path(scratch), stored_values()
        files = {s.name: write(folder / s.name.replace(" ", "-"), encoded(stored, s), s) for s in SYNTAXES}
        if "codecs" in options.only:
            encapsulated = [one for one in SYNTAXES if one.encode is not None]
            rows = [
                row for s in encapsulated for row in decoders.compare(s, encoded(stored, s), stored, options.rounds)
            ]
            report.sheets.append(codec_sheet(rows))
            report.figures += codec_figures(rows)
        if "chains" in options.only:
            chained = [
                chains.compare(s.name, files[s.name], encoded(stored, s), s.encode is None, options.rounds)
                for s in SYNTAXES
            ]
            report.sheets.append(chain_sheet(chained))
            report.figures += chain_figures(chained)
        if "overlap" in options.only:
            overlapped = {name: overlap(files[name], options) for name in OVERLAPPED}
            report.sheets.append(overlap_sheet(overlapped))
            report.figures += overlap_figures(overlapped)
        if "memory" in options.only:
            used = memory.measure(write(folder / "small", stored[:180, :180].tobytes(), SYNTAXES[0], side=180))
            report.sheets.append(memory_sheet(used))
            slope = Spread.of([memory.slope_kib(used)])
            report.figures.append(Figure(what="anonymous memory of a slice", unit="KiB", ours=slope, target=8.0))
    report.end(Console() if sys.stdout.isatty() else Console(width=132), options.json)


def overlap(path: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run the measurement in a process that has TensorFlow in it."""
    command = [sys.executable, str(Path(__file__).with_name("overlap.py")), str(path)]
    command += [str(options.slices), options.device]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
