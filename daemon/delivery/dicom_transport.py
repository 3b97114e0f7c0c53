"""The way to a destination of kind "dicom": C-STORE and C-ECHO."""

from collections.abc import Sequence

from hounsfield.daemon.delivery.address import Address
from hounsfield.daemon.delivery.association import Failure
from hounsfield.daemon.delivery.scu import SendReport, echo, send
from hounsfield.storage.records import JobRecord, ResultObject
from hounsfield.storage.results import ResultFiles


class DicomTransport:
    """See :class:`~hounsfield.daemon.delivery.plugs.Transport`."""

    def __init__(self, address: Address, files: ResultFiles) -> None:
        self._address = address
        self._files = files

    def probe(self) -> Failure | None:
        """Ask by C-ECHO."""
        return echo(self._address)

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:  # noqa: ARG002 - of the plug
        """Store the objects on one association."""
        return send(self._address, [self._files.path(one.sop_instance_uid) for one in objects])
