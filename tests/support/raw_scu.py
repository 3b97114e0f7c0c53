"""A Storage SCU below the library: the bytes of a data set as they are, and commands that no library would send."""

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from hounsfield.daemon.association.reactor import requested

CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.34"


@contextmanager
def associated(
    port: int, syntax: str = ExplicitVRLittleEndian, *sop_classes: str, calling: str = "SCANNER"
) -> Iterator[Association]:
    """Open an association in one transfer syntax, for CT and SR by default; it is released with the block."""
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    for sop_class in sop_classes or (CT, SR):
        entity.add_requested_context(sop_class, syntax)
    association = requested(entity, "127.0.0.1", port, ae_title="HOUNSFIELD")
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def store(
    association: Association,
    data: bytes,
    instance: str | None = "1.2.3.4",
    sop_class: str | None = CT,
    context_class: str = CT,
) -> int:
    """Send a C-STORE of these very bytes, its command saying anything; return the status, -1 without an answer."""
    response = answer(association, data, instance, sop_class, context_class)
    return -1 if response is None else int(response.Status)


def answer(
    association: Association,
    data: bytes,
    instance: str | None = "1.2.3.4",
    sop_class: str | None = CT,
    context_class: str = CT,
) -> Any:
    """Do the same and return the whole response, None without one."""
    context = next(cx for cx in association.accepted_contexts if cx.abstract_syntax == context_class)
    command = command_set(instance, sop_class)
    pdvs = [(context.context_id, 0x03, command)]
    size = 16000
    parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    for number, part in enumerate(parts, start=1):
        pdvs.append((context.context_id, 0x02 if number == len(parts) else 0x00, part))
    association._reactor_checkpoint.clear()
    while association.is_alive() and not association._is_paused:  # or its thread takes the answer
        time.sleep(0.0001)
    wire = association.dul.socket.socket
    for context_id, control, payload in pdvs:
        pdv = struct.pack(">IBB", len(payload) + 2, context_id, control) + payload
        wire.sendall(struct.pack(">BBI", 0x04, 0, len(pdv)) + pdv)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return response


def command_set(instance: str | None, sop_class: str | None) -> bytes:
    def value(element: int, data: bytes) -> bytes:
        data += b"\0" * (len(data) % 2)
        return struct.pack("<HHI", 0, element, len(data)) + data

    body = value(0x0002, sop_class.encode()) if sop_class is not None else b""
    body += value(0x0100, struct.pack("<H", 1)) + value(0x0110, struct.pack("<H", 7))
    body += value(0x0700, struct.pack("<H", 0)) + value(0x0800, struct.pack("<H", 0))
    body += value(0x1000, instance.encode()) if instance is not None else b""
    return value(0x0000, struct.pack("<I", len(body))) + body
