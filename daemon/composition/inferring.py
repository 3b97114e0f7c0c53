"""What analyses: the only builders that TensorFlow is imported for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hounsfield.daemon.composition.basis import Basis
from hounsfield.daemon.errors import ConfigurationError
from hounsfield.storage.components import Facts

if TYPE_CHECKING:
    from hounsfield.daemon.pipeline.serving import LoadedModels
    from hounsfield.daemon.pipeline.serving_notes import ServingNotes
    from hounsfield.daemon.pipeline.worker import Worker
    from hounsfield.storage.spool_files import SpoolFiles


Tell = Callable[[Callable[[], Facts]], object]
"""Takes what is asked for facts about a part, again and again, from another thread."""


class Inferring(Basis):
    """The worker."""

    def worker(self, tell: Tell = lambda _: None) -> "Worker":
        """Build the worker: loads, self-tests and warms the bundles of new jobs (takes seconds).

        ``tell`` is given what says how they fare. Raises ConfigurationError for a device that is not there.
        """
        from hounsfield.daemon.pipeline.infer_stage import InferStage
        from hounsfield.daemon.pipeline.serving_notes import ServingNotes
        from hounsfield.daemon.pipeline.worker import HungJobs, Worker

        jobs, rescuer, notes = self.database.jobs, self.rescuer(), ServingNotes(self.home)
        stage = InferStage(
            settings=self.settings,
            series=self.database.series,
            jobs=jobs,
            spool=self._worker_files(),
            reporter=self.reporter(),
            clock=self.clock,
        )
        stage.warm_up()
        return Worker(
            name=self.process_name,
            jobs=jobs,
            stage=stage,
            rescuer=rescuer,
            keeper=self._keeper(HungJobs(rescuer).end),
            clock=self.clock,
            models=self._models(notes, tell),
            notes=notes,
            lines=self.job_lines,
        )

    def _models(self, notes: "ServingNotes", tell: Tell) -> "LoadedModels":
        from hounsfield.daemon.pipeline.serving import LoadedModels, Loader, usable_device
        from hounsfield.model.errors import DeviceError
        from hounsfield.model.runtime import import_quietly

        import_quietly()  # our own log has another descriptor: `hounsfield.daemon.logs`
        worker = self.settings.worker
        device = usable_device(worker.device, is_lost=notes.is_device_lost(self.clock.now()))
        models = LoadedModels(
            shelf=self.shelf,
            load=Loader(worker.model_copy(update={"device": device}), self.home / "tuning.json"),
            notes=notes,
            batch=worker.batch,
            most=worker.bundles_loaded,
            clock=self.clock,
            patience_seconds=worker.job_timeout_seconds,
        )
        tell(models.facts)
        try:
            models.prepare()
        except DeviceError as error:
            allowed = '"auto" takes what is there, in the end the CPU'
            raise ConfigurationError((self.settings.origin.problem("worker.device", str(error), allowed),)) from error
        return models

    def _worker_files(self) -> "SpoolFiles":
        """Received files for the worker, which may keep copies on a disk of its own."""
        storage = self.settings.storage
        if storage.cache is None:
            return self.spool_files
        from hounsfield.storage.spool_cache import IN_USE_SECONDS, CachedFiles

        in_use = max(IN_USE_SECONDS, 2 * self.settings.worker.job_timeout_seconds)
        return CachedFiles(self.spool_files, storage.cache, storage.cache_bytes, in_use_seconds=in_use)
