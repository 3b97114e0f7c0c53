"""Loads bundles for the worker as its jobs name them: self-tested and warm, or not served and said so."""

import gc
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from hounsfield.daemon.bundles.shelf import BundleShelf
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.worker import WorkerSettings
from hounsfield.daemon.errors import DaemonError
from hounsfield.daemon.pipeline.attempts import Leaving, batch_of
from hounsfield.daemon.pipeline.infer_stage import Served
from hounsfield.daemon.pipeline.serving_notes import ServingNote, ServingNotes, ServingState
from hounsfield.model.bundle import Bundle
from hounsfield.model.engines import ways
from hounsfield.model.errors import DeviceError, DeviceLost, ExplanationError, ModelError, OutOfModelMemory
from hounsfield.model.explain import Explainer, explainer_for
from hounsfield.model.predictor import Predictor
from hounsfield.model.selftest import selftest
from hounsfield.storage.components import Facts
from hounsfield.storage.states import Reason

log = structlog.get_logger("hounsfield.worker")

OF_THE_MACHINE = (DeviceError, DeviceLost, OutOfModelMemory)
"""Errors that say nothing about a bundle."""

Load = Callable[[Bundle, int], Served]
"""Loads a bundle for a number of slices at once. Raises NotServed, ModelError, or whatever a model makes it raise."""


class NotServed(DaemonError):
    """A bundle cannot be used here; its jobs end as not analysed for this reason."""

    remedy = ""

    def __init__(self, reason: Reason, problem: str) -> None:
        self.reason = reason
        super().__init__(problem)


class Models(Protocol):
    """What a worker needs of the models."""

    def get(self, sha256: str, attempt: int) -> Served:
        """Return the bundle with this digest, loaded for an attempt from 1 on. Raises as :data:`Load`."""

    def refresh(self) -> None:
        """Prepare for what was chosen meanwhile; called when there is nothing else to do."""


def usable_device(wanted: str, *, is_lost: bool) -> str:
    """Return which device to ask for; after a loss the CPU, unless the configuration insists on another one. Pure."""
    return "cpu" if wanted.lower() == "auto" and is_lost else wanted


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads, warms and tests one bundle on the worker's device."""

    settings: WorkerSettings
    choices: Path
    """Where it is remembered which way of running a model is the fastest here."""

    def __call__(self, bundle: Bundle, batch: int) -> Served:
        """Raises NotServed for a bundle that does not load or drifts, ModelError for a device in trouble."""
        facts = {"bundle": bundle.manifest.name, "version": bundle.manifest.version}
        try:
            predictor = self._predictor(bundle, batch)
            predictor.warm_up()
            test = selftest(bundle, predictor)
        except OF_THE_MACHINE:
            raise
        except ModelError as error:
            raise NotServed(Reason.MODEL_FAILED, str(error)) from error
        if not test.passed:
            words = f"its golden scores differ by {test.largest_difference:.2g} (allowed {test.tolerance:g})"
            raise NotServed(Reason.BUNDLE_DRIFTED, f"{bundle.label}: {words} on {predictor.device}")
        explainer = _explainer(predictor, facts)
        heatmaps = explainer.method if explainer else "none"
        seconds = round(test.seconds, 3)
        log.info(
            "bundle served",
            **facts,
            device=predictor.device,
            batch=batch,
            selftest_seconds=seconds,
            heatmaps=heatmaps,
        )
        return Served(bundle, predictor, explainer)

    def _predictor(self, bundle: Bundle, batch: int) -> Predictor:
        settings = self.settings
        return Predictor(
            bundle,
            device=settings.device,
            batch=batch,
            ways=ways(settings.precision, settings.xla),
            # A smaller batch follows on a failure: that is no time to measure, nor memory for it.
            choices=self.choices if batch == settings.batch else None,
            gpu_memory_bytes=settings.gpu_memory_bytes or None,
        )


def _explainer(predictor: Predictor, facts: Mapping[str, str]) -> Explainer | None:
    """Return what makes heatmaps, warm; without it pages say that there is none, and results are what they are."""
    try:
        return explainer_for(predictor)
    except ExplanationError as error:
        log.warning("no heatmaps for this bundle", **facts, error=str(error))
        return None


