"""How a bundle's model is called, compared in one run: predict, model(x), tf.function, XLA; and what overlaps.

    python benchmarks/predictor.py                          the bundle that ships, on the first GPU or the CPU
    python benchmarks/predictor.py --bundle FOLDER --device gpu:0 --batches 1 16 64
    python benchmarks/predictor.py --generated              an untrained CNN of 256 x 256 x 3 instead of a bundle

Prints medians of interleaved rounds, as ratios to the tf.function of the same batch (what the daemon uses), and
the time of `Predictor.score` against the slower of its two halves. Ratios hold on other machines, rates do not.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hounsfield.model.bundle import Bundle, ModelKind, bundled, open_bundle, write_bundle
from hounsfield.model.predictor import Predictor
from hounsfield.model.preprocess import Preprocessor
from hounsfield.model.runtime import choose_device, tensorflow

SPACING = (0.45, 0.45)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=bundled(), help="folder (default: the bundle that ships)")
    parser.add_argument("--generated", action="store_true", help="an untrained CNN instead of a bundle")
    parser.add_argument("--device", default="auto", help="auto, cpu, gpu or gpu:N")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16, 32])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slices", type=int, default=96, help="512 x 512 slices for the overlap measurement")
    return parser.parse_args()


def generated(folder: Path) -> Bundle:
    """Write a bundle around an untrained CNN: three windows, three blocks of 16, 32, 64 filters."""
    tensorflow()
    import keras

    inner = inputs = keras.Input((256, 256, 3))
    for filters in (16, 32, 64):
        inner = keras.layers.MaxPooling2D()(keras.layers.Conv2D(filters, 3, activation="relu")(inner))
    inner = keras.layers.GlobalAveragePooling2D()(inner)
    folder.mkdir(parents=True, exist_ok=True)
    keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inner)).save(folder / "model.keras")
    windows = [{"centre": centre, "width": width} for centre, width in ((40, 80), (80, 200), (600, 2800))]
    code = {"value": "1386000", "scheme": "SCT", "meaning": "Intracranial hemorrhage"}
    site = {"value": "12738006", "scheme": "SCT", "meaning": "Brain"}
    label = {"name": "x", "short": "X", "threshold": 0.5, "slice_threshold": 0.5, "concept": code, "site": site}
    fields: dict[str, Any] = {
        "schema": 1,
        "name": "generated",
        "version": "0.0.0",
        "title": "Untrained",
        "intended_use": "timing",
        "limits": "untrained",
        "clinical": False,
        "calibrated": False,
        "created": date(2026, 1, 1),
        "scope": {"body_part": "HEAD", "description": "head"},
        "preprocessing": {
            "name": "windows-1",
            "steps": [{"name": "windows", "windows": windows}, {"name": "resize", "pixels": 256}],
        },
        "input": {"shape": [256, 256, 3]},
        "output": {"aggregation": "max", "labels": [label]},
        "provenance": {"training_data": "none"},
    }
    return write_bundle(folder, fields)


def compare(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each call; rounds are interleaved, so that a slow moment hits all."""
    for call in calls.values():
        call()
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: median(values) for name, values in seconds.items()}


def ways(bundle: Bundle, device: str, batch: int) -> dict[str, Callable[[], object]]:
    """Return the ways to get one batch scored, each up to numbers on the host."""
    tf = tensorflow()
    import keras

    x = np.random.default_rng(0).random((batch, *bundle.manifest.input.shape), dtype=np.float32)
    served = Predictor(bundle, device, batch)
    compiled = Predictor(bundle, device, batch, xla=True)
    calls: dict[str, Callable[[], object]] = {
        "tf.function": lambda: np.asarray(served._function(x)),
        "XLA": lambda: np.asarray(compiled._function(x)),
    }
    if bundle.kind is ModelKind.KERAS:
        place = choose_device(device)
        with tf.device(place):
            model = keras.saving.load_model(bundle.model_path, compile=False)

        def eager() -> object:
            with tf.device(place):
                return np.asarray(model(x, training=False))

        def predict() -> object:
            with tf.device(place):
                return model.predict(x, batch_size=batch, verbose=0)

        calls |= {"model(x)": eager, "predict": predict}
    return calls


def overlap(bundle: Bundle, device: str, batch: int, slices: int, rounds: int) -> None:
    hu = np.random.default_rng(0).integers(-1000, 1500, (slices, 512, 512)).astype(np.int16)
    spacing = [SPACING] * slices
    served = Predictor(bundle, device, batch)
    served.warm_up()
    preprocessor = Preprocessor.from_spec(bundle.manifest.preprocessing)
    zeros = np.zeros((batch, *bundle.manifest.input.shape), np.float32)

    def decoded() -> Iterator[np.ndarray]:
        yield from hu

    seconds = compare(
        {
            "preprocess": lambda: [preprocessor.tensor(one, SPACING) for one in hu],
            "inference": lambda: [np.asarray(served._function(zeros)) for _ in range(-(-slices // batch))],
            "score": lambda: served.score(decoded(), spacing),
        },
        max(3, rounds // 3),
    )
    slower = max(seconds["preprocess"], seconds["inference"])
    per_slice = {name: f"{value / slices * 1e3:.2f}" for name, value in seconds.items()}
    print(f"\n{slices} slices of 512 x 512, batch {batch}, ms per slice: {per_slice}")
    print(f"score / slower half (preprocess in one thread, inference): {seconds['score'] / slower:.2f}")


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        bundle = generated(Path(scratch)) if options.generated else open_bundle(options.bundle)
        print(f"{bundle.label} on {Predictor(bundle, options.device).device}")
        print(f"{'batch':>5} {'ms per slice':>13}   ratio to tf.function of the same batch")
        for batch in options.batches:
            seconds = compare(ways(bundle, options.device, batch), options.rounds)
            base = seconds["tf.function"]
            ratios = "   ".join(f"{name} {value / base:.2f}" for name, value in seconds.items())
            print(f"{batch:>5} {base / batch * 1e3:>13.2f}   {ratios}")
        overlap(bundle, options.device, 16, options.slices, options.rounds)


if __name__ == "__main__":
    main()
