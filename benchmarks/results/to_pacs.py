"""From the last image that was acknowledged to the results in the PACS, without the quiet period.

Ours is off: a series is closed as soon as its association is released. dicom-ai-router waits for silence only, so its
wait is taken off; a shorter one would have it analyse half a series.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from common.router import AE_TITLE as ROUTER_AE
from common.router import router
from instant import instant_model
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, build_context
from support.daemon import Daemon
from support.peers import Orthanc, orthanc

from hounsfield.daemon.association.reactor import steady
from hounsfield.storage.engine import open_database
from hounsfield.storage.records import JobFilter, JobRecord
from hounsfield.storage.states import JobKind

LONGEST_SECONDS = 120.0
LOOK_SECONDS = 0.03
"""Looking costs the PACS time too."""
QUIET_SECONDS = 2.0
"""Of the router."""
ROUTER_OBJECTS = 2
"""It sends a report and a key image."""
WITHOUT_QUIET = {
    "HOUNSFIELD_ASSEMBLY__QUIET_SECONDS": "5",
    "HOUNSFIELD_ASSEMBLY__RELEASED_SECONDS": "0",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Seconds of one series."""

    total: float
    """From the last image acknowledged to the last object in the PACS."""
    stages: dict[str, float] = field(default_factory=dict)
    """What our job log says of the parts."""

    @property
    def without_model(self) -> float:
        """All but scoring, with reading and preprocessing beside it, and heatmaps."""
        return self.total - self.stages.get("infer", 0.0) - self.stages.get("explain", 0.0)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who takes the images and sends results to the PACS."""

    name: str
    port: int
    ae_title: str
    pacs: Orthanc
    quiet_seconds: float = 0.0
    """To be taken off."""
    daemon: Daemon | None = None


@contextmanager
def ours(folder: Path, settings: dict[str, str]) -> Iterator[Receiver]:
    """Run Hounsfield with an Orthanc of its own and the demonstration model."""
    with orthanc(folder / "pacs") as pacs:
        destination = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
        with Daemon(folder / "home", [destination], {**WITHOUT_QUIET, **settings}).start() as daemon:
            yield Receiver("hounsfield", daemon.port, "HOUNSFIELD", pacs, daemon=daemon)


@contextmanager
def theirs(program: Path, folder: Path) -> Iterator[Receiver]:
    """Run dicom-ai-router with an Orthanc of its own and a model that answers at once."""
    with (
        orthanc(folder / "pacs") as pacs,
        instant_model() as url,
        router(program, folder / "router", pacs, url, QUIET_SECONDS) as (port, _),
    ):
        yield Receiver("dicom-ai-router", port, ROUTER_AE, pacs, QUIET_SECONDS)


def arrival(receiver: Receiver, images: Sequence[Path]) -> Arrival:
    """Send a series under fresh UIDs and wait for its results."""
    before = _count(receiver.pacs)
    acknowledged = _send(receiver, _renamed(images))
    last, seen = acknowledged, before
    while time.perf_counter() - acknowledged < LONGEST_SECONDS:
        now_there = _count(receiver.pacs)
        if now_there > seen:
            last, seen = time.perf_counter(), now_there
        if _is_done(receiver, seen - before):
            return Arrival(last - acknowledged - receiver.quiet_seconds, _stages(receiver))
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"{receiver.name}: no result within {LONGEST_SECONDS:.0f} s")


def _is_done(receiver: Receiver, arrived: int) -> bool:
    if receiver.daemon is None:
        return arrived >= ROUTER_OBJECTS
    jobs = _jobs(receiver.daemon)
    return arrived > 0 and jobs[-1].kind is JobKind.DELIVER and all(job.state.is_final for job in jobs)


def _stages(receiver: Receiver) -> dict[str, float]:
    if receiver.daemon is None:
        return {}
    infer, deliver = _jobs(receiver.daemon)[-2:]
    return {**infer.timings, **deliver.timings}


def _jobs(daemon: Daemon) -> list[JobRecord]:
    """Read the job log beside the daemon: a command would cost more than what is measured."""
    database = open_database(f"sqlite:///{daemon.home / 'hounsfield.db'}", daemon.home)
    try:
        return database.jobs.page(JobFilter())
    finally:
        database.close()


def _count(pacs: Orthanc) -> int:
    return int(json.loads(pacs.get("/statistics"))["CountInstances"])


def _renamed(images: Sequence[Path]) -> list[Dataset]:
    study, series = generate_uid(), generate_uid()
    found = []
    for path in images:
        image = dcmread(path)
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        found.append(image)
    return found


def _send(receiver: Receiver, images: Sequence[Dataset]) -> float:
    """Store all on one association; return when the last one was acknowledged."""
    contexts = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
    association = AE("BENCH").associate("127.0.0.1", receiver.port, contexts=contexts, ae_title=receiver.ae_title)
    if not association.is_established:
        raise SystemExit(f"{receiver.name} takes no association")
    steady(association)
    for image in images:
        if association.send_c_store(image).Status != 0:
            raise SystemExit(f"{receiver.name} does not take an image")
    acknowledged = time.perf_counter()
    association.release()
    return acknowledged
