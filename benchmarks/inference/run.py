"""Inference: what an engine adds to the bare tf.function, other ways to run the same network, and what overlaps.

    make bench-inference                               the network `compact` for 256 x 256 x 3, under three minutes
    make bench-inference BENCH_ARGS="--device gpu:0 --side 224"

Prints medians of interleaved rounds as ratios to the bare tf.function of the same batch, and the targets of the project
with what was measured. Ratios hold on other machines, rates do not. Exits with 0 also where a target is missed.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import numpy as np
from common.record import Figure, Report, Sheet, add_json_option
from common.spread import Spread, shown, shown_spread
from material import SPACING, bundles, decoded, network, stored
from rich.console import Console
from timing import compare

from hounsfield.model.bundle import Bundle, ModelKind
from hounsfield.model.engines import Execution
from hounsfield.model.errors import DeviceError
from hounsfield.model.predictor import Predictor
from hounsfield.model.preprocess import Preprocessor
from hounsfield.model.runtime import choose_device, tensorflow

DECODE, INFER = "decode and preprocess", "bare inference"
BARE, OURS, ONNX = "tf.function", "ours", "ours, ONNX Runtime"
BATCHES = (1, 8, 16, 32)
SERIES = (40, 300)
BATCH = 16
MOST_OVER_BARE = 1.1
MOST_OVER_SLOWER = 1.15

Ways = dict[str, Callable[[], object]]
Seconds = dict[str, list[float]]
"""Of each way, in each round."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="auto, cpu, gpu or gpu:N (default: cpu)")
    parser.add_argument("--side", type=int, default=256, help="rows and columns of the input (default: 256)")
    parser.add_argument("--rounds", type=int, default=15, help="medians of so many rounds (default: 15)")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="slices at once (default: 1 8 16 32)")
    parser.add_argument("--series", type=int, nargs="+", default=SERIES, help="slices of a series (default: 40 300)")
    add_json_option(parser)
    return parser.parse_args()


