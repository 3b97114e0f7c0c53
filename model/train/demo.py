"""Trains the demonstration bundle on generated phantoms and evaluates it on phantoms never seen.

``python -m hounsfield.model.train.demo --out FOLDER --seed 1``; ``--smoke`` is a variant of about a minute for
continuous integration, whose model is good for nothing.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.model.bundle import Bundle
from hounsfield.model.evaluate.brightness import RULES
from hounsfield.model.evaluate.summary import OperatingPoint, ScoredSet, Summary, choose_thresholds, summarise
from hounsfield.model.networks import export_scores
from hounsfield.model.train.fit import predict, set_threads, settle, train
from hounsfield.model.train.heads import HeadPlan, Purpose, Slices, limit_threads_of_children, prepare_set
from hounsfield.model.train.package import AGGREGATION, Trained, write_demonstration
from hounsfield.model.train.recipe import REQUIRED_AUC, REQUIRED_GAIN, SPECIFICITY, Recipe, smoke

log = logging.getLogger("hounsfield.train")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run made and how good it is."""

    bundle: Bundle
    point: OperatingPoint
    test: Summary
    hard: Summary
    training_seconds: float

    @property
    def shippable(self) -> bool:
        """Whether the held-out figures are what the product asks for."""
        return self.test.slice_auc.value >= REQUIRED_AUC and self.test.gain.value >= REQUIRED_GAIN


def build(out: Path, recipe: Recipe, created: date) -> Outcome:
    """Draw phantoms, train, evaluate and write the bundle into ``out``."""
    settle(recipe.seed)
    started = time.perf_counter()
    slices = _drawn(Purpose.TRAINING, recipe.training_heads, recipe)
    log.info("training: %d steps of %d slices", recipe.steps, recipe.batch)
    trained_at = time.perf_counter()
    model = train(slices, recipe, lambda step, loss: log.info("step %d/%d, loss %.4f", step, recipe.steps, loss))
    training_seconds = time.perf_counter() - trained_at
    log.info("trained in %.0f s", training_seconds)
    del slices
    validation, test, hard = (
        _scored(model, _drawn(purpose, count, recipe))
        for purpose, count in (
            (Purpose.VALIDATION, recipe.validation_heads),
            (Purpose.TEST, recipe.test_heads),
            (Purpose.HARD, recipe.hard_heads),
        )
    )
    point = choose_thresholds(validation, AGGREGATION, SPECIFICITY)
    figures, hard_figures = (summarise(scored, RULES, AGGREGATION, point) for scored in (test, hard))
    result = Trained(export_scores(model), recipe, point, figures, hard_figures, created)
    bundle = write_demonstration(out, result)
    log.info("done in %.0f s: %s", time.perf_counter() - started, out)
    return Outcome(bundle, point, figures, hard_figures, training_seconds)


def _drawn(purpose: Purpose, count: int, recipe: Recipe) -> Slices:
    plans = [HeadPlan(purpose, number, recipe.seed) for number in range(count)]
    parts = []
    for part in prepare_set(plans, recipe.preprocessing, recipe.processes):
        parts.append(part)
        if len(parts) % 40 == 0 or len(parts) == count:
            log.info("%s heads drawn: %d/%d", purpose.name.lower(), len(parts), count)
    return Slices.joined(parts)


def _scored(model: Any, slices: Slices) -> ScoredSet:
    return ScoredSet(
        scores=predict(model, slices.tensors)[:, 0],
        lesion_mm2=slices.lesion_mm2,
        brain_mm2=slices.brain_mm2,
        rules=slices.rules,
        heads=slices.heads,
        kinds=slices.kinds,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 1 if the figures are not what the product asks for."""
    parser = argparse.ArgumentParser(prog="python -m hounsfield.model.train.demo", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder of the bundle (written over); with --smoke a temporary one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="about a minute, for continuous integration")
    parser.add_argument("--created", type=date.fromisoformat, default=datetime.now(UTC).date(), metavar="YYYY-MM-DD")
    parser.add_argument("--threads", type=int, default=2, help="of TensorFlow, and processes that draw phantoms")
    chosen = parser.parse_args(arguments)
    if chosen.out is None and not chosen.smoke:
        parser.error("--out is needed, except with --smoke")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    limit_threads_of_children()
    set_threads(chosen.threads)
    recipe = smoke(chosen.seed) if chosen.smoke else Recipe(seed=chosen.seed)
    recipe = replace(recipe, processes=chosen.threads)
    with tempfile.TemporaryDirectory(prefix="hounsfield-smoke-") as temporary:
        outcome = build(chosen.out or Path(temporary) / "ich-demo", recipe, chosen.created)
        return _verdict(outcome, chosen.smoke)


def _verdict(outcome: Outcome, smoke_only: bool) -> int:
    for name, summary in (("held out", outcome.test), ("hard", outcome.hard)):
        log.info("%s: slice AUC %s, best brightness rule %s (%s)", name, summary.slice_auc, summary.best_rule_auc,
                 summary.best_rule)  # fmt: skip
        log.info("%s: series AUC %s, sensitivity %s, specificity %s", name, summary.series_auc,
                 summary.series_sensitivity, summary.series_specificity)  # fmt: skip
    if smoke_only:
        finite = bool(np.isfinite(outcome.test.slice_auc.value))
        return 0 if finite else 1
    if not outcome.shippable:
        log.error("slice AUC must be %.2f or more and %.2f above the best rule", REQUIRED_AUC, REQUIRED_GAIN)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
