"""Scanners that never wait for anybody: what nobody answers, or answers A700, they send again until it is kept."""

import threading
from collections.abc import Callable

from support.cluster.material import Series
from support.sending import acknowledged

from hounsfield.daemon.scu import Peer

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
        left = series.sendables
        pause = threading.Event()
        while left:
            kept = acknowledged(self._peer, left, ANSWER_SECONDS)
            self.acknowledged.update({uid: series.sha256[uid] for uid in kept})
            left = [image for image in left if image.path.stem not in kept]
            if left:
                self.turned_away += 1
                pause.wait(PAUSE_SECONDS)
        self.complete.append(series)
