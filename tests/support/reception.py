"""Receivers for tests: a real spool, and a store that is in memory unless a real one is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from support.fake_peer_store import FakePeerStore
from support.fake_series_store import FakeSeriesStore
from support.waiting import wait_until

from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.reception import DicomSettings, Peer, TlsSettings
from hounsfield.daemon.delivery.proof.reports import TakeReport, take_event
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reception.scp import Receiver, Surroundings, TlsPort
from hounsfield.daemon.reception.tls import TlsIdentity, handshake_words
from hounsfield.storage.control import ControlStore
from hounsfield.storage.spool import Spool


@dataclass
class Reception:
    """A receiver and what it stores in."""

    receiver: Receiver
    spool: Spool
    database: Any
    """The store, whether or not everything is recorded in it."""

    @property
    def store(self) -> Any:
        """The store, once everything that was acknowledged is recorded in it."""
        wait_until(lambda: self.receiver.unregistered == 0 or getattr(self.database, "is_down", False))
        return self.database

    @property
    def opened(self) -> Any:
        """The parts of the receiver while it listens."""
        return self.receiver._opened

    @property
    def port(self) -> int:
        return self.receiver.port

    @property
    def tls_port(self) -> int:
        return self.receiver.tls_port

    def stored(self) -> list[bytes]:
        """The data sets in the spool, as their bytes."""
        return [self.dataset(digest) for digest in sorted(self.digests())]

    def digests(self) -> set[str]:
        """The digests of the instances in the spool that are filed."""
        assert self.store is not None
        return set(self.spool.digests())

    def dataset(self, digest: str) -> bytes:
        """One data set in the spool, as its bytes."""
        return self.spool.path(digest).read_bytes()[self.spool.head(digest).length :]

    def files(self) -> list[Path]:
        """Everything that lies in the spool and has something in it, but for slots of what is filed."""
        assert self.store is not None
        return [path for path in self.spool.folder.rglob("*") if path.is_file() and has_content(path)]

    def endings(self) -> list[str]:
        """How each association in the store ended."""
        return [str(association.ending) for association in self.store.known.values()]


def has_content(path: Path) -> bool:
    """Whether a file is more than a lock, a slot that waits, or the other name of a filed instance."""
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_size > 0 and (path.suffix != ".slot" or found.st_nlink == 1)
    return False


@contextmanager
def receiving(
    folder: Path,
    *,
    store: Any = None,
    own_results: Any = None,
    peer_store: Any = None,
    spool: Spool | None = None,
    peers: tuple[Peer, ...] = (),
    name: str = "receiver-1",
    tls: TlsSettings | None = None,
    take_report: TakeReport | None = None,
    beat: Callable[[], None] = lambda: None,
    control: ControlStore | None = None,
    **settings: Any,
) -> Iterator[Reception]:
    """Run a receiver on a free port of 127.0.0.1; it is stopped with the block."""
    store = store or FakeSeriesStore()
    spool = spool or Spool(folder / "spool")
    clock = SystemClock()
    around = Surroundings(
        settings=DicomSettings(**{"port": 0, "min_free_bytes": 0, "min_free_percent": 0} | settings),
        peers=peers,
        peer_store=peer_store or FakePeerStore(),
        spool=spool,
        series=store,
        own_results=own_results or store,
        clock=clock,
        hasher=UidHasher(b"key"),
        name=name,
        tls=None if tls is None else TlsPort("127.0.0.1", 0, TlsIdentity(tls, clock).context, handshake_words),
        take_report=None if take_report is None else partial(take_event, take=take_report),
        beat=beat,
        control=control,
    )
    receiver = Receiver(around)
    receiver.start()
    try:
        yield Reception(receiver, spool, store)
    finally:
        receiver.stop(2.0)
