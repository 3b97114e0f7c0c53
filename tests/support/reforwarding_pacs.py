"""A PACS that sends the whole study back after each result it gets: coerced, as JPEG-LS, and our results with it.

Results come back twice: as they are, and as a gateway makes them new ones, under its own name and new identifiers.
"""

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, generate_uid
from pynetdicom import AE, evt
from support.results_in_pacs import COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE
from support.sending import dcmsend

from hounsfield.daemon.results.registry import WRITERS

CLASS_OF_ROLE = {
    "sr": COMPREHENSIVE_3D_SR,
    "sc": SECONDARY_CAPTURE,
    "ko": "1.2.840.10008.5.1.4.1.1.88.59",
    "pr": "1.2.840.10008.5.1.4.1.1.11.1",
}


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
        for sop_class in CLASS_OF_ROLE.values():
            entity.add_supported_context(sop_class, ExplicitVRLittleEndian)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._keep)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = int(self._server.server_address[1])
        self._sender.start()

    @property
    def destination(self) -> dict[str, Any]:
        """Wants every kind of object there is."""
        results = list(WRITERS)
        return {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": self.port, "results": results}

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
                results = list(self.results)
                back = [*self._coerced(self.rounds), *results, *map(self._as_new, results)]
                dcmsend(self.target_port, back, calling="PACS")
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

    def _as_new(self, path: Path) -> Path:
        """Make a result another's, as a gateway does; the same one every time."""
        made = path.with_name(f"new-{path.name}")
        if not made.exists():
            result = dcmread(path)
            result.SOPInstanceUID = generate_uid(entropy_srcs=["instance", str(result.SOPInstanceUID)])
            result.SeriesInstanceUID = generate_uid(entropy_srcs=["series", str(result.SeriesInstanceUID)])
            result.file_meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
            result.Manufacturer, result.PatientID = "Gateways Ltd", "MERGED-7"
            result.save_as(made)
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
