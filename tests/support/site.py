"""A site with an archive: a bench whose series also come through the real Storage SCP, and our results on one CT."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from support.bench import LOOPBACK_PACS, Bench
from support.ct_factory import ct_series, write_series
from support.datasets import encoded
from support.fakes import ManualClock
from support.raw_scu import associated, store
from support.reception import Reception, receiving

from hounsfield.daemon.results.registry import WRITERS
from hounsfield.storage.feedback import FeedbackRecord
from hounsfield.storage.records import JobRecord, SeriesRecord

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
"""When results are made on this bench: what comes through the SCP has the time of this machine, which is later."""


@dataclass
class Site:
    """What came, what was made of it, and a way to send more."""

    bench: Bench
    reception: Reception
    ct: list[Path]
    last_series: int = 1
    """Id of the last series, and of the last feedback, that is not told of."""
    last_feedback: int = 0

    def begin(self) -> None:
        """Tell of nothing that has come so far, but for the CT and its result."""
        self.last_series = self.bench.series()[-1].id
        self.last_feedback = max((one.id for one in self.feedback()), default=self.last_feedback)

    def send(self, objects: Iterable[Dataset], *, calling: str = "PACS", syntax: str = ExplicitVRLittleEndian) -> None:
        """Store objects through the SCP, wait until they are registered, and let the assembler decide."""
        sent = list(objects)
        classes = dict.fromkeys(str(one.SOPClassUID) for one in sent)
        with associated(self.reception.port, syntax, *classes, calling=calling) as association:
            for one in sent:
                sop_class = str(one.SOPClassUID)
                data = encoded(one, syntax)
                assert store(association, data, str(one.SOPInstanceUID), sop_class, sop_class) == 0x0000
        assert self.reception.store is not None
        self.settle()

    def settle(self) -> None:
        """Let quiet periods pass: what came by another clock is first seen, then quiet."""
        self.bench.settle(0)
        self.bench.settle()

    def results(self) -> list[Dataset]:
        """Every object that we made."""
        return [dcmread(path) for path in sorted(self.bench.app.files.folder.glob("*.dcm"))]

    def result(self, role: str) -> Dataset:
        """The one object of a role."""
        (job,) = self.jobs()
        stored = self.bench.app.database.jobs.result_set(job.result_set_id or 0)
        assert stored is not None
        uid = next(one.sop_instance_uid for one in stored.objects if one.role == role)
        return dcmread(self.bench.app.files.path(uid))

    def image_uids(self) -> list[str]:
        """SOP Instance UIDs of the CT."""
        return [str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in self.ct]

    def jobs(self) -> list[JobRecord]:
        """The INFER jobs."""
        return self.bench.jobs()

    def others(self) -> list[SeriesRecord]:
        """The series that have come since, never the CT."""
        return self.bench.app.database.series.page(after_id=self.last_series)

    def feedback(self) -> list[FeedbackRecord]:
        return self.bench.app.database.feedback.page(after_id=self.last_feedback)


@contextmanager
def site(folder: Path, *, roles: Sequence[str] = (), score: float = 0.97, **sections: Any) -> Iterator[Site]:
    """Receive a CT, analyse it, and listen; ``sections`` of the configuration. All roles there are, unless named."""
    pacs = {**LOOPBACK_PACS, "results": list(roles or WRITERS)}
    bench = Bench(folder / "home", destinations=(pacs,), clock=ManualClock(LONG_AGO), more=sections)
    database = bench.app.database
    files = write_series(folder / "ct", ct_series(12))
    bench.receive(files)
    bench.settle()
    assert bench.worker(score).work_one()
    try:
        with receiving(folder, store=database.series, own_results=database.jobs, spool=bench.app.spool) as reception:
            yield Site(bench, reception, files)
    finally:
        database.close()