def bare(model: Any, device: str, shape: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the least that TensorFlow can do for a batch: numbers on the host in, numbers on the host out."""
    tf = tensorflow()

    def pinned(batch: Any) -> Any:
        with tf.device(device):
            return model(batch, training=False)

    function = tf.function(pinned, input_signature=[tf.TensorSpec(shape, tf.float32)])

    def run(batch: np.ndarray) -> np.ndarray:
        with tf.device(device):
            return np.asarray(function(tf.convert_to_tensor(batch)))

    return run


def ways(made: dict[ModelKind, Bundle], model: Any, device: str, batch: int) -> Ways:
    """Return the ways to have one batch of tensors scored."""
    tensors = np.random.default_rng(0).random((batch, *model.input.shape[1:]), dtype=np.float32)
    place = choose_device(device)
    least = bare(model, place, tensors.shape)
    keras, saved = (Predictor(made[kind], device, batch) for kind in (ModelKind.KERAS, ModelKind.SAVED_MODEL))
    xla = Predictor(made[ModelKind.KERAS], device, batch, ways=(Execution(xla=True),))
    apart = list(tensors)
    found: Ways = {
        BARE: lambda: least(tensors),
        OURS: lambda: keras.score_tensors(apart),
        "ours, XLA": lambda: xla.score_tensors(apart),
        "ours, SavedModel": lambda: saved.score_tensors(apart),
        "model(x)": lambda: np.asarray(model(tensors, training=False)),
        "predict": lambda: model.predict(tensors, batch_size=batch, verbose=0),
    }
    with suppress(DeviceError):  # an ONNX Runtime without this GPU
        onnx = Predictor(made[ModelKind.ONNX], device, batch)
        found[ONNX] = lambda: onnx.score_tensors(apart)
    return found


def batch_sheet(seconds: dict[int, Seconds]) -> Sheet:
    names = list(next(iter(seconds.values())))
    heads = ("batch", f"{BARE}, ms a slice", *names[1:])
    sheet = Sheet("batches", f"One batch, as ratio to the bare {BARE}", heads)
    for batch, one in seconds.items():
        ratios = (shown(Spread.ratio(one[name], one[BARE]).median) if name in one else "-" for name in names[1:])
        sheet.add(str(batch), shown(Spread.of(one[BARE]).median / batch * 1e3), *ratios)
    return sheet


def series(bundle: Bundle, model: Any, device: str, count: int, rounds: int) -> Seconds:
    """Time a series: its halves one after the other, and both beside each other."""
    pixels = stored(count)
    preprocessor = Preprocessor.from_spec(bundle.manifest.preprocessing)
    predictor = Predictor(bundle, device, BATCH)
    predictor.warm_up()
    zeros = np.zeros((BATCH, *bundle.manifest.input.shape), np.float32)
    least = bare(model, choose_device(device), zeros.shape)
    batches = -(-count // BATCH)
    calls: Ways = {
        DECODE: lambda: [preprocessor.tensor(one, SPACING) for one in decoded(pixels)],
        INFER: lambda: [least(zeros) for _ in range(batches)],
        OURS: lambda: predictor.analyse(decoded(pixels), [SPACING] * count, [5.0] * (count - 1)),
    }
    return compare(calls, rounds)


def series_sheet(seconds: dict[int, Seconds], cores: int) -> Sheet:
    heads = ("slices", DECODE, INFER, OURS, f"{OURS} / slower", f"{OURS} / bound")
    sheet = Sheet("series", "A series of 512 x 512, seconds", heads)
    for count, one in seconds.items():
        times = (shown(Spread.of(one[name]).median) for name in (DECODE, INFER, OURS))
        ratios = (Spread.ratio(one[OURS], other) for other in (_slower(one), _bound(one, cores)))
        sheet.add(str(count), *times, *map(shown_spread, ratios))
    return sheet


def _slower(one: Seconds) -> list[float]:
    return [max(halves) for halves in zip(one[DECODE], one[INFER], strict=True)]


def _bound(one: Seconds, cores: int) -> list[float]:
    """Inference on the CPU takes every core: then all the work, shared by the cores, cannot be done faster."""
    halves = zip(one[DECODE], one[INFER], strict=True)
    return [max(decode, infer, infer + decode / cores) for decode, infer in halves]


def figures(batches: dict[int, Seconds], whole: dict[int, Seconds]) -> Iterator[Figure]:
    """What the project promises, and beside it what ONNX Runtime does."""
    for batch, one in batches.items():
        yield _figure(f"a batch of {batch}", one[OURS], f"bare {BARE}", one[BARE], MOST_OVER_BARE)
    for count, one in whole.items():
        yield _figure(
            f"decoding beside inference, {count} slices", one[OURS], "slower half", _slower(one), MOST_OVER_SLOWER
        )
    for batch, one in batches.items():
        if ONNX in one:
            yield _figure(f"a batch of {batch}", one[OURS], "ONNX Runtime", one[ONNX], None)


def _figure(what: str, ours: list[float], peer: str, theirs: list[float], target: float | None) -> Figure:
    ratio = Spread.ratio(ours, theirs)
    mine, other = (Spread.of([1000 * value for value in some]) for some in (ours, theirs))
    return Figure(what=what, unit="ms", ours=mine, peer=peer, theirs=other, ratio=ratio, target=target)


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    console = Console(width=132)
    with tempfile.TemporaryDirectory() as scratch:
        model = network(options.side)
        made = bundles(Path(scratch), model)
        cores = len(os.sched_getaffinity(0))
        facts = Predictor(made[ModelKind.KERAS], options.device, 1).runtime_facts()
        console.print(f"{facts['device']}, {cores} cores, TensorFlow {facts['tensorflow']}")
        batches = {n: compare(ways(made, model, options.device, n), options.rounds) for n in options.batches}
        rounds = max(3, options.rounds // 3)
        whole = {n: series(made[ModelKind.KERAS], model, options.device, n, rounds) for n in options.series}
    report = Report([batch_sheet(batches), series_sheet(whole, cores)], [*figures(batches, whole)])
    report.end(console, options.json)


if __name__ == "__main__":
    main()
