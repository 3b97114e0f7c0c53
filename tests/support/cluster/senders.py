"""Scanners that know both receivers: what one does not acknowledge goes to the other, until somebody has kept it."""

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from support.cluster.hosts import DICOM_PORT, Host
from support.cluster.material import Series, Supply
from support.sending import acknowledged

from hounsfield.daemon.scu import Peer, Sendable

CALLED, CALLING = "HOUNSFIELD", "CT"
ANSWER_SECONDS = 6.0
PAUSE_SECONDS = 0.3
SPLIT, AGAIN = 0.2, 0.25
"""Shares of series that come through both receivers at once, and that come a second time."""


@dataclass
class Ledger:
    """What the scanners know."""

    sha256: dict[str, str] = field(default_factory=dict)
    """Of every data set that was sent, by SOP Instance UID."""
    acknowledged: Counter[str] = field(default_factory=Counter)
    """How often, by SOP Instance UID."""
    complete: list[Series] = field(default_factory=list)
    """Those of which every image was acknowledged."""
    repeated: int = 0
    """Images that were sent again, since nobody had acknowledged them."""
    resent: int = 0
    """Series that came a second time although every image had been acknowledged."""


class Scanners:
    """Several that send what comes from a supply, each series by one of them."""

    def __init__(
        self,
        supply: Supply,
        receivers: Sequence[Host],
        choice: random.Random,
        *,
        series: int | None = None,
        pause_seconds: float = 0.0,
        count: int = 2,
    ) -> None:
        """``series``: how many in all, without it until they are stopped; ``pause_seconds`` from one to the next."""
        self.ledger = Ledger()
        self._supply = supply
        self._receivers = receivers
        self._choice = choice
        self._wanted = series
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._waiting: queue.Queue[Series | None] = queue.Queue(2)
        self._lock = threading.Lock()
        self.failure: BaseException | None = None
        self._count = count
        self._threads = [threading.Thread(target=self._make, name="supply", daemon=True)]
        self._threads += [threading.Thread(target=self._send, name=f"CT{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no more series."""
        self._stop.set()

    @property
    def are_sending(self) -> bool:
        if self.failure is not None:
            raise self.failure
        return any(thread.is_alive() for thread in self._threads)

    def _make(self) -> None:
        made = 0
        while not self._stop.is_set() and made != self._wanted:
            self._waiting.put(self._supply.next())
            made += 1
            self._stop.wait(self._pause)
        for _ in range(self._count):
            self._waiting.put(None)

    def _send(self) -> None:
        try:
            while (series := self._waiting.get()) is not None:
                self._send_series(series)
        except BaseException as error:
            self.failure = error
            raise

    def _send_series(self, series: Series) -> None:
        with self._lock:
            self.ledger.sha256 |= series.sha256
            luck, first = self._choice.random(), self._choice.randrange(2)
        if luck < SPLIT:
            half = len(series.sendables) // 2
            for part, receiver in ((series.sendables[:half], first), (series.sendables[half:], 1 - first)):
                self._store(part, receiver)
        else:
            self._store(series.sendables, first)
        with self._lock:
            self.ledger.complete.append(series)
        if SPLIT <= luck < SPLIT + AGAIN:
            self._store(series.sendables, 1 - first)
            with self._lock:
                self.ledger.resent += 1

    def _store(self, images: Sequence[Sendable], receiver: int) -> None:
        """Send until every one was acknowledged by one receiver or the other."""
        left = list(images)
        while True:
            peer = Peer(self._receivers[receiver].address, DICOM_PORT, CALLED, CALLING)
            kept = acknowledged(peer, left, ANSWER_SECONDS)
            with self._lock:
                self.ledger.acknowledged.update(kept)
            left = [image for image in left if image.path.stem not in kept]
            if not left:
                return
            with self._lock:
                self.ledger.repeated += len(left)
            receiver = 1 - receiver
            time.sleep(PAUSE_SECONDS)
