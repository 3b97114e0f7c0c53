"""Trains the demonstration bundle on generated phantoms and evaluates it on phantoms never seen.

``python -m hounsfield.model.train.demo --out FOLDER --seed 1``; ``--smoke`` is a variant of half a minute for
continuous integration, whose model is good for nothing.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.model.bundle import Bundle
from hounsfield.model.data.phantoms import HeadPlan, Purpose, limit_threads_of_children, prepare_phantoms
from hounsfield.model.data.prepared import Prepared
from hounsfield.model.evaluate.calibrate import fit_calibration, fold_into
from hounsfield.model.evaluate.cases import Level
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.summary import Point, Summary, choose_points, scored, summarise
from hounsfield.model.networks import export_encoder
from hounsfield.model.networks.sequence import SERIES, SLICES
from hounsfield.model.train.figures import Figures
from hounsfield.model.train.fit import set_threads, settle, train_encoder
from hounsfield.model.train.package import Trained, write_demonstration
from hounsfield.model.train.recipe import REQUIRED_AUC, REQUIRED_GAIN, SPECIFICITY, Recipe, smoke
from hounsfield.model.train.vectors import Read, read, scores, train_sequence

log = logging.getLogger("hounsfield.train")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run made and how good it is."""

    bundle: Bundle
    test: Summary
    hard: Summary
    figures: Figures

    @property
    def shippable(self) -> bool:
        """Whether the held-out figures are what the product asks for."""
        return self.test.slice_auc.value >= REQUIRED_AUC and self.test.gain.value >= REQUIRED_GAIN


@dataclass(frozen=True, slots=True)
class Model:
    """Both networks, calibrated, and the thresholds of each label."""

    encoder: Any
    sequence: Any
    points: tuple[Point, ...]


class Run:
    """One training; ``work`` is where heads lie while they are needed."""

    def __init__(self, recipe: Recipe, work: Path) -> None:
        self.recipe, self._work = recipe, work
        self.seconds: dict[str, float] = {}

    @contextmanager
    def heads(self, purpose: Purpose, count: int) -> Iterator[Prepared]:
        """Draw a set; it is gone afterwards."""
        folder, recipe = self._work / purpose.name.lower(), self.recipe
        plans = [HeadPlan(purpose, number, recipe.seed) for number in range(count)]
        with self._timed(f"drawing {purpose.name.lower()}"):
            data = prepare_phantoms(folder, plans, recipe.preprocessing, recipe.processes, _drawn(purpose))
        try:
            yield data
        finally:
            shutil.rmtree(folder)

    def train(self) -> Model:
        """Train, calibrate, and choose the thresholds."""
        recipe = self.recipe
        with self.heads(Purpose.TRAINING, recipe.training_heads) as data:
            with self._timed("training slices"):
                encoder = export_encoder(train_encoder(data, recipe, _step("slices", recipe.steps)))
            with self._timed("vectors"):
                known = read(encoder, data, 1, recipe.seed)
        sequence = self._train_sequence(encoder, known)
        with self.heads(Purpose.VALIDATION, recipe.validation_heads) as data:
            self._calibrate(encoder, sequence, data)
            return Model(encoder, sequence, choose_points(scored(data, *scores(encoder, sequence, data)), SPECIFICITY))

    def _train_sequence(self, encoder: Any, known: list[Read]) -> Any:
        recipe = self.recipe
        with self.heads(Purpose.SEQUENCE, recipe.sequence_heads) as data, self._timed("vectors"):
            fresh = read(encoder, data, recipe.views, recipe.seed)
        with self._timed("training series"):
            return train_sequence(fresh + known, recipe, _step("series", recipe.sequence_steps))

    def _calibrate(self, encoder: Any, sequence: Any, data: Prepared) -> None:
        given = scored(data, *scores(encoder, sequence, data))
        for level, layer in ((Level.SLICE, SLICES), (Level.SERIES, SERIES)):
            found = fit_calibration(given, level)
            fold_into(sequence, layer, found.slope, found.offset)

    def measured(self, purpose: Purpose, count: int, model: Model) -> Summary:
        """Return the figures of a set that nothing was chosen on."""
        with self.heads(purpose, count) as data:
            return measure(data, model)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[what] = round(self.seconds.get(what, 0.0) + time.perf_counter() - started, 1)
        log.info("%s: %.0f s", what, self.seconds[what])


