"""The way to a destination of kind "dicom": C-STORE and C-ECHO."""

from collections.abc import Sequence

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.scu import SendReport, echo, send
from hounsfield.daemon.delivery.variants import ResultVariants
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import JobRecord, ResultObject
from hounsfield.storage.results import ResultFiles


class DicomTransport:
    """See :class:`~hounsfield.daemon.delivery.plugs.Transport`."""

    def __init__(self, address: Address, jobs: JobStore, files: ResultFiles) -> None:
        self._address = address
        self._jobs = jobs
        self._files = files

    def probe(self) -> Failure | None:
        """Ask by C-ECHO."""
        return echo(self._address)

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:
        """Store the objects on one association; a report in another class where its own is not taken."""
        paths = [self._files.path(one.sop_instance_uid) for one in objects]
        return send(self._address, paths, ResultVariants(job, self._jobs, self._files))
