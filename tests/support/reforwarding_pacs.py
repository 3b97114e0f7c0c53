"""A PACS that sends the whole study back after each result it gets: coerced, as JPEG-LS, and our results with it."""

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless
from pynetdicom import AE, evt
from support.results_in_pacs import COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE
from support.sending import dcmsend


class ReforwardingPacs:
    """``images`` are the files of the study as it was received; every round has another Study Description."""

    def __init__(self, folder: Path, images: Sequence[Path]) -> None:
        self._folder = folder
        self._images = list(images)
        self.results: list[Path] = []
        self.rounds = 0
        """Of sending back that have ended."""
        self.failure: BaseException | None = None
        self.target_port = 0
        """Where to; set before the first result comes."""
        self._arrived: queue.Queue[Path | None] = queue.Queue()
        self._sender = threading.Thread(target=self._send_back, daemon=True)
        entity = AE("PACS")
        for sop_class in (COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE):
            entity.add_supported_context(sop_class, ExplicitVRLittleEndian)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._keep)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = int(self._server.server_address[1])
        self._sender.start()

    @property
    def destination(self) -> dict[str, Any]:
        return {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": self.port}

    @property
    def is_done(self) -> bool:
        """Whether every result so far was answered by the whole study."""
        return self.rounds == len(self.results) > 0 or self.failure is not None

    def _keep(self, event: Any) -> int:
        path = self._folder / f"result-{len(self.results)}.dcm"
        path.write_bytes(event.encoded_dataset())
        self.results.append(path)
        self._arrived.put(path)
        return 0x0000

    def _send_back(self) -> None:
        while self._arrived.get() is not None:
            try:
                dcmsend(self.target_port, [*self._coerced(self.rounds), *list(self.results)], calling="PACS")
            except BaseException as error:
                self.failure = error
                raise
            self.rounds += 1

    def _coerced(self, number: int) -> list[Path]:
        made = []
        for path in self._images:
            instance = dcmread(path)
            instance.StudyDescription = f"COERCED BY THE ARCHIVE, ROUND {number + 1}"
            instance.compress(JPEGLSLossless, generate_instance_uid=False)
            made.append(self._folder / f"round-{number}-{path.name}")
            instance.save_as(made[-1])
        return made

    def stop(self) -> None:
        self._arrived.put(None)
        self._server.shutdown()
        self._sender.join(10)


@contextmanager
def reforwarding_pacs(folder: Path, images: Sequence[Path]) -> Iterator[ReforwardingPacs]:
    folder.mkdir()
    pacs = ReforwardingPacs(folder, images)
    try:
        yield pacs
    finally:
        pacs.stop()
