"""A disk that loses everything POSIX lets it lose when the power fails.

What is durable, by the letter: the bytes of a file are those of its last fsync, the names in a folder those of its
last fsync. Whatever was done since may have reached the disk or not, each change by itself and in any order: a link
without its bytes, a rename whose source is gone and whose target is not there, a file of zeros, pages old and new.
Nothing is assumed about journals, so what holds here holds on any file system.

Names are read from the real folders, so that it does not matter who changed them, and by which call.
"""

import os
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR
from typing import Self

from hounsfield.storage.durable import Buffer, SystemFileOperations

PAGE = 4096
Content = bytes


class UnsyncedFileOperations(SystemFileOperations):
    """The real ones without the wait for the disk: for folders that a test throws away."""

    def fsync(self, descriptor: int) -> None:
        pass

    def fsync_directory(self, folder: Path) -> None:
        assert folder.is_dir()


class Killed(BaseException):
    """The process is dead: nothing that it would still do when it unwinds reaches the disk."""


@dataclass(slots=True)
class _Node:
    """A file or folder, held open so that its number is not given to another one and its bytes can still be read."""

    descriptor: int
    is_folder: bool
    durable: Content = b""
    """Of a file: its bytes at the last fsync."""
    names: dict[str, int] = field(default_factory=dict)
    """Of a folder: its names at the last fsync, and whose they are."""
    seen: dict[str, list[int | None]] = field(default_factory=dict)
    """Of a folder: what else each name has stood for since, None for nothing."""

    def content(self) -> Content:
        return os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)


class PowerLoss(UnsyncedFileOperations):
    """File operations below ``root``, which is durable as it is found. ``on_step`` is called before each of them.

    Used by one thread, in a ``with`` block: it holds a descriptor for everything that was ever there.
    """

    def __init__(self, root: Path, on_step: Callable[[], None] = lambda: None) -> None:
        self.root = root
        self.on_step = on_step
        self.steps = 0
        self.dies_at: int | None = None
        """The step at which the process is killed; until this is None again, nothing is done any more."""
        self._nodes: dict[int, _Node] = {}
        self._root = self._meet(root)
        self._look()
        for node in self._nodes.values():
            self._forget_changes(node)
            if not node.is_folder:
                node.durable = node.content()

    def forget(self) -> None:
        for node in self._nodes.values():
            os.close(node.descriptor)
        self._nodes.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()

    def bury(self) -> None:
        """Close what the killed process had open, as the system does; its locks go with it."""
        self.dies_at = None
        ours = {node.descriptor for node in self._nodes.values()}
        for descriptor in {int(link.name) for link in Path("/proc/self/fd").iterdir()} - ours:
            with suppress(OSError):
                if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(self.root):
                    os.close(descriptor)

    # What the product calls.

    def create(self, path: Path) -> int:
        self._step()
        descriptor = super().create(path)
        self._note(path)
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        self._step()
        return super().write(descriptor, data)

    def write_at(self, descriptor: int, chunks: Sequence[Buffer], offset: int) -> int:
        self._step()
        return super().write_at(descriptor, chunks, offset)

    def fsync(self, descriptor: int) -> None:
        self._step()
        node = self._nodes[os.fstat(descriptor).st_ino]
        node.durable = node.content()

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)
        self._note(source)
        self._note(target)

    def link(self, source: Path, target: Path) -> None:
        self._step()
        super().link(source, target)
        self._note(target)

    def remove(self, path: Path) -> None:
        self._step()
        self._note(path)
        super().remove(path)
        self._note(path)

    def fsync_directory(self, folder: Path) -> None:
        self._step()
        if folder != self.root and self.root not in folder.parents:
            return
        self._look()
        self._forget_changes(self._nodes[folder.stat().st_ino])

    def _step(self) -> None:
        if self.dies_at is not None and self.steps >= self.dies_at:
            raise Killed
        self.steps += 1
        self.on_step()

    # What has been there.

    def _meet(self, path: Path) -> int:
        number = path.lstat().st_ino
        if number not in self._nodes:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            self._nodes[number] = _Node(descriptor, S_ISDIR(os.fstat(descriptor).st_mode))
        return number

    def _note(self, path: Path) -> None:
        """Note what a name stands for now."""
        folder = self._nodes[self._meet(path.parent)]
        number: int | None = None
        with suppress(FileNotFoundError):
            number = self._meet(path)
        self._note_name(folder, path.name, number)

    def _note_name(self, folder: _Node, name: str, number: int | None) -> None:
        seen = folder.seen.get(name)
        if (seen[-1] if seen else folder.names.get(name)) != number:
            folder.seen.setdefault(name, []).append(number)

    def _look(self) -> None:
        """Note what all names stand for now."""
        waiting = [self.root]
        while waiting:
            path = waiting.pop()
            folder = self._nodes[self._meet(path)]
            found = {}
            with os.scandir(folder.descriptor) as entries:
                for entry in entries:
                    found[entry.name] = self._meet(path / entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path / entry.name)
            for name in folder.names.keys() | folder.seen.keys() | found.keys():
                self._note_name(folder, name, found.get(name))

    def _forget_changes(self, folder: _Node) -> None:
        for name, numbers in folder.seen.items():
            if numbers[-1] is None:
                folder.names.pop(name, None)
            else:
                folder.names[name] = numbers[-1]
        folder.seen.clear()

    # What may be left of it.

    def surviving(self, choice: random.Random, target: Path) -> Path:
        """Build in ``target``, a new folder, one of the disks that there may be if the power fails now."""
        self._look()
        target.mkdir()
        luck = choice.choice((0.0, 0.1, 0.5, 0.5, 0.9, 1.0))
        self._build(self._root, target, choice, luck, {})
        return target

    def _build(self, number: int, target: Path, choice: random.Random, luck: float, built: dict[int, Path]) -> None:
        folder = self._nodes[number]
        for name in sorted(folder.names.keys() | folder.seen.keys()):
            kept = folder.names.get(name)
            changes = folder.seen.get(name)
            if changes and choice.random() < luck:
                kept = choice.choice(changes)
            if kept is None:
                continue
            path = target / name
            if self._nodes[kept].is_folder:
                path.mkdir()
                self._build(kept, path, choice, luck, built)
            elif kept in built:
                os.link(built[kept], path)
            else:
                built[kept] = path
                path.write_bytes(_one_of(self._nodes[kept].durable, self._nodes[kept].content(), choice))


def _one_of(old: Content, new: Content, choice: random.Random) -> Content:
    """Return what a file may hold whose bytes were ``old`` at its last fsync and are ``new``."""
    if old == new:
        return new
    match choice.randrange(6):
        case 0:
            return old
        case 1:
            return new
        case 2:
            return new[: choice.randrange(len(new) + 1)]
        case 3:
            return bytes(len(new))
        case 4:
            return choice.randbytes(len(new))
    pages = []
    for at in range(0, len(new), PAGE):
        page = new[at : at + PAGE]
        pages.append(choice.choice((page, old[at : at + PAGE].ljust(len(page), b"\0")[: len(page)], bytes(len(page)))))
    return b"".join(pages)
