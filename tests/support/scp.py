"""A Storage SCP on loopback that keeps the raw data sets, and small files to send to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt

from hounsfield.daemon.scu import Peer


def write_instance(path: Path, syntax: str = ExplicitVRLittleEndian, pixels: bytes = b"\x01\x02") -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.{abs(hash(path.name)) % 10**9}"
    meta.TransferSyntaxUID = syntax
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.PatientName = "Anybody"
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


class Scp:
    """Keeps the raw data sets it gets; answers with ``status``."""

    def __init__(self) -> None:
        self.status = 0x0000
        self.received: list[tuple[str, bytes]] = []
        self.ae = AE("STORE")
        self.ae.require_called_aet = True
        self.ae.add_supported_context("1.2.840.10008.1.1")
        self.ae.add_supported_context(CTImageStorage, [ExplicitVRLittleEndian])
        handlers: list[Any] = [(evt.EVT_C_STORE, self._keep)]
        self.server = self.ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = int(self.server.server_address[1])

    def forget(self) -> None:
        """Begin anew: nothing received, every image welcome."""
        self.status = 0x0000
        self.received.clear()

    def _keep(self, event: Any) -> int:
        self.received.append((event.context.transfer_syntax, event.request.DataSet.getvalue()))
        return self.status

    @property
    def peer(self) -> Peer:
        return Peer("127.0.0.1", self.port, "STORE")


@contextmanager
def listening() -> Iterator[Scp]:
    """Give an SCP that is stopped with the block."""
    peer = Scp()
    try:
        yield peer
    finally:
        peer.server.shutdown()
