"""Power fails at any moment of a spool's life: nothing acknowledged is lost. The disk keeps no more than POSIX says."""

import errno
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.fake_series_store import FakeSeriesStore
from support.memory import memory_folder
from support.power_loss import Killed, PowerLoss
from support.spool_story import (
    CLOCK,
    SHARDS,
    SYNTAX,
    Lost,
    SpoolStory,
    Truth,
    check_after_power_loss,
    copy_of,
    new_image,
    provenance,
)
from support.spooling import keeps, sealed_in

from hounsfield.daemon.reception.reconcile import reconcile
from hounsfield.storage import intake as intake_module
from hounsfield.storage import spool_lock
from hounsfield.storage.durable import Buffer
from hounsfield.storage.intake import Intake, place_of
from hounsfield.storage.slot import Sealed
from hounsfield.storage.spool import Spool


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as made:
        yield made


@pytest.fixture(autouse=True)
def few_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a spool have few shards and slots: the rest is more of the same, and every one of them costs time here."""
    monkeypatch.setattr(intake_module, "_SLOTS_AHEAD", 3)
    monkeypatch.setattr(Spool, "shards", lambda _: iter(SHARDS))
    monkeypatch.setattr(spool_lock, "_WAIT_SECONDS", 0)
    monkeypatch.setattr(spool_lock, "_PAUSE_SECONDS", 0)


@dataclass
class Failures:
    """Looks, when told, at one of the disks that may be left: a receiver starts on it, and all has to be well."""

    folder: Path
    choice: random.Random
    looks: int = 0

    def look(self, disk: PowerLoss, store: FakeSeriesStore, truth: Truth, *, again: float = 0) -> None:
        """Let the power fail now; with the chance ``again`` it fails at any moment of that start too."""
        self.looks += 1
        left = disk.surviving(self.choice, self.folder / f"left{self.looks}")
        store = copy_of(store)
        if self.choice.random() < again:
            self._fail_while_starting(left, store, truth)
        check_after_power_loss(left / "spool", store, truth)
        shutil.rmtree(left)

    def _fail_while_starting(self, folder: Path, store: FakeSeriesStore, truth: Truth) -> None:
        with PowerLoss(folder, lambda: self.look(disk, store, truth)) as disk:
            reconcile(Spool(folder / "spool", disk), store, CLOCK)


def live_and_fail(
    folder: Path,
    seed: int,
    kind: type[PowerLoss] = PowerLoss,
    intake: type[Intake] = Intake,
    spool: type[Spool] = Spool,
    *,
    actions: int = 60,
) -> int:
    """Run a story; before each of its operations the power may have failed. Return how many disks were looked at."""
    home = folder / "home"
    home.mkdir(parents=True)
    failures = Failures(folder, random.Random(f"disk {seed}"))

    def fail() -> None:
        failures.look(disk, story.store, story.truth, again=0.05)

    with kind(home, fail) as disk:
        story = SpoolStory(home / "spool", disk, random.Random(seed), intake, spool)
        story.run(actions)
        fail()
    return failures.looks


@pytest.mark.parametrize("seed", range(6))
def test_power_that_fails_at_any_moment_takes_nothing_that_was_acknowledged(folder: Path, seed: int) -> None:
    assert live_and_fail(folder, seed, actions=80) > 150


class WithoutLinks(PowerLoss):
    """A file system that takes no hard links."""

    def link(self, source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("seed", range(3))
def test_nor_does_it_where_there_are_no_hard_links(folder: Path, seed: int) -> None:
    assert live_and_fail(folder, seed, WithoutLinks, actions=60) > 100


@pytest.mark.parametrize("step", range(6))
def test_folders_that_a_killed_receiver_had_made_are_durable_before_the_next_one_acknowledges(
    folder: Path, step: int
) -> None:
    (folder / "home").mkdir()
    with PowerLoss(folder / "home") as disk:
        spool, store, truth = Spool(folder / "home" / "spool", disk), FakeSeriesStore(), Truth()
        disk.dies_at = step
        with pytest.raises(Killed):
            reconcile(spool, store, CLOCK)
        disk.bury()
        reconcile(spool, store, CLOCK)
        instance, data = new_image(random.Random(1), 1)
        sealed = sealed_in(spool.open_intake("receiver-2"), provenance(instance, "receiver-2"), data)
        truth.sent[sealed.receipt.digest] = data
        truth.acknowledged.add(sealed.receipt.digest)
        failures = Failures(folder, random.Random(step))
        for _ in range(20):
            failures.look(disk, store, truth)


def test_what_a_killed_receiver_had_not_synced_yet_is_synced_before_it_is_registered(folder: Path) -> None:
    (folder / "home").mkdir()
    with PowerLoss(folder / "home") as disk:
        spool, store = Spool(folder / "home" / "spool", disk), FakeSeriesStore()
        spool.prepare()
        slot = spool.open_intake("killed").begin(SYNTAX)
        instance, data = new_image(random.Random(1), 1)
        slot.write([data])
        disk.dies_at = disk.steps + 1  # between the head and its sync
        with pytest.raises(Killed):
            slot.seal(provenance(instance, "killed"))
        disk.bury()
        assert reconcile(spool, store, CLOCK).adopted == 1
        (receipt,) = store.receipts
        for number in range(20):
            left = Spool(disk.surviving(random.Random(number), folder / f"left{number}") / "spool")
            assert keeps(left, receipt.digest)


class ForgetsTheBytes(PowerLoss):
    """Acknowledged without a sync of the file."""

    def fsync(self, descriptor: int) -> None:
        self._step()


class ForgetsNames(PowerLoss):
    """Without the sync of certain folders."""

    forgotten: Callable[[Path], bool]

    def fsync_directory(self, folder: Path) -> None:
        if not self.forgotten(folder):
            super().fsync_directory(folder)


class ForgetsTheSlots(ForgetsNames):
    """Bytes come under names that were not synced ahead."""

    forgotten = staticmethod(lambda folder: folder.parent.name == "incoming")


class ForgetsTheProcess(ForgetsNames):
    forgotten = staticmethod(lambda folder: folder.name == "incoming")


class ForgetsTheObjects(ForgetsNames):
    """The first name goes before the second is durable."""

    forgotten = staticmethod(lambda folder: folder.parent.name == "objects")


class ForgetsTheShards(ForgetsNames):
    forgotten = staticmethod(lambda folder: folder.name == "objects")


class ForgetsTheSpool(ForgetsNames):
    forgotten = staticmethod(lambda folder: folder.name == "spool")


class ForgetsTheHome(ForgetsNames):
    forgotten = staticmethod(lambda folder: folder.name == "home")


class HeadBehindTheSync(PowerLoss):
    """The head is written, but after the sync."""

    def write_at(self, descriptor: int, chunks: Sequence[Buffer], offset: int) -> int:
        if offset == 0:
            super().fsync(descriptor)
        return super().write_at(descriptor, chunks, offset)

    def fsync(self, descriptor: int) -> None:
        self._step()


class UnlinksFirst(Intake):
    def settle(self, filed: Sequence[Sealed]) -> None:
        for sealed in filed:
            self._operations.remove(sealed.slot)
        super().settle(filed)


class UnlinksAtOnce(Intake):
    """The slot goes as soon as its instance is filed."""

    def file(self, sealed: Sealed) -> None:
        super().file(sealed)
        self._operations.remove(sealed.slot)


class Renames(Intake):
    """Files by a rename that is not synced: the old name may be gone and the new one not there."""

    def file(self, sealed: Sealed) -> None:
        self._operations.rename(sealed.slot, place_of(self._objects, sealed.receipt.digest))


class FilesNothing(Intake):
    def file(self, sealed: Sealed) -> None:
        pass


class RemovesBeforeItForgets(Spool):
    """The files go first."""

    def remove(
        self, forget: Callable[[], Sequence[str] | None], registered: Callable[[Sequence[str]], set[str]]
    ) -> int:
        def remove_all() -> Sequence[str]:
            for digest in self.digests():
                self._operations.remove(self.path(digest))
            return forget() or ()

        return super().remove(remove_all, registered)


KINDS: dict[type, str] = {Intake: "intake", Spool: "spool", PowerLoss: "kind"}


def live_and_fail_often(folder: Path, **kinds: Any) -> None:
    for seed in range(20):
        live_and_fail(folder / str(seed), seed, **kinds)


@pytest.mark.parametrize(
    "order",
    [
        ForgetsTheBytes,
        ForgetsTheSlots,
        ForgetsTheProcess,
        ForgetsTheObjects,
        ForgetsTheShards,
        ForgetsTheSpool,
        ForgetsTheHome,
        HeadBehindTheSync,
        UnlinksFirst,
        UnlinksAtOnce,
        Renames,
        FilesNothing,
        RemovesBeforeItForgets,
    ],
)
def test_a_wrong_order_is_noticed(folder: Path, order: type[Any]) -> None:
    kinds = next({name: order} for kind, name in KINDS.items() if issubclass(order, kind))
    with pytest.raises(Lost):
        live_and_fail_often(folder, **kinds)


def test_a_start_that_believes_whatever_lies_in_a_slot_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Intake, "is_whole", lambda *_: True)
    with pytest.raises(Lost):
        live_and_fail_often(folder)
