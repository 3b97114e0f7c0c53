"""Scanners that never wait for anybody: what nobody answers, or answers A700, they send again until it is kept."""

import threading
from collections.abc import Callable

from support.cluster.material import Series

from hounsfield.daemon.errors import PeerFailed
from hounsfield.daemon.scu import Outcome, Peer, store

ANSWER_SECONDS = 6.0
PAUSE_SECONDS = 0.5


class StubbornSenders:
    """Some that send one series after the other to one port, whether anything listens there or not."""

    def __init__(self, port: int, supply: Callable[[], Series], *, count: int = 2, pause_seconds: float = 1.0) -> None:
        """``pause_seconds``: from a series that was kept to the next one of the same sender."""
        self._peer = Peer("127.0.0.1", port, "HOUNSFIELD", "CT")
        self._supply = supply
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.acknowledged: dict[str, str] = {}
        """SHA-256 of every data set that was kept, by SOP Instance UID."""
        self.complete: list[Series] = []
        """Series of which every image was kept."""
        self.turned_away = 0
        """How often an association did not come about, or an image was not kept."""
        self.failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, name=f"CT{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let each finish the series that it is sending, however long nobody takes it, and begin no other."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "a sender still waits for its images to be kept"
        assert not self.failures, self.failures

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    series = self._supply()
                self._send(series)
                self._stop.wait(self._pause)
        except BaseException as error:  # noqa: BLE001 - the test asks for it
            self.failures.append(error)

    def _send(self, series: Series) -> None:
        left = {file.path.stem: file for file in series.sendables}
        pause = threading.Event()
        while left:
            for uid in self._try(series, left):
                del left[uid]
            if left:
                self.turned_away += 1
                pause.wait(PAUSE_SECONDS)
        self.complete.append(series)

    def _try(self, series: Series, left: dict[str, "object"]) -> set[str]:
        kept: set[str] = set()

        def note(outcome: Outcome) -> None:
            if outcome.problem is None:
                kept.add(outcome.path.stem)
                self.acknowledged[outcome.path.stem] = series.sha256[outcome.path.stem]

        files = [file for file in series.sendables if file.path.stem in left]
        try:
            store(self._peer, files, note, ANSWER_SECONDS)
        except PeerFailed:  # nothing answers there
            return kept
        return kept
