"""A whole training, from a configuration to a bundle, in one folder that says how far it is.

::

    RUN/
      run.json          what is trained on what; another configuration is refused here
      split.csv         which patient is in which part
      checkpoints/      where each stage stands, and its best weights so far
      logs/             for TensorBoard, if asked for
      vectors.npy       slice-sequence: what the second stage reads
      validation.npz    scores of the parts that were not trained on, for `hounsfield evaluate`
      test.npz
      bundle/           what the daemon serves
      result.json       figures; the last file that is written
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hounsfield.model.bundle_guard import sha256_of
from hounsfield.model.data.prepared import ABOUT, INDEX, Prepared
from hounsfield.model.errors import TrainingError
from hounsfield.model.evaluate.card import metrics as card_metrics
from hounsfield.model.evaluate.figures import evaluate
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.scores_file import ScoresFile, write_scores
from hounsfield.model.evaluate.thresholds import Thresholds, choose_thresholds
from hounsfield.model.networks import export_encoder
from hounsfield.model.train.board import board
from hounsfield.model.train.checkpoint import State
from hounsfield.model.train.config import TrainConfig
from hounsfield.model.train.devices import settle
from hounsfield.model.train.export import Exported, Scorer, calibrate, exported
from hounsfield.model.train.loop import Hooks, Plan, Stage, fit
from hounsfield.model.train.packing import Packed, check_bundle_choice, write_trained
from hounsfield.model.train.scoring import compiled_for
from hounsfield.model.train.sequence_stage import SequenceStage, step_range, write_vectors
from hounsfield.model.train.slice_stage import Material, SliceStage
from hounsfield.model.train.split import Part, split_series, write_split
from hounsfield.model.train.trained_card import trained_card
from hounsfield.model.train.view import View

RESULT, RUN, BUNDLE = "result.json", "run.json", "bundle"
DEFAULT_SENSITIVITY = 0.95
_NO_MATTER: Any = {
    "bundle": True,
    "data": {"prepared"},
    "split": {"file"},
    "network": {"weights"},
    "training": {"threads", "checkpoint_seconds", "tensorboard"},
}
"""What may change while a training is under way: it changes no weight. Of files the content counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out."""

    folder: Path
    bundle: Path | None
    figures: Mapping[str, Any]
    """As ``result.json`` has them."""


def train(config: TrainConfig, folder: Path, hooks: Hooks, created: date) -> Result:
    """Train, or go on with what stands in ``folder``, and write the bundle.

    The same configuration, data and seed give the same bundle on the same machine, whether it was interrupted or not.
    Raises TrainingError (TrainingStopped if ``hooks.stop`` said so), DataError for the data set, ManifestError for
    what ``[bundle]`` says.
    """
    view = View.of(Prepared.open(config.data.prepared), config.data)
    check_bundle_choice(config, view)
    _check_libraries(config)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        fingerprint = _claim(folder, config)
        if (found := finished(folder, fingerprint)) is not None:
            return found
        material = _material(config, view, folder)
        logs = board(folder / "logs", hooks) if config.training.tensorboard else nullcontext(hooks)
        with logs as watched:
            model, states = _stages(material, folder, watched)
        return _finish(material, folder, model, states, fingerprint, created)


def _check_libraries(config: TrainConfig) -> None:
    """Say at the beginning what would be missing at the end."""
    wanted = {
        "tensorboard": config.training.tensorboard,
        "sklearn": config.bundle is not None and config.bundle.calibrate and config.network.activation == "sigmoid",
    }
    for name, needed in wanted.items():
        if needed and find_spec(name) is None:
            what = "training.tensorboard" if name == "tensorboard" else "bundle.calibrate"
            words = f"{what} needs {name}, which is not installed: install the extra `train` (docs/supply-chain.md)"
            raise TrainingError(f"{words}, or set it to false")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder; the lock goes with the process, however it ends."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(f"{folder}: another training is at work in this folder") from error
        yield


def _claim(folder: Path, config: TrainConfig) -> str:
    """Note what is trained here; return the fingerprint of what is to come out, which is another for another bundle.

    Raises TrainingError if the folder holds another training.
    """
    choices = config.model_dump(mode="json", exclude=_NO_MATTER)
    prepared = config.data.prepared
    files = [prepared / ABOUT, prepared / INDEX, config.split.file, config.network.weights]
    own = _digest(choices, [_content(file) for file in files])
    path = folder / RUN
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{path}: cannot be read ({type(error).__name__}); choose another folder") from error
        if before != own:
            words = "holds a training with another configuration or other data; choose another folder or remove it"
            raise TrainingError(f"{folder}: {words}")
    else:
        _write_json(path, {"fingerprint": own, "configuration": choices})
    return _digest(own, config.bundle.model_dump(mode="json") if config.bundle else None)


def _digest(*parts: Any) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _content(file: Path | None) -> str | None:
    try:
        return None if file is None else sha256_of(file)
    except OSError as error:
        raise TrainingError(f"{file}: cannot be read ({error.strerror})") from error


def finished(folder: Path, fingerprint: str | None = None) -> Result | None:
    """Return what a folder holds if its training is done (and is the one with this fingerprint)."""
    try:
        figures = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        bundle = folder / figures["bundle"] if figures["bundle"] else None
        if fingerprint not in (None, figures["fingerprint"]):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Result(folder=folder, bundle=bundle, figures=figures)


def _material(config: TrainConfig, view: View, folder: Path) -> Material:
    split = split_series(view.prepared.index, view.series_truth, config.split)
    write_split(folder / "split.csv", view.prepared.index, split)
    return Material(config, view, split, settle(config.training))


def _stages(material: Material, folder: Path, hooks: Hooks) -> tuple[Exported, dict[str, State]]:
    """Train the slice network and, with two stages, the sequence network on what it makes of all slices."""
    slices = SliceStage(material)
    states = {slices.name: _fit(slices, material, folder, hooks)}
    if not material.config.two_stages:
        return exported(material, slices, None, None), states
    steps = step_range(material.view, material.split.series(Part.TRAIN), material.config.sequence)
    encoder = export_encoder(exported(material, slices, None, None).network)
    call = compiled_for(lambda images: encoder(images, training=False), material.view)
    series = SequenceStage(material, write_vectors(folder / "vectors.npy", call, material.view), steps)
    states[series.name] = _fit(series, material, folder, hooks)
    return exported(material, slices, series, steps), states


def _fit(stage: Stage, material: Material, folder: Path, hooks: Hooks) -> State:
    choice = material.config.training
    plan = Plan(
        folder=folder / "checkpoints",
        patience=choice.patience,
        monitor=choice.monitor,
        checkpoint_seconds=choice.checkpoint_seconds,
    )
    return fit(stage, plan, hooks)


def _finish(
    material: Material,
    folder: Path,
    model: Exported,
    states: Mapping[str, State],
    fingerprint: str,
    created: date,
) -> Result:
    config = material.config
    bundle = config.bundle
    score = Scorer(material, model)
    validation = score(material.split.series(Part.VALIDATION))
    if bundle is not None and bundle.calibrate and config.network.activation == "sigmoid":
        calibrate(model, validation)
        validation = score(material.split.series(Part.VALIDATION))
    sensitivity = bundle.sensitivity if bundle else DEFAULT_SENSITIVITY
    thresholds = choose_thresholds(validation, sensitivity)
    series = material.split.series(Part.TEST)
    test = score(series) if len(series) else None
    parts = {Part.VALIDATION: validation} | ({Part.TEST: test} if test else {})
    evaluations = {part: evaluate(scored, thresholds) for part, scored in parts.items()}
    metrics = {str(part): card_metrics(one, f"{part} part") for part, one in evaluations.items()}
    _write_scores(folder, material, thresholds, parts)
    if bundle is not None:
        last = Part.TEST if test else Part.VALIDATION
        card = trained_card(material, model, evaluations[last], last)
        packed = Packed(config=config, view=material.view, model=model, thresholds=thresholds, metrics=metrics,
                        card=card, created=created)  # fmt: skip
        write_trained(folder / BUNDLE, packed)
    figures: dict[str, Any] = {
        "fingerprint": fingerprint,
        "bundle": BUNDLE if bundle else None,
        "parameters": model.parameters,
        "seconds": round(sum(one.seconds for one in states.values()), 1),
        "stages": {name: {"epochs": one.epoch, "best_epoch": one.best_epoch, "history": one.history}
                   for name, one in states.items()},
        "metrics": metrics,
    }  # fmt: skip
    _write_json(folder / RESULT, figures)
    return Result(folder=folder, bundle=folder / BUNDLE if bundle else None, figures=figures)


def _write_scores(folder: Path, material: Material, thresholds: Thresholds, parts: Mapping[Part, Scored]) -> None:
    bundle = material.config.bundle
    name = f"{bundle.name} {bundle.version}" if bundle else material.config.network.name
    for part, scored in parts.items():
        source = f"{part} part of: {material.view.prepared.about.source or 'a prepared data set'}"
        content = ScoresFile(scored=scored, thresholds=thresholds, bundle=name, source=source)
        write_scores(folder / f"{part}.npz", content)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
