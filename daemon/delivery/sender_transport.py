"""The way back to who sent the images: another address for each job."""

from collections.abc import Callable, Sequence

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.address import AddressOf
from hounsfield.daemon.delivery.plugs import Transport
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.storage.records import JobRecord, ResultObject


class SenderTransport:
    """See :class:`~hounsfield.daemon.delivery.plugs.Transport`."""

    def __init__(self, address_of: AddressOf, make: Callable[[Address], Transport]) -> None:
        """``make`` returns the transport to one address."""
        self._address_of = address_of
        self._make = make

    def probe(self) -> Failure | None:
        """Say nothing: without a job there is nobody to ask."""
        return None

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:
        """Send to the sender of the job's images; ``NO_ADDRESS`` where no [[peer]] names it."""
        address = self._address_of(job)
        return SendReport(failure=Failure.NO_ADDRESS) if address is None else self._make(address).send(job, objects)
