"""The way back to who sent the images: another address for each job."""

from collections.abc import Callable, Sequence

from hounsfield.daemon.delivery.address import Address
from hounsfield.daemon.delivery.association import Failure
from hounsfield.daemon.delivery.job_address import AddressOf
from hounsfield.daemon.delivery.plugs import Transport
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.storage.records import JobRecord, ResultObject


class SenderTransport:
    """See :class:`~hounsfield.daemon.delivery.plugs.Transport`. Used by one thread."""

    def __init__(self, address_of: AddressOf, make: Callable[[Address], Transport]) -> None:
        """``make`` returns the transport to one address."""
        self._address_of = address_of
        self._make = make
        self._last: Transport | None = None
        """The one that was used last: it is asked for a sign of life when it gave none."""

    def probe(self) -> Failure | None:
        """Ask who got results last."""
        return None if self._last is None else self._last.probe()

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:
        """Send to the sender of the job's images; ``NO_ADDRESS`` where no [[peer]] names it."""
        address = self._address_of(job)
        if address is None:
            return SendReport(failure=Failure.NO_ADDRESS)
        self._last = self._make(address)
        return self._last.send(job, objects)
