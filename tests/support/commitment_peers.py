"""An archive that is asked for storage commitment and reports in whatever order a test wishes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from support.destinations import route

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.reactor import requested

COMMITMENT = "1.2.840.10008.1.20.1"
WELL_KNOWN = "1.2.840.10008.1.20.1.1"
CLASS = "1.2.840.10008.5.1.4.1.1.88.34"


def report_of(transaction: str, kept: Sequence[str] = (), failed: dict[str, int] | None = None) -> Dataset:
    """Return the event information of a report."""

    def reference(uid: str) -> Dataset:
        item = Dataset()
        item.ReferencedSOPClassUID = CLASS
        item.ReferencedSOPInstanceUID = uid
        return item

    report = Dataset()
    report.TransactionUID = transaction
    if kept:
        report.ReferencedSOPSequence = DicomSequence([reference(uid) for uid in kept])
    if failed:
        items = [reference(uid) for uid in failed]
        for item, reason in zip(items, failed.values(), strict=True):
            item.FailureReason = reason
        report.FailedSOPSequence = DicomSequence(items)
    return report


def send_report(
    association: Association, report: Dataset, event_type: int | None = None, number: int = 1
) -> int | None:
    """Report on an association; return the status of the answer, None without one."""
    kind = event_type or (2 if "FailedSOPSequence" in report else 1)
    answer, _ = association.send_n_event_report(report, kind, COMMITMENT, WELL_KNOWN, msg_id=number)
    status = getattr(answer, "Status", None)
    return None if status is None else int(status)


@contextmanager
def reporting(port: int, calling: str = "ARCHIVE", *, roles: bool = True) -> Iterator[Association]:
    """Open a new association to a receiver, as SCP of storage commitment."""
    ae = AE(calling)
    wanted = [build_role(COMMITMENT, scp_role=True)] if roles else []
    association = requested(
        ae, "127.0.0.1", port, contexts=[build_context(COMMITMENT)], ae_title="HOUNSFIELD", ext_neg=wanted
    )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


class Archive:
    """An SCP of storage commitment of the network library."""

    def __init__(self, behave: Callable[["Archive", Any, Dataset], int]) -> None:
        self.asked: list[Dataset] = []
        self.statuses: list[int | None] = []
        """What our side answered to reports."""
        self.threads: list[threading.Thread] = []
        self._behave = behave
        ae = AE("ARCHIVE")
        ae.add_supported_context(COMMITMENT)
        ae.dimse_timeout = 3
        handlers: list[Any] = [(evt.EVT_N_ACTION, self._on_action)]
        self.server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = int(self.server.server_address[1])

    def address(self, seconds: float = 5.0) -> Address:
        return route(self.port, "ARCHIVE", dimse_timeout_seconds=seconds)

    def later(self, work: Callable[[], object]) -> None:
        """Do something beside the association's own thread."""
        thread = threading.Thread(target=work)
        self.threads.append(thread)
        thread.start()

    def _on_action(self, event: Any) -> tuple[int, None]:
        information = event.action_information
        self.asked.append(information)
        return self._behave(self, event, information), None


@contextmanager
def archive(behave: Callable[[Archive, Any, Dataset], int]) -> Iterator[Archive]:
    """Run an archive that does ``behave`` for every N-ACTION and answers with the status it returns."""
    running = Archive(behave)
    try:
        yield running
    finally:
        for thread in running.threads:
            thread.join(20)
        running.server.shutdown()


def asked_uids(information: Dataset) -> list[str]:
    """Return the SOP Instance UIDs that a request names."""
    return [str(item.ReferencedSOPInstanceUID) for item in information.ReferencedSOPSequence]
