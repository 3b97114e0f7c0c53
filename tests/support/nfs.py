"""A folder of several hosts as NFS clients see it: each through memories of its own, without the server's locks.

Every host has a view, a folder of copies of what the server has. Names that others made or took away come into it when
its memory of their folder is over (``acdirmax``). Opening a file asks the server (close-to-open), making, renaming and
deleting happen at the server at once. What is written lies at the host until ``fsync`` or ``close``; a host that
crashes loses it. Locks are those of the views: no host sees another one's.
"""

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

AC_DIR_SECONDS = 60.0
_REAL: dict[str, Callable[..., Any]] = {
    name: getattr(os, name) for name in ("open", "close", "fsync", "mkdir", "rmdir", "unlink", "link", "rename")
}
_REAL_IO_OPEN = io.open
_REAL_SCANDIR = os.scandir
_REAL_LISTDIR = os.listdir


@dataclass
class NfsHost:
    """One client. ``now`` gives the seconds by which its memories grow old."""

    server: Path
    view: Path
    now: Callable[[], float]
    stale_once: set[str] = field(default_factory=set)
    """Names of files whose next opening fails with ESTALE."""
    is_aside: bool = False
    """What happens below the view now has nothing to do with the server."""
    _asked_at: dict[Path, float] = field(default_factory=dict)
    _silly: dict[int, Path] = field(default_factory=dict)
    """What the client calls files that it deleted while it had them open, by their descriptors at the server."""
    _dirty: dict[int, int] = field(default_factory=dict)
    """Descriptors of files being written, and of the same at the server."""

    def crash(self) -> None:
        """Lose what was not flushed, and all memories; what was open is closed."""
        for ours, theirs in self._dirty.items():
            for descriptor in (ours, theirs):
                with suppress(OSError):
                    _REAL["close"](descriptor)
        self._dirty.clear()
        self._asked_at.clear()
        self._drop(self.view)
        _REAL["mkdir"](self.view)

    def there(self, path: Path) -> Path:
        return self.server / path.relative_to(self.view)

    def look(self, folder: Path) -> None:
        """Learn the names in a folder, and in those above it, where the memory of them is over."""
        for one in reversed([folder, *folder.parents]):
            if one.is_relative_to(self.view) and self.now() - self._asked_at.get(one, -1e9) >= AC_DIR_SECONDS:
                self._asked_at[one] = self.now()
                self._learn(one)

    def _learn(self, folder: Path) -> None:
        if not self.there(folder).is_dir():
            return
        folder.mkdir(exist_ok=True) if not folder.exists() else None
        theirs = {entry.name: entry.is_dir() for entry in _REAL_SCANDIR(self.there(folder))}
        for name in set(_REAL_LISTDIR(folder)) - set(theirs):
            self._drop(folder / name)
        for name, is_folder in theirs.items():
            if is_folder:
                if not (folder / name).exists():
                    _REAL["mkdir"](folder / name)
            elif not (folder / name).exists():
                self._copy(folder / name)

    def _drop(self, path: Path) -> None:
        """Take something out of the view alone."""
        self.is_aside = True
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        finally:
            self.is_aside = False

    def _copy(self, path: Path) -> None:
        with _REAL_IO_OPEN(self.there(path), "rb") as theirs, _REAL_IO_OPEN(path, "wb") as ours:
            ours.write(theirs.read())

    def before_open(self, path: Path) -> None:
        """What a client does when a file is opened: ask for the names if need be, then for this file."""
        self.look(path.parent)
        if path.name in self.stale_once:
            self.stale_once.remove(path.name)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        if path.is_file() and not self._is_dirty(path):
            if not self.there(path).exists():
                _REAL["unlink"](path)
            elif _read(path) != _read(self.there(path)):
                self._copy(path)

    def _kept_open(self, path: Path) -> int | None:
        """Return the server's descriptor of a file that this host has open, so that it is deleted when it is closed."""
        if not path.exists():
            return None
        return next((theirs for ours, theirs in self._dirty.items() if _is_of(ours, path)), None)

    def _is_dirty(self, path: Path) -> bool:
        return any(_is_of(ours, path) for ours in self._dirty)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if path.is_dir():
            self.look(path)
            return int(_REAL["open"](path, flags, mode))
        self.before_open(path)
        if not flags & (os.O_WRONLY | os.O_RDWR):
            return int(_REAL["open"](path, flags, mode))
        theirs = _REAL["open"](self.there(path), flags, mode)
        if not path.exists() and not flags & os.O_CREAT:
            self._copy(path)
        readable = (flags & ~(os.O_EXCL | os.O_WRONLY)) | os.O_RDWR  # to be flushed
        ours = int(_REAL["open"](path, readable, mode))
        self._dirty[ours] = theirs
        return ours

    def flush(self, descriptor: int) -> None:
        theirs = self._dirty[descriptor]
        if os.fstat(theirs).st_nlink == 0:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        os.ftruncate(theirs, len(content))
        os.pwrite(theirs, content, 0)

    def owns(self, descriptor: int) -> bool:
        return descriptor in self._dirty

    def close(self, descriptor: int) -> None:
        try:
            self.flush(descriptor)
        finally:
            theirs = self._dirty.pop(descriptor)
            _REAL["close"](theirs)
            if theirs in self._silly:
                _REAL["unlink"](self._silly.pop(theirs))
            _REAL["close"](descriptor)

    def change(self, name: str, path: Path, target: Path | None, *more: Any) -> None:
        """Make, rename or delete: a name that the host remembers is taken by it without asking the server."""
        if target is not None and name == "link" and target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        paths = [path] if target is None else [path, target]
        if name == "unlink" and (theirs := self._kept_open(path)) is not None:
            silly = self.there(path).with_name(f".nfs{theirs:08x}")
            _REAL["rename"](self.there(path), silly)
            self._silly[theirs] = silly
        else:
            _REAL[name](*map(self.there, paths), *more)
        if name in ("mkdir", "rmdir", "unlink"):
            with suppress(FileNotFoundError, FileExistsError, OSError):
                _REAL[name](*paths, *more)
            return
        if name == "rename" and path.exists():
            _REAL["rename"](path, target)
        elif target is not None:
            self._copy(target)


