"""Measures the demonstration model on heads of its own painter and of two sketches that the repository does not hold.

Train one seed and measure it on all sets (writes FOLDER/ich-demo and FOLDER/figures.json):

    python benchmarks/demo_model/run.py train --seed 1 --out FOLDER --prototypes SKETCHES

Measure a bundle on the sets of the sketches, and on a real series if one is given:

    python benchmarks/demo_model/run.py measure --bundle model/bundled/ich-demo --prototypes SKETCHES [--series FOLDER]

Write the bundle that ships, with means over the seeds in card and manifest:

    python benchmarks/demo_model/run.py combine --figures 1/figures.json 2/figures.json 3/figures.json --ship 1 \\
        --bundle 1/ich-demo --out model/bundled/ich-demo
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sketches import PLANS, SketchSet, prepare_sketches

from hounsfield.model.bundle import Bundle, open_bundle
from hounsfield.model.train.demo.build import Model, build, measure, prepared_recipe, verdict
from hounsfield.model.train.demo.figures import Figures, combined
from hounsfield.model.train.demo.package import with_figures
from hounsfield.model.train.demo.recipe import Recipe
from hounsfield.model.train.demo.summary import Point


def main() -> int:
    chosen = _arguments()
    return int(chosen.run(chosen))


def _train(chosen: argparse.Namespace) -> int:
    recipe = prepared_recipe(chosen.seed, chosen.threads, smoke_only=chosen.smoke)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hounsfield-training-") as work:
        outcome = build(chosen.out / "ich-demo", recipe, chosen.created, Path(work))
    more = _on_sketches(outcome.bundle, chosen, recipe)
    figures = replace(outcome.figures, sets={**outcome.figures.sets, **more})
    with_figures(chosen.out / "ich-demo", outcome.bundle, recipe, figures)
    figures.write(chosen.out / "figures.json")
    _print(figures.sets)
    return verdict(outcome, chosen.smoke)


def _measure(chosen: argparse.Namespace) -> int:
    bundle = open_bundle(chosen.bundle)
    recipe = prepared_recipe(1, chosen.threads)
    if chosen.series is not None:
        _real(bundle, chosen.series)
    sets = _on_sketches(bundle, chosen, recipe)
    _print(sets)
    if chosen.json is not None:
        seed = bundle.manifest.provenance.seed or 0
        Figures(sets=sets, seeds=(seed,), ships=seed, seconds={}).write(chosen.json)
    return 0


def _combine(chosen: argparse.Namespace) -> int:
    figures = combined([Figures.read(path) for path in chosen.figures], chosen.ship)
    bundle = with_figures(chosen.out, open_bundle(chosen.bundle), Recipe(seed=chosen.ship), figures)
    if bundle.manifest.provenance.seed != open_bundle(chosen.bundle).manifest.provenance.seed:
        print(f"{chosen.bundle} was not trained with seed {chosen.ship}", file=sys.stderr)
        return 1
    _print(figures.sets)
    return 0


def _on_sketches(bundle: Bundle, chosen: argparse.Namespace, recipe: Recipe) -> dict[str, Any]:
    if chosen.prototypes is None:
        print("no --prototypes and no HOUNSFIELD_PROTOTYPES: only heads of our own painter", file=sys.stderr)
        return {}
    model, out = loaded(bundle), {}
    for which in SketchSet:
        with tempfile.TemporaryDirectory(prefix="hounsfield-sketches-") as work:
            data = prepare_sketches(
                Path(work) / which, which, chosen.prototypes, recipe.preprocessing, chosen.threads, _progress(which),
                chosen.heads,
            )  # fmt: skip
            out[str(which)] = measure(data, model).numbers()
    return out


def loaded(bundle: Bundle) -> Model:
    """Return both networks of a bundle and its thresholds."""
    import keras

    networks = (keras.saving.load_model(bundle.folder / name, compile=False) for name in NETWORKS)
    labels = bundle.manifest.output.labels
    return Model(*networks, tuple(Point(label.threshold, label.slice_threshold) for label in labels))


NETWORKS = ("model.keras", "sequence.keras")


def _real(bundle: Bundle, folder: Path) -> None:
    """Print what the bundle says of one axial series without tilt, as it is."""
    import pydicom

    from hounsfield.model.predictor import Predictor

    images = sorted(
        (pydicom.dcmread(path) for path in folder.rglob("*") if path.is_file() and pydicom.misc.is_dicom(path)),
        key=lambda image: float(image.ImagePositionPatient[2]),
    )
    heights = [float(image.ImagePositionPatient[2]) for image in images]
    hu = [
        np.rint(image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)).astype(np.int16)
        for image in images
    ]
    spacing = [tuple(float(mm) for mm in image.PixelSpacing) for image in images]
    answer = Predictor(bundle, "cpu").analyse(hu, spacing, np.diff(heights).tolist())
    for label, series, slices in zip(bundle.manifest.output.labels, answer.series, answer.slices.T, strict=True):
        highest = np.array2string(np.sort(slices)[::-1][:3], precision=3)
        print(f"{label.name}: series {series:.3f} (threshold {label.threshold}), highest slices {highest}")


def _progress(which: SketchSet) -> Any:
    def tell(count: int, of: int) -> None:
        if count % 40 == 0 or count == of:
            print(f"{which}: {count}/{of} heads of {PLANS[which].file}", file=sys.stderr)

    return tell


def _print(sets: Mapping[str, Mapping[str, Any]]) -> None:
    for name, figures in sets.items():
        print(f"\n== {name}")
        for figure, value in figures.items():
            shown = f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})" if isinstance(value, list) else value
            print(f"  {figure:32} {shown}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train, measuring, combining = (commands.add_parser(name) for name in ("train", "measure", "combine"))
    for command in (train, measuring):
        command.add_argument("--prototypes", type=Path, default=_from_environment(), help="folder of the sketches")
        command.add_argument("--threads", type=int, default=2)
        command.add_argument("--heads", type=int, help="of each sketch's set; all if not given")
    train.add_argument("--seed", type=int, required=True)
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--smoke", action="store_true", help="about a minute; the model is good for nothing")
    train.add_argument("--created", type=date.fromisoformat, default=datetime.now(UTC).date(), metavar="YYYY-MM-DD")
    train.set_defaults(run=_train)
    measuring.add_argument("--bundle", type=Path, required=True)
    measuring.add_argument("--series", type=Path, help="folder of one real axial series")
    measuring.add_argument("--json", type=Path)
    measuring.set_defaults(run=_measure)
    combining.add_argument("--figures", type=Path, nargs="+", required=True)
    combining.add_argument("--ship", type=int, default=1)
    combining.add_argument("--bundle", type=Path, required=True, help="of the seed that ships")
    combining.add_argument("--out", type=Path, required=True)
    combining.set_defaults(run=_combine)
    return parser.parse_args()


def _from_environment() -> Path | None:
    given = os.environ.get("HOUNSFIELD_PROTOTYPES")
    return Path(given) if given else None


if __name__ == "__main__":
    sys.exit(main())
