"""Instances put into a spool as a receiver does, all steps at once."""

import secrets

from hounsfield.storage.durable import Buffer
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.spool import Intake, Provenance, Sealed, Spool, is_whole


def sealed_in(intake: Intake, provenance: Provenance, dataset: Buffer) -> Sealed:
    """Make an instance durable in a slot: what an acknowledgement waits for."""
    slot = intake.begin(provenance.transfer_syntax)
    try:
        slot.write([dataset])
        return slot.seal(provenance)
    finally:
        slot.abandon()


def spooled(spool: Spool, provenance: Provenance, dataset: Buffer) -> str:
    """Make an instance durable and file it; return its digest. Nothing is left in ``incoming/``."""
    intake = spool.open_intake(f"writer-{secrets.token_hex(4)}")
    try:
        sealed = sealed_in(intake, provenance, dataset)
        intake.file(sealed)
        intake.settle([sealed])
    finally:
        intake.close()
    return sealed.receipt.digest


def keeps(spool: Spool, digest: str) -> bool:
    """Whether the file is there, and its data set still has this digest."""
    try:
        return is_whole(spool.path(digest).read_bytes(), digest)
    except (SpoolError, OSError):
        return False
