"""A minimal Storage SCP that keeps what it receives in a folder: the small PACS of ``hounsfield demo``."""

import re
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.transport import ThreadedAssociationServer

from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.sop_classes import VERIFICATION

_SUCCESS, _OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_UID = 64


class FolderStore:
    """Listens while it is started; ``<folder>/<sop instance uid>.dcm`` holds the first copy of each object."""

    def __init__(self, folder: Path, *, ae_title: str = "FOLDER", host: str = "127.0.0.1", port: int = 0) -> None:
        self.ae_title = ae_title
        self.host = host
        self._folder = folder
        self._port = port
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The real port, once started."""
        return self._port

    def start(self) -> int:
        """Listen and return the port; raise :class:`DeliveryError` if it cannot."""
        ae = AE(ae_title=self.ae_title)
        for context in AllStoragePresentationContexts:
            ae.add_supported_context(str(context.abstract_syntax), [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        ae.add_supported_context(VERIFICATION)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            server = ae.start_server(
                (self.host, self._port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
            )
        except OSError as error:
            raise DeliveryError(
                f"the folder store cannot listen on {self.host}:{self._port} or use its folder ({error.strerror})",
                "choose another port or folder",
            ) from error
        assert server is not None  # start_server returns one unless it blocks
        self._server = server
        self._port = int(server.server_address[1])
        return self._port

    def stop(self) -> None:
        """Stop listening; associations end. Harmless if it was not started."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def files(self) -> list[Path]:
        """Return what it keeps, in the order of the UIDs."""
        return sorted(self._folder.glob("*.dcm"))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _store(self, event: evt.Event) -> int:
        uid = str(cast(C_STORE, event.request).AffectedSOPInstanceUID)
        # the UID becomes a file name
        if len(uid) > _LONGEST_UID or _UID.fullmatch(uid) is None:
            return _CANNOT_UNDERSTAND
        target = self._folder / f"{uid}.dcm"
        if target.exists():
            return _SUCCESS
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as part:
                part.write(event.encoded_dataset())
            Path(part.name).replace(target)
        except OSError:
            return _OUT_OF_RESOURCES
        return _SUCCESS
