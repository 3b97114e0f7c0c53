"""One instance on its way into the spool: a file whose name is durable before its bytes come.

See :mod:`hounsfield.storage.intake` for the order of things.
"""

import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hounsfield.storage.durable import Buffer, FileOperations
from hounsfield.storage.errors import SpoolError, SpoolFull
from hounsfield.storage.records import InstanceReceipt
from hounsfield.storage.spool_format import HEAD_BYTES, Provenance, decode_head, digest_of, encode_head, start_digest

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MOST_CHUNKS = 512
"""In one system call; IOV_MAX is 1024."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A durable instance that still lies in its slot."""

    slot: Path
    provenance: Provenance
    receipt: InstanceReceipt


class Slot:
    """One instance on its way in; used by one thread. Whatever happens, it ends with ``seal`` or ``abandon``."""

    def __init__(self, operations: FileOperations, path: Path, descriptor: int, transfer_syntax: str) -> None:
        self.size = 0
        """Bytes of the data set so far."""
        self._operations = operations
        self._path = path
        self._descriptor = descriptor
        self._digest = start_digest(transfer_syntax)

    def write(self, chunks: Sequence[Buffer]) -> None:
        """Append to the data set. Raise SpoolFull or SpoolError; the slot can only be abandoned then."""
        for first in range(0, len(chunks), _MOST_CHUNKS):
            some = chunks[first : first + _MOST_CHUNKS]
            for chunk in some:
                self._digest.update(chunk)
            self._write_all(some, HEAD_BYTES + self.size)
            self.size += sum(map(len, some))

    def _write_all(self, chunks: Sequence[Buffer], offset: int) -> None:
        left = sum(map(len, chunks))
        try:
            written = self._operations.write_at(self._descriptor, chunks, offset)
            if written == left:
                return
            rest = memoryview(b"".join(chunks))[written:]  # rare: a signal, or a disk that is nearly full
            while rest:
                offset += written
                written = self._operations.write_at(self._descriptor, (rest,), offset)
                rest = rest[written:]
        except OSError as error:
            raise spool_error(error) from error

    @contextmanager
    def dataset(self) -> Iterator[memoryview]:
        """The data set as written so far, to be read in place; it costs only the pages that are looked at."""
        if self.size == 0:
            yield memoryview(b"")
            return
        mapped = mmap.mmap(self._descriptor, self.size, prot=mmap.PROT_READ, offset=HEAD_BYTES)
        view = memoryview(mapped)
        try:
            yield view
        finally:
            with suppress(BufferError):  # an exception that is on its way still holds a piece: freed with it
                view.release()
                mapped.close()

    def seal(self, provenance: Provenance) -> Sealed:
        """Write the head and make the instance durable: when this returns it survives a power loss.

        Raise SpoolFull or SpoolError; nothing is left behind then.
        """
        digest = self._digest.hexdigest()
        try:
            self._write_all((encode_head(provenance, digest, self.size),), 0)
            try:
                self._operations.fsync(self._descriptor)
            except OSError as error:
                raise spool_error(error) from error
        except BaseException:
            self.abandon()
            raise
        self._close()
        return Sealed(self._path, provenance, provenance.receipt(digest, self.size))

    def abandon(self) -> None:
        """Leave nothing behind; harmless when repeated or after ``seal``."""
        if self._descriptor < 0:
            return
        self._close()  # first: of a file that is open NFS keeps the bytes under another name
        with suppress(OSError):
            self._operations.remove(self._path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):  # what counts was synced before
            self._operations.close(descriptor)


def spool_error(error: OSError) -> SpoolError:
    """Return what a failed system call means for who stores."""
    kind = SpoolFull if error.errno in _NO_SPACE else SpoolError
    why = error.strerror or type(error).__name__
    return kind(f"a received file could not be written to the spool ({why})")


def read_sealed(path: Path) -> Sealed | None:
    """Return a slot's instance if it is whole and has the digest that its head names."""
    with path.open("rb") as file:
        try:
            head = decode_head(file.read(HEAD_BYTES))
        except SpoolError:
            return None
        if file.seek(0, os.SEEK_END) != head.length + head.size:
            return None
        if head.size == 0:
            return None  # no instance is empty
    return Sealed(path, head.provenance, head.provenance.receipt(head.digest, head.size))


def has_its_digest(sealed: Sealed, descriptor: int) -> bool:
    """Whether the bytes in a slot, open as ``descriptor``, are those that its head names."""
    with (
        mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as mapped,
        memoryview(mapped)[-sealed.receipt.size :] as data,
    ):
        return digest_of(sealed.provenance.transfer_syntax, data) == sealed.receipt.digest
