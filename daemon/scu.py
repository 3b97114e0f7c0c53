"""A Storage SCU for files as they lie on disk: each goes out in its own transfer syntax, byte for byte."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS, code_to_category

from hounsfield.daemon.association.entity import requesting_entity
from hounsfield.daemon.association.reactor import requested
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.address import address_of
from hounsfield.daemon.errors import Misaddressed, PeerFailed
from hounsfield.daemon.sop_classes import VERIFICATION

MAX_CONTEXTS = 128
"""Presentation context IDs are odd and one byte long (PS3.8 9.3.2.2)."""
PREAMBLE = 132
SUCCESS = 0x0000
LONGEST_AE_TITLE = 16
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
"""DICOMDIR: an index of a medium, never stored."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Where to send: host, port and the AE titles of both sides."""

    host: str
    port: int
    called_ae: str
    calling_ae: str = "HOUNSFIELD_SCU"

    def __post_init__(self) -> None:
        """Raise :class:`Misaddressed` for an AE title the standard does not allow (PS3.5 6.2)."""
        for title in (self.called_ae, self.calling_ae):
            if not 0 < len(title.strip()) <= LONGEST_AE_TITLE or not title.isascii() or "\\" in title:
                raise Misaddressed(f"'{title}' is not an AE title: 1 to 16 ASCII characters, no backslash")