def _is_of(descriptor: int, path: Path) -> bool:
    return os.path.samestat(os.fstat(descriptor), path.stat())


def _read(path: Path) -> bytes:
    with _REAL_IO_OPEN(path, "rb") as file:
        return bytes(file.read())


@contextmanager
def mounted(*hosts: NfsHost) -> Iterator[None]:
    """While this lasts, whatever the process does below a host's view happens as on that host."""

    def host_of(path: Any) -> NfsHost | None:
        if not isinstance(path, (str, Path)):
            return None
        return next((host for host in hosts if Path(path).is_relative_to(host.view) and not host.is_aside), None)

    def opens(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        host = host_of(path)
        return _REAL["open"](path, flags, mode, **more) if host is None else host.open(Path(path), flags, mode)

    def io_open(path: Any, *arguments: Any, **more: Any) -> Any:
        host = host_of(path)
        if host is not None:
            host.before_open(Path(path))
        return _REAL_IO_OPEN(path, *arguments, **more)

    def close(descriptor: int) -> None:
        host = next((host for host in hosts if host.owns(descriptor)), None)
        host.close(descriptor) if host else _REAL["close"](descriptor)

    def fsync(descriptor: int) -> None:
        host = next((host for host in hosts if host.owns(descriptor)), None)
        host.flush(descriptor) if host else None

    def listed(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".") -> Any:
            host = host_of(path)
            if host is not None:
                host.look(Path(path))
            return real(path)

        return call

    def change(name: str) -> Callable[..., None]:
        def call(path: Any, *more: Any, **options: Any) -> None:
            host = host_of(path)
            if host is None:
                return _REAL[name](path, *more, **options)
            host.look(Path(path).parent)
            if name in ("link", "rename"):
                return host.change(name, Path(path), Path(more[0]))
            return host.change(name, Path(path), None, *more)

        return call

    calls = {name: change(name) for name in ("mkdir", "rmdir", "unlink", "link", "rename")}
    calls |= {"replace": calls["rename"], "open": opens, "close": close, "fsync": fsync}
    calls |= {"scandir": listed(_REAL_SCANDIR), "listdir": listed(_REAL_LISTDIR)}
    with patch.multiple(os, **calls), patch.object(io, "open", io_open):
        yield
