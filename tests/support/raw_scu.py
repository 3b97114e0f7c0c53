"""A Storage SCU below the library: the bytes of a data set as they are, and commands that no library would send."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from support.wire import CT, store_pdus

from hounsfield.daemon.association.reactor import requested

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
    pdus = store_pdus(data, instance, context_id=context.context_id, sop_class=sop_class, message_id=7, fragment=16000)
    association._reactor_checkpoint.clear()
    while association.is_alive() and not association._is_paused:  # or its thread takes the answer
        time.sleep(0.0001)
    for pdu in pdus:
        association.dul.socket.socket.sendall(pdu)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return response