class LoadedModels:
    """Models by digest, loaded when a job names them; the most recently used stay in memory."""

    def __init__(
        self,
        *,
        shelf: BundleShelf,
        load: Load,
        notes: ServingNotes,
        batch: int,
        most: int,
        clock: Clock,
        patience_seconds: float = 600.0,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        """``batch`` is that of a first attempt; ``most`` is how many models stay.

        ``leave`` ends the process, with a status, when :meth:`prepare` has taken ``patience_seconds``: no lease runs
        out there, and whoever loads for ever would take no job.
        """
        self._shelf = shelf
        self._load = load
        self._notes = notes
        self._batch = batch
        self._most = most
        self._clock = clock
        self._patience = patience_seconds
        self._leave = leave
        self._held: OrderedDict[tuple[str, int], Served] = OrderedDict()
        self._refused: dict[str, NotServed] = {}
        self._standing: dict[str, dict[str, object]] = {}
        """By label of the bundle; replaced, never changed, for another thread reads it."""
        self._loads = 0

    def facts(self) -> Facts:
        """Return how each bundle fared when it was loaded last, and how often any was; for any thread."""
        return {"loads": self._loads, "held": len(self._held), "bundles": self._standing}

    def get(self, sha256: str, attempt: int) -> Served:
        """Return a loaded bundle; load it if it is not."""
        key = sha256, batch_of(attempt, self._batch)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        if sha256 in self._refused:
            raise self._refused[sha256]
        bundle = self._shelf.verified(sha256)
        if bundle is None:
            raise NotServed(Reason.BUNDLE_GONE, "the bundle is no longer installed, or was changed")
        self._make_room()
        self._held[key] = self._loaded(bundle, key[1])
        return self._held[key]

    def refresh(self) -> None:
        """Load what was chosen meanwhile. Raises StorageError, and DeviceError as :meth:`prepare`."""
        if self._shelf.refresh():
            self.prepare()

    def prepare(self) -> None:
        """Load what new jobs will name, so that the first of them does not wait for it.

        A bundle that cannot be loaded is told, and so are its jobs. Raises DeviceError: that concerns them all.
        """
        overdue = threading.Timer(self._patience, self._leave, (Leaving.HUNG,))
        overdue.daemon = True
        overdue.start()
        try:
            self._prepare()
        finally:
            overdue.cancel()

    def _prepare(self) -> None:
        self._refused.clear()
        for bundle in self._shelf.bundles[: self._most]:
            note = self._notes.of(bundle.sha256)
            if note is not None and note.state is ServingState.LOADING:
                # Whoever began to load it ended over it. A job has its attempts counted; a start has not.
                log.warning("a worker ended while it loaded this bundle: left to its first job", bundle=bundle.label)
                continue
            try:
                self.get(bundle.sha256, 1)
            except NotServed:
                continue  # has been told
            except DeviceError:
                raise
            except Exception as error:
                # Whatever a model makes its libraries raise: each of its jobs finds out anew, and has it counted.
                log.exception("bundle not loaded yet", bundle=bundle.label, error=type(error).__name__)

    def _make_room(self) -> None:
        if len(self._held) < self._most:
            return
        while len(self._held) >= self._most:
            self._held.popitem(last=False)
        # The worker froze what it had loaded at its start: without this the old model would stay for good.
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _loaded(self, bundle: Bundle, batch: int) -> Served:
        self._note(bundle, ServingState.LOADING)
        self._loads += 1
        try:
            served = self._load(bundle, batch)
        except NotServed as error:
            drifted = error.reason is Reason.BUNDLE_DRIFTED
            self._note(bundle, ServingState.DRIFTED if drifted else ServingState.REFUSED, error.problem)
            log.error("bundle not served", bundle=bundle.label, error=error.problem)
            self._refused[bundle.sha256] = error
            raise
        except Exception as error:
            self._note(bundle, ServingState.REFUSED, type(error).__name__)
            raise
        self._note(bundle, ServingState.SERVED, str(served.predictor.device))
        return served

    def _note(self, bundle: Bundle, state: ServingState, words: str = "") -> None:
        device = words if state is ServingState.SERVED else None
        self._standing = {**self._standing, bundle.label: {"state": str(state), "device": device}}
        try:
            self._notes.put(bundle.sha256, ServingNote(state=state, at=self._clock.now(), words=words))
        except OSError as error:  # a note for people; the disk has its own alarm
            log.warning("what became of a bundle could not be written down", error=error.strerror)
