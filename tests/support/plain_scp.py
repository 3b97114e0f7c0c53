"""A storage server as the samples of pynetdicom write it: what the attacks do to it is the "before" of `make torture`.

``python -m support.plain_scp FOLDER [CERTIFICATE KEY]`` takes a free port of 127.0.0.1 and prints it in a ready line.
Run it against itself only: it writes wherever a sender tells it to.
"""

import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

from pydicom.uid import DeflatedExplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.presentation import DEFAULT_TRANSFER_SYNTAXES


def store(event: Any, folder: Path) -> int:
    """Decode the data set and save it under its SOP Instance UID, as sample applications do."""
    try:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        name = folder / str(dataset.SOPInstanceUID)
        dataset.save_as(name, enforce_file_format=True)
    except OSError:
        return 0xC211
    return 0x0000


def serve(folder: Path, tls: ssl.SSLContext | None) -> None:
    entity = AE(ae_title="HOUNSFIELD")
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(
            str(context.abstract_syntax), [*DEFAULT_TRANSFER_SYNTAXES, DeflatedExplicitVRLittleEndian]
        )
    entity.add_supported_context("1.2.840.10008.1.1")
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store, [folder])], ssl_context=tls
    )
    listener: Any = server.socket
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sys.stdout.write(f"ready dicom=127.0.0.1:{server.server_address[1]} ae=HOUNSFIELD\n")
    sys.stdout.flush()


def main() -> None:
    folder, *tls_files = sys.argv[1:]
    context = None
    if tls_files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls_files)
    serve(Path(folder), context)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
