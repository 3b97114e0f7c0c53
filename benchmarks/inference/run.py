"""Inference: what an engine adds to the bare tf.function, other ways to run the same network, and what overlaps.

    make bench-inference                               the network `compact` for 256 x 256 x 3, under three minutes
    make bench-inference BENCH_ARGS="--device gpu:0 --side 224"

Prints medians of interleaved rounds as ratios to the bare tf.function of the same batch, and the targets of the project
with what was measured. Ratios hold on other machines, rates do not. Exits with 0 also where a target is missed.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from material import SPACING, bundles, decoded, network, stored
from rich.console import Console
from rich.table import Table
from timing import compare

from hounsfield.model.bundle import Bundle, ModelKind
from hounsfield.model.engines import Execution
from hounsfield.model.errors import DeviceError
from hounsfield.model.predictor import Predictor
from hounsfield.model.preprocess import Preprocessor
from hounsfield.model.runtime import choose_device, tensorflow

BARE, OURS, ONNX = "tf.function", "ours", "ours, ONNX Runtime"
BATCHES = (1, 8, 16, 32)
SERIES = (40, 300)
BATCH = 16
MOST_OVER_BARE = 1.1
MOST_OVER_SLOWER = 1.15

Ways = dict[str, Callable[[], object]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="auto, cpu, gpu or gpu:N (default: cpu)")
    parser.add_argument("--side", type=int, default=256, help="rows and columns of the input (default: 256)")
    parser.add_argument("--rounds", type=int, default=15, help="medians of so many rounds (default: 15)")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="slices at once (default: 1 8 16 32)")
    parser.add_argument("--series", type=int, nargs="+", default=SERIES, help="slices of a series (default: 40 300)")
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


def batch_table(seconds: dict[int, dict[str, float]]) -> Table:
    names = list(next(iter(seconds.values())))
    table = Table("batch", "tf.function, ms per slice", *names[1:], title="One batch, as ratio to the bare tf.function")
    for batch, one in seconds.items():
        ratios = (f"{one[name] / one[BARE]:.2f}" for name in names[1:])
        table.add_row(str(batch), f"{one[BARE] / batch * 1e3:.2f}", *ratios)
    return table


def series(bundle: Bundle, model: Any, device: str, count: int, rounds: int) -> dict[str, float]:
    """Time a series: its halves one after the other, and both beside each other."""
    pixels = stored(count)
    preprocessor = Preprocessor.from_spec(bundle.manifest.preprocessing)
    predictor = Predictor(bundle, device, BATCH)
    predictor.warm_up()
    zeros = np.zeros((BATCH, *bundle.manifest.input.shape), np.float32)
    least = bare(model, choose_device(device), zeros.shape)
    batches = -(-count // BATCH)
    calls: Ways = {
        "decode and preprocess": lambda: [preprocessor.tensor(one, SPACING) for one in decoded(pixels)],
        "bare inference": lambda: [least(zeros) for _ in range(batches)],
        "ours": lambda: predictor.analyse(decoded(pixels), [SPACING] * count, [5.0] * (count - 1)),
    }
    return compare(calls, rounds)


def series_table(seconds: dict[int, dict[str, float]], cores: int) -> Table:
    names = ("slices", "decode and preprocess", "bare inference", "ours", "ours/slower", "ours/bound")
    table = Table(*names, title="A series of 512 x 512, seconds")
    for count, one in seconds.items():
        halves = one["decode and preprocess"], one["bare inference"]
        shown = (f"{value:.3f}" for value in (*halves, one["ours"]))
        table.add_row(str(count), *shown, f"{_over_slower(one):.2f}", f"{one['ours'] / _bound(halves, cores):.2f}")
    return table


def _over_slower(one: dict[str, float]) -> float:
    return one["ours"] / max(one["decode and preprocess"], one["bare inference"])


def _bound(halves: tuple[float, float], cores: int) -> float:
    """Inference on the CPU takes every core: then all the work, shared by the cores, cannot be done faster."""
    return max(*halves, halves[1] + halves[0] / cores)


def targets(batches: dict[int, dict[str, float]], whole: dict[int, dict[str, float]]) -> Table:
    table = Table("target", "allowed", "measured", "", title="Targets")
    for batch, one in batches.items():
        _judge(table, f"ours to bare tf.function, batch {batch}", MOST_OVER_BARE, one[OURS] / one[BARE])
    for count, one in whole.items():
        _judge(table, f"decoding beside inference, {count} slices", MOST_OVER_SLOWER, _over_slower(one))
    for batch, one in batches.items():
        if ONNX not in one:
            table.add_row(f"ONNX Runtime to ours, batch {batch}", "told", "not on this device", "")
            continue
        table.add_row(f"ONNX Runtime to ours, batch {batch}", "told", f"{one[ONNX] / one[OURS]:.2f}", "")
    return table


def _judge(table: Table, what: str, most: float, measured: float) -> None:
    table.add_row(what, f"{most:.2f}", f"{measured:.2f}", "kept" if measured <= most else "MISSED")


def main() -> None:
    """Print the tables."""
    options = arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        model = network(options.side)
        made = bundles(Path(scratch), model)
        cores = len(os.sched_getaffinity(0))
        facts = Predictor(made[ModelKind.KERAS], options.device, 1).runtime_facts()
        console.print(f"{facts['device']}, {cores} cores, TensorFlow {facts['tensorflow']}")
        batches = {n: compare(ways(made, model, options.device, n), options.rounds) for n in options.batches}
        console.print(batch_table(batches))
        rounds = max(3, options.rounds // 3)
        whole = {n: series(made[ModelKind.KERAS], model, options.device, n, rounds) for n in options.series}
        console.print(series_table(whole, cores))
        console.print(targets(batches, whole))


if __name__ == "__main__":
    main()
