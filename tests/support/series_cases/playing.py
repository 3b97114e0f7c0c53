"""Plays mixtures: sends them as they come, decides and works in between, and looks at what was promised."""

import itertools
import logging
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pydicom.config
import structlog
from pydicom import Dataset
from support.bench import LOOPBACK_PACS
from support.series_cases.heads import changed
from support.series_cases.mixtures import Mixture, NumberReader, mixture
from support.series_cases.promises import broken_promises
from support.series_cases.ward import Model, Ward

from hounsfield.daemon.assembly.identities import IsolatedIdentityReader
from hounsfield.model.identity import InstanceIdentity, instance_identity
from hounsfield.storage.states import AssociationEnding, SeriesState

_SYNTAXES = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5")
_RULES: tuple[dict[str, Any], ...] = (
    {},
    {"rule": [{"name": "all", "bundle": "tiny", "per_study": "all"}]},
    {"rule": [{"name": "best", "bundle": "tiny", "wait_seconds": 20.0}]},
)


def play(ward: Ward, mixed: Mixture) -> None:
    """Send the mixture over associations as they come, with decisions, work and restarts in between."""
    chosen = mixed.random
    images = list(mixed.images)
    if mixed.chance(0.7):
        chosen.shuffle(images)
    cuts = sorted(chosen.randint(0, len(images)) for _ in range(chosen.choice((0, 1, 2, 3))))
    for begin, end in itertools.pairwise([0, *cuts, len(images)]):
        _send(ward, mixed, images[begin:end])
        _meanwhile(ward, mixed)
    _finish(ward)
    if mixed.chance(0.15):
        mixed.ingredients.add("forwarded again")
        ward.send(changed(images, StudyDescription="COERCED head"), syntax=_syntax(mixed), calling_ae="PACS")
        _finish(ward)
    if mixed.chance(0.1):
        mixed.ingredients.add("own results back")
        association = ward.call("PACS")
        for job in ward.jobs()[-3:]:
            for path in ward.files_of(job):
                ward.store_file(path, association, calling_ae="PACS")
        ward.end(association)
        _finish(ward)
    if mixed.chance(0.3):
        _release(ward, mixed)
        _finish(ward)


def _send(ward: Ward, mixed: Mixture, images: Sequence[Dataset]) -> None:
    """Over one association, or over two at once."""
    ending = AssociationEnding.ABORTED if mixed.chance(0.1) else AssociationEnding.RELEASED
    if mixed.chance(0.8):
        ward.send(images, ending=ending, syntax=_syntax(mixed))
        return
    mixed.ingredients.add("in parallel")
    lines = ward.call(), ward.call()
    for image in images:
        ward.store(image, mixed.random.choice(lines))
    for line in lines:
        ward.end(line, ending)


def _release(ward: Ward, mixed: Mixture) -> None:
    """A person releases whatever is held."""
    store = ward.bench.app.database.series
    names = {str(image.SeriesInstanceUID) for image in mixed.images}
    for series in ward.series():
        if series.series_uid in names and series.state is SeriesState.HELD:
            mixed.ingredients.add("released")
            store.release(series.id, ward.bench.clock.now(), "anna")


def _syntax(mixed: Mixture) -> str:
    if mixed.chance(0.06):
        mixed.ingredients.add("compressed")
        return mixed.random.choice(_SYNTAXES)
    return "1.2.840.10008.1.2.1"


def _meanwhile(ward: Ward, mixed: Mixture) -> None:
    ward.bench.clock.advance(mixed.random.choice((0.0, 1.0, 6.0, 12.0, 120.0)))
    if mixed.chance(0.6):
        ward.bench.assembler.tick()
    if mixed.chance(0.4):
        ward.worker.work_one()
    if mixed.chance(0.05):
        mixed.ingredients.add("restarted")
        ward.reconfigure()


def _finish(ward: Ward) -> None:
    for _ in range(3):
        ward.settle()
        ward.work()


def _identities(_: IsolatedIdentityReader, paths: Sequence[Path]) -> dict[Path, InstanceIdentity]:
    return {path: instance_identity(path) for path in paths}


@contextmanager
def quick() -> Iterator[None]:
    """Leave out what is tested elsewhere and takes long: pages, waiting for the disk, a process for each comparison.

    The log says nothing: what is held here is held on purpose.
    """
    reporting = "hounsfield.daemon.pipeline.reporting"
    with ExitStack() as stack:
        stack.enter_context(patch(f"{reporting}.render_pages", lambda *_, **__: (np.zeros((1, 1, 3), np.uint8),)))
        stack.enter_context(patch(f"{reporting}.write_png", lambda *_: None))
        stack.enter_context(patch.object(IsolatedIdentityReader, "read", _identities))
        stack.enter_context(patch.object(pydicom.config.settings, "_reading_validation_mode", pydicom.config.IGNORE))
        stack.enter_context(patch.object(pydicom.config.settings, "_writing_validation_mode", pydicom.config.IGNORE))
        stack.callback(structlog.configure, **structlog.get_config())
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        stack.enter_context(patch("os.fsync", lambda _: None))
        stack.enter_context(patch("os.fdatasync", lambda _: None))
        yield


def new_ward(folder: Path, chosen: random.Random, model: Model | None = None) -> Ward:
    """Return a ward for a number of mixtures."""
    folder.mkdir(parents=True)
    scope = {"slices": [4, 40], "preference": {"kernel": ["H30", "STANDARD"], "thickness_mm": 5.0}}
    if chosen.random() < 0.8:
        scope["sop_classes"] = ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"]
    return Ward(folder, scope, chosen.choice(_RULES), ({**LOOPBACK_PACS, "results": ["sr"]},), model or NumberReader())


@dataclass
class Tally:
    """What a run of mixtures came to."""

    mixtures: int = 0
    results: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Of results, by outcome and reason; of series without one, by state and reason."""
    ingredients: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept, with the seed that shows it."""


PER_WARD = 20
"""Mixtures that share a home: series of other mixtures lie beside each one's."""


def run(seeds: Sequence[int], folder: Path, model: Model | None = None) -> Tally:
    """Play the mixtures of these seeds; ``model`` stands in the place of the one that reads the numbers."""
    tally = Tally()
    with quick():
        for first in range(0, len(seeds), PER_WARD):
            _run_batch(seeds[first : first + PER_WARD], folder, tally, model)
    return tally


def _run_batch(seeds: Sequence[int], folder: Path, tally: Tally, model: Model | None) -> None:
    home = folder / f"ward-{seeds[0]}"
    ward = new_ward(home, random.Random(seeds[0]), model)
    try:
        last = 0
        for seed in seeds:
            mixed = mixture(random.Random(seed), f"m{seed}")
            play(ward, mixed)
            tally.broken += [f"seed {seed}: {words}" for words in broken_promises(ward, mixed, after=last)]
            last = max([last, *(job.id for job in ward.jobs())])
            tally.mixtures += 1
            tally.ingredients.update(mixed.ingredients)
        tally.outcomes.update(_outcomes(ward))
        tally.results += len(ward.jobs())
    finally:
        ward.close()
        shutil.rmtree(home)


def _outcomes(ward: Ward) -> Iterator[str]:
    for job in ward.jobs():
        yield f"{job.outcome or job.state}{f' ({job.reason})' if job.reason else ''}"
    for series in ward.series():
        if series.state is not SeriesState.CLOSED:
            yield f"{series.state} ({series.reason})"
