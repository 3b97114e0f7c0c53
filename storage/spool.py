"""The first durable hand-over: a folder of received instances, one file each, named by their own digest."""

import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from hounsfield.storage.durable import (
    Buffer,
    FileOperations,
    SystemFileOperations,
    make_folder,
    remove_abandoned_parts,
    write_durably,
)
from hounsfield.storage.errors import SpoolError, SpoolFull
from hounsfield.storage.records import InstanceReceipt
from hounsfield.storage.spool_format import (
    MAX_HEAD_BYTES,
    Head,
    Provenance,
    decode_head,
    digest_of,
    encode_head,
)

__all__ = ["Provenance", "Spool", "digest_of"]

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".dcm"


class Spool:
    """Received files under ``objects/<2 hex>/<digest>.dcm``; files being written lie in ``incoming/``.

    No name comes from DICOM text. Any number of threads and processes may write at once.
    """

    def __init__(self, folder: Path, operations: FileOperations | None = None) -> None:
        self.folder = folder
        self._operations = operations or SystemFileOperations()
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"

    def prepare(self) -> int:
        """Create the folders and delete what dead writers left; return how many files that were.

        Raise SpoolError when the folder cannot be made.
        """
        try:
            for folder in (self._objects, self._incoming):
                make_folder(folder, self._operations)
            for shard in range(256):
                (self._objects / f"{shard:02x}").mkdir(mode=0o700, exist_ok=True)
            self._operations.fsync_directory(self._objects)
            return remove_abandoned_parts(self._incoming)
        except OSError as error:
            raise SpoolError(f"the spool folder cannot be prepared ({_why(error)}): check storage.spool") from error

    def write(self, provenance: Provenance, dataset: Buffer) -> str:
        """Make an instance durable; return its digest, which names the file.

        When it returns, file and name survive a power loss. The same bytes again keep the first file with its
        provenance. Raise SpoolFull or SpoolError; nothing is left behind then.
        """
        size = memoryview(dataset).nbytes
        digest = digest_of(provenance.transfer_syntax, dataset)
        head = encode_head(provenance, digest, size)
        target = self.path(digest)
        try:
            if not self._is_there(target, size):
                write_durably(self._operations, self._incoming, target, (head, dataset))
        except OSError as error:
            full = error.errno in _NO_SPACE
            kind = SpoolFull if full else SpoolError
            raise kind(f"a received file could not be written to the spool ({_why(error)})") from error
        return digest

    def _is_there(self, target: Path, size: int) -> bool:
        try:
            if target.stat().st_size <= size:
                return False
            # Another association may have renamed it a moment ago and not yet synced the name.
            self._operations.fsync_directory(target.parent)
            return target.exists()
        except FileNotFoundError:
            return False

    def path(self, digest: str) -> Path:
        """Return where the file of ``digest`` lies or would lie; raise SpoolError if it is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise SpoolError("a spool file is named by 64 hexadecimal digits")
        return self._objects / digest[:2] / (digest + _SUFFIX)

    def digests(self) -> Iterator[str]:
        """Yield the digest of every whole file, in no order."""
        for path in self._objects.glob("[0-9a-f][0-9a-f]/*" + _SUFFIX):
            if _DIGEST.fullmatch(path.stem):
                yield path.stem

    def head(self, digest: str) -> Head:
        """Return preamble and file meta of a file as we wrote them; raise SpoolError if it is missing or not ours."""
        try:
            with self.path(digest).open("rb") as file:
                return decode_head(file.read(MAX_HEAD_BYTES))
        except OSError as error:
            raise SpoolError(f"a spool file cannot be read ({_why(error)})") from error

    def provenance(self, digest: str) -> Provenance:
        """Return who sent the file and when; raises as :meth:`head`."""
        return self.head(digest).provenance

    def receipt(self, digest: str) -> InstanceReceipt:
        """Rebuild the database row of a file; raises as :meth:`head`."""
        head = self.head(digest)
        return head.provenance.receipt(digest, head.size)

    def verify(self, digest: str) -> bool:
        """Whether the file is there and its data set still has this digest."""
        try:
            head = self.head(digest)
            data = memoryview(self.path(digest).read_bytes())[head.length :]
        except (SpoolError, OSError):
            return False
        return head.digest == digest == digest_of(head.provenance.transfer_syntax, data)

    def free_bytes(self) -> int:
        """Return the bytes that are left for us on the spool's file system."""
        try:
            return shutil.disk_usage(self.folder).free
        except OSError as error:
            raise SpoolError(f"the spool's disk cannot be asked for its space ({_why(error)})") from error


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
