"""The demonstration's scanner: sends the series one after the other over real DICOM."""

import threading
from collections.abc import Sequence

from hounsfield.daemon.demo.material import DemoSeries
from hounsfield.daemon.demo.process import AE_TITLE
from hounsfield.daemon.errors import DaemonError
from hounsfield.daemon.scu import Outcome, Peer, store

SENDER_AE_TITLE = "DEMO_SCANNER"


class Sender(threading.Thread):
    """Sends while the main thread shows what becomes of the series."""

    def __init__(self, wanted: Sequence[DemoSeries], port: int) -> None:
        super().__init__(name="demo-scanner", daemon=True)
        self._wanted = wanted
        self._peer = Peer("127.0.0.1", port, AE_TITLE, SENDER_AE_TITLE)
        self._failure: DaemonError | None = None
        self._refused: dict[str, list[Outcome]] = {}
        self._lost: dict[str, str] = {}

    def run(self) -> None:
        """Send everything; a failure of the association ends it and stands ready for :meth:`check`."""
        try:
            for one in self._wanted:
                self._send(one)
        except DaemonError as failure:
            self._failure = failure

    def _send(self, one: DemoSeries) -> None:
        refused: list[Outcome] = []
        kept = store(self._peer, one.files, lambda sent: refused.append(sent) if sent.problem else None)
        if refused:
            self._refused[one.series_uid] = refused
        if not kept:
            self._lost[one.series_uid] = f"no image was accepted: {refused[0].problem}"

    def check(self) -> None:
        """Raise what keeps the rest from being sent."""
        if self._failure is not None:
            raise self._failure

    def lost(self) -> dict[str, str]:
        """Return the series of which the receiver kept nothing, with the reason."""
        return dict(self._lost)

    def problems(self) -> list[str]:
        """Return one sentence for each series of which only a part was accepted."""
        sentences = []
        for one in self._wanted:
            refused = self._refused.get(one.series_uid, [])
            if refused and one.series_uid not in self._lost:
                first = refused[0]
                sentences.append(
                    f"'{one.name}': {len(refused)} of {len(one.files)} images were not accepted; "
                    f"{first.path.name}: {first.problem}"
                )
        return sentences
