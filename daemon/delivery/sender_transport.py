"""The way back to who sent the images: another address for each job."""

from collections.abc import Callable, Sequence

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.address import Address
from hounsfield.daemon.delivery.association import Failure
from hounsfield.daemon.delivery.plugs import Transport
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.daemon.delivery.senders import Senders
from hounsfield.storage.records import JobRecord, ResultObject


class SenderTransport:
    """See :class:`~hounsfield.daemon.delivery.plugs.Transport`. Used by one thread."""

    def __init__(
        self, destination: Destination, calling_ae: str, senders: Senders, make: Callable[[Address], Transport]
    ) -> None:
        """``make`` returns the transport to one address."""
        self._destination = destination
        self._calling_ae = calling_ae
        self._senders = senders
        self._make = make
        self._last: Transport | None = None
        """The one that was used last: it is asked for a sign of life when it gave none."""

    def probe(self) -> Failure | None:
        """Ask who got results last."""
        return None if self._last is None else self._last.probe()

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:
        """Send to the sender of the job's images; ``NO_ADDRESS`` where no [[peer]] names it."""
        sender = self._senders.of(job)
        if sender is None:
            return SendReport(failure=Failure.NO_ADDRESS)
        destination = self._destination
        assert destination.port is not None  # validated with the configuration
        self._last = self._make(
            Address(
                ae_title=sender.ae_title,
                host=sender.host,
                port=destination.port,
                calling_ae=destination.calling_ae or self._calling_ae,
                connect_timeout_seconds=destination.connect_timeout_seconds,
                acse_timeout_seconds=destination.acse_timeout_seconds,
                dimse_timeout_seconds=destination.dimse_timeout_seconds,
            )
        )
        return self._last.send(job, objects)
