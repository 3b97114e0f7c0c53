"""Who sent the images of a job, for results that go back there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.config.values import is_loopback
from hounsfield.daemon.reception.known_peers import plain_address
from hounsfield.storage.records import InstanceRecord, JobRecord


@dataclass(frozen=True, slots=True)
class Sender:
    """An application entity that sent images, at the address it sent them from."""

    ae_title: str
    host: str


class Received(Protocol):
    """What is asked of the series store."""

    def instances(self, series_id: int, revision: int | None = None) -> list[InstanceRecord]:
        """Return all copies (None), or the primary instances of one frozen revision's snapshot."""


class Known(Protocol):
    """What is asked of the configured senders."""

    def find(self, calling_ae: str, address: str) -> Sequence[Peer]:
        """Return every [[peer]] with this AE title and address."""


class Senders:
    """Finds where results go back to.

    Only to who is named by a [[peer]], or is on this machine: patients' results are not sent to whoever once got
    images in.
    """

    def __init__(self, received: Received, known: Known) -> None:
        self._received = received
        self._known = known

    def of(self, job: JobRecord) -> Sender | None:
        """Return who sent most of the job's images; None where that one may not have results."""
        images = self._received.instances(job.series_id, job.revision)
        counted = Counter((image.calling_ae, image.peer_address) for image in images)
        if not counted:
            return None
        (ae_title, address), _ = counted.most_common(1)[0]
        try:
            host = str(plain_address(address))
        except ValueError:
            return None
        is_known = is_loopback(host) or bool(self._known.find(ae_title, address))
        return Sender(ae_title, host) if is_known else None