@dataclass(frozen=True, slots=True)
class Sendable:
    """A DICOM file and what its file meta says."""

    path: Path
    sop_class_uid: str
    transfer_syntax: str
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one file fared; ``problem`` is None when the peer keeps it."""

    path: Path
    status: int | None = None
    problem: str | None = None


@dataclass(slots=True)
class Scan:
    """What was found in the paths to send."""

    files: list[Sendable] = field(default_factory=list)
    not_dicom: list[Path] = field(default_factory=list)


def peer_of(destination: Destination, calling_ae: str) -> Peer:
    """Return how the courier reaches a destination of kind "dicom"; ``calling_ae`` is ours unless it has its own."""
    address = address_of(destination, calling_ae)
    return Peer(address.host, address.port, address.ae_title, address.calling_ae)


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` (an IPv6 address in brackets); raise :class:`Misaddressed`."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Misaddressed(f"'{text}' is not HOST:PORT, for example 127.0.0.1:11112")
    return host, int(port)


def scan(paths: Iterable[Path]) -> Scan:
    """Return the DICOM files below ``paths``, in the order of their names; raise :class:`Misaddressed` for no path."""
    found = Scan()
    for path in paths:
        if not path.exists():
            raise Misaddressed(f"{path} does not exist")
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            sendable = _inspect(file)
            if sendable is None:
                found.not_dicom.append(file)
            elif sendable.sop_class_uid != MEDIA_STORAGE_DIRECTORY:
                found.files.append(sendable)
    return found


def _inspect(path: Path) -> Sendable | None:
    """Return what the file meta says, None if this is no DICOM file (PS3.10 section 7.1)."""
    with path.open("rb") as stream:
        head = stream.read(PREAMBLE)
    if len(head) < PREAMBLE or head[128:] != b"DICM":
        return None
    try:
        meta: FileMetaDataset = read_file_meta_info(path)
        return Sendable(path, meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID, path.stat().st_size)
    except (InvalidDicomError, AttributeError, EOFError, ValueError):
        return None


def store(peer: Peer, files: Sequence[Sendable], report: Callable[[Outcome], None], timeout: float = 30.0) -> int:
    """Send ``files`` and call ``report`` for each; return how many the peer keeps.

    More than 128 pairs of SOP class and transfer syntax take several associations. An association that ends
    early fails the files it had not sent. Raise :class:`PeerFailed` when no association comes about.
    """
    kept = 0
    for batch in batches(files):
        association = associate(peer, contexts_of(batch), timeout)
        try:
            for file in batch:
                outcome = _store_one(association, file)
                kept += outcome.problem is None
                report(outcome)
        finally:
            if association.is_established:
                association.release()
    return kept


def batches(files: Sequence[Sendable]) -> Iterator[list[Sendable]]:
    """Yield groups of files whose presentation contexts fit into one association."""
    pairs = list(dict.fromkeys((file.sop_class_uid, file.transfer_syntax) for file in files))
    remaining = iter(pairs)
    while chunk := set(islice(remaining, MAX_CONTEXTS)):
        yield [file for file in files if (file.sop_class_uid, file.transfer_syntax) in chunk]


def contexts_of(files: Sequence[Sendable]) -> list[PresentationContext]:
    """Return one presentation context for each pair of SOP class and transfer syntax: the peer cannot mix them."""
    pairs = dict.fromkeys((file.sop_class_uid, file.transfer_syntax) for file in files)
    return [build_context(sop_class, syntax) for sop_class, syntax in pairs]


def associate(peer: Peer, contexts: list[PresentationContext], timeout: float) -> Association:
    """Open an association; raise :class:`PeerFailed` that says why there is none and what to look at."""
    # Without this pynetdicom decodes and encodes the data set anew; the file's own bytes are what we test with.
    _config.STORE_SEND_CHUNKED_DATASET = True
    ae = requesting_entity(peer.calling_ae)
    ae.connection_timeout = ae.acse_timeout = min(timeout, 10.0)
    ae.dimse_timeout = ae.network_timeout = timeout
    try:
        association = requested(ae, peer.host, peer.port, contexts=contexts, ae_title=peer.called_ae)
    except OSError:
        words = "the name of the host is not known here. Check how it is written, and the name server"
        raise PeerFailed(f"no association with {peer.host}:{peer.port}: {words}") from None
    if association.is_established:
        return association
    raise PeerFailed(_why_none(association, peer))


def echo(peer: Peer, timeout: float = 10.0) -> float:
    """Verify a peer by C-ECHO and return the seconds it took; raise :class:`PeerFailed` if it does not answer."""
    started = time.monotonic()
    association = associate(peer, [build_context(VERIFICATION)], timeout)
    try:
        answer = association.send_c_echo()
    finally:
        if association.is_established:
            association.release()
    status = getattr(answer, "Status", None)
    if status != SUCCESS:
        words = "nothing" if status is None else f"status {status:04X}"
        raise PeerFailed(f"{peer.host}:{peer.port} answered the C-ECHO with {words}")
    return time.monotonic() - started


def _why_none(association: Association, peer: Peer) -> str:
    address = f"{peer.host}:{peer.port}"
    if association.is_rejected:
        answer = association.acceptor.primitive
        detail = getattr(answer, "reason_str", "") or "no reason given"
        return (
            f"{address} rejected the association: {detail}. "
            f"Check the called AE title ({peer.called_ae}) and that the peer knows {peer.calling_ae}"
        )
    if association.acceptor.primitive is not None and not association.accepted_contexts:
        return f"{address} accepts none of the offered SOP classes and transfer syntaxes"
    return f"no association with {address}: nothing answers there as DICOM. Check host, port and that it runs"


def _store_one(association: Association, file: Sendable) -> Outcome:
    if not association.is_established:
        return Outcome(file.path, problem="not sent: the association ended")
    try:
        answer = association.send_c_store(file.path)
    except ValueError:
        return Outcome(file.path, problem="the peer does not accept this SOP class in this transfer syntax")
    except (RuntimeError, AttributeError, OSError) as fault:
        return Outcome(file.path, problem=f"not sent: {fault}")
    status = getattr(answer, "Status", None)
    if status is None:
        return Outcome(file.path, problem="no answer: the peer ended the association or did not answer in time")
    if code_to_category(status) in ("Success", "Warning"):
        return Outcome(file.path, status)
    return Outcome(file.path, status, f"status {status:04X}: {status_words(status)}")


def status_words(status: int) -> str:
    """Return the standard's words for a C-STORE status (PS3.4 annex B.2.3)."""
    category, words = STORAGE_SERVICE_CLASS_STATUS.get(status, (code_to_category(status), ""))
    return words or category