def measure(data: Prepared, model: Model) -> Summary:
    """Return all figures of a model on a set that was prepared with brightness rules."""
    given: Scored = scored(data, *scores(model.encoder, model.sequence, data))
    return summarise(given, data.index.extra["brightness"], model.points[0])


def build(out: Path, recipe: Recipe, created: date, work: Path) -> Outcome:
    """Draw phantoms, train, evaluate and write the bundle into ``out``."""
    settle(recipe.seed)
    run, started = Run(recipe, work), time.perf_counter()
    model = run.train()
    test = run.measured(Purpose.TEST, recipe.test_heads, model)
    hard = run.measured(Purpose.HARD, recipe.hard_heads, model)
    run.seconds["all"] = round(time.perf_counter() - started, 1)
    figures = Figures(
        sets={"held_out": test.numbers(), "hard": hard.numbers()},
        seeds=(recipe.seed,),
        ships=recipe.seed,
        seconds=run.seconds,
    )
    made = Trained(model.encoder, model.sequence, recipe, model.points, figures, created)
    bundle = write_demonstration(out, made)
    log.info("done in %.0f s: %s", run.seconds["all"], out)
    return Outcome(bundle, test, hard, figures)


def _drawn(purpose: Purpose) -> Any:
    def tell(count: int, of: int) -> None:
        if count % 40 == 0 or count == of:
            log.info("%s heads drawn: %d/%d", purpose.name.lower(), count, of)

    return tell


def _step(what: str, of: int) -> Any:
    return lambda step, loss: log.info("%s: step %d/%d, loss %.4f", what, step, of, loss)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 1 if the figures are not what the product asks for."""
    parser = argparse.ArgumentParser(prog="python -m hounsfield.model.train.demo", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder of the bundle (written over); with --smoke a temporary one")
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    parser.add_argument("--smoke", action="store_true", help="half a minute, for continuous integration")
    parser.add_argument("--created", type=date.fromisoformat, default=datetime.now(UTC).date(), metavar="YYYY-MM-DD")
    parser.add_argument("--threads", type=int, default=2, help="of TensorFlow, and processes that draw phantoms")
    chosen = parser.parse_args(arguments)
    if chosen.out is None and not chosen.smoke:
        parser.error("--out is needed, except with --smoke")
    recipe = prepared_recipe(chosen.seed, chosen.threads, smoke_only=chosen.smoke)
    with tempfile.TemporaryDirectory(prefix="hounsfield-training-") as temporary:
        work = Path(temporary)
        outcome = build(chosen.out or work / "ich-demo", recipe, chosen.created, work)
        return verdict(outcome, chosen.smoke)


def prepared_recipe(seed: int, threads: int, *, smoke_only: bool = False) -> Recipe:
    """Set the process up (log, threads) and return the recipe."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    limit_threads_of_children()
    set_threads(threads)
    return replace(smoke(seed) if smoke_only else Recipe(seed=seed), processes=threads)


def verdict(outcome: Outcome, smoke_only: bool) -> int:
    """Log the main figures and return the exit code."""
    for name, summary in (("held out", outcome.test), ("hard", outcome.hard)):
        log.info("%s: slice AUC %s, best brightness rule %s (%s)", name, summary.slice_auc, summary.best_rule_auc,
                 summary.best_rule)  # fmt: skip
        log.info("%s: series AUC %s, sensitivity %s, specificity %s", name, summary.series_auc,
                 summary.series_sensitivity, summary.series_specificity)  # fmt: skip
    if smoke_only:
        return 0 if np.isfinite(outcome.test.slice_auc.value) else 1
    if not outcome.shippable:
        log.error("slice AUC must be %.2f or more and %.2f above the best rule", REQUIRED_AUC, REQUIRED_GAIN)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
