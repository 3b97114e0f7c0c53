"""Copies of received images: never half, never too many, never the reason why an image cannot be read."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.spool_values import DATASET, SENT
from support.spooling import spooled

from hounsfield.storage.spool import Spool
from hounsfield.storage.spool_cache import CachedFiles

IMAGE = 10_000


class Bench:
    def __init__(self, folder: Path, most: int = 10 * IMAGE) -> None:
        self.spool = Spool(folder / "spool")
        self.spool.prepare()
        self.folder = folder / "copies"
        self.seconds = 1e9
        self.files = self.cache(most)

    def cache(self, most: int) -> CachedFiles:
        return CachedFiles(self.spool, self.folder, most, now=lambda: self.seconds)

    def image(self, number: int) -> str:
        return spooled(self.spool, SENT, random.Random(number).randbytes(IMAGE - 4096))

    def copies(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*/*.dcm")}

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("*/*"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_image_is_fetched_once_and_then_read_without_the_spool(bench: Bench) -> None:
    digest = bench.image(1)
    content = bench.spool.path(digest).read_bytes()
    assert bench.files.path(digest).is_relative_to(bench.folder)
    bench.spool.path(digest).unlink()
    assert bench.files.path(digest).read_bytes() == content
    assert bench.files.head(digest).digest == digest


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_a_copy_that_is_not_whole_is_never_used(bench: Bench, damage: bytes | None) -> None:
    digest = bench.image(1)
    content = bench.spool.path(digest).read_bytes()
    copy = bench.files.path(digest)
    copy.write_bytes(content[:-1] + b"\xff\xff" if damage is None else damage)
    assert bench.files.path(digest).read_bytes() == content
    bench.spool.path(digest).unlink()
    assert bench.files.path(digest).read_bytes() == content, "it was fetched anew"


def test_a_damaged_image_of_the_spool_is_not_copied(bench: Bench) -> None:
    digest = bench.image(1)
    bench.spool.path(digest).write_bytes(b"damaged")
    assert bench.files.path(digest) == bench.spool.path(digest)
    assert bench.copies() == set()


def test_those_not_used_for_longest_go_first(bench: Bench) -> None:
    digests = []
    for number in range(10):
        digests.append(bench.image(number))
        bench.files.path(digests[-1])
        bench.seconds += 60
    bench.files.path(digests[0])
    bench.seconds += 3700
    bench.files.path(bench.image(11))
    assert digests[0] in bench.copies()
    assert digests[1] not in bench.copies()
    assert bench.size() <= 10 * IMAGE


def test_what_may_be_read_just_now_is_not_deleted_for_another_one(bench: Bench) -> None:
    digests = [bench.image(number) for number in range(12)]
    paths = [bench.files.path(digest) for digest in digests]
    assert all(path.exists() for path in paths)
    assert sum(path.is_relative_to(bench.folder) for path in paths) == 10
    assert bench.size() <= 10 * IMAGE


def test_a_copy_goes_a_day_after_its_last_use_though_there_is_room(bench: Bench) -> None:
    old, used = bench.image(1), bench.image(2)
    bench.files.path(old)
    bench.files.path(used)
    bench.seconds += 80_000
    bench.files.path(used)
    bench.seconds += 10_000
    bench.files.path(bench.image(3))
    assert old not in bench.copies()
    assert used in bench.copies()


def test_what_a_killed_process_left_half_written_takes_no_room_for_ever(bench: Bench) -> None:
    bench.files.path(bench.image(1))
    left = next(bench.folder.glob("*/")) / "0123.part"
    left.write_bytes(bytes(8 * IMAGE))
    os.utime(left, (bench.seconds, bench.seconds))
    bench.seconds += 90_000
    for number in range(2, 9):
        bench.files.path(bench.image(number))
    assert not left.exists()
    assert bench.size() <= 10 * IMAGE


def test_a_disk_that_takes_no_copies_is_no_reason_not_to_read(bench: Bench) -> None:
    digest = bench.image(1)
    bench.folder.write_text("a file where the folder should be")
    assert bench.files.path(digest) == bench.spool.path(digest)


def test_processes_that_share_the_folder_keep_its_bound(bench: Bench) -> None:
    digests = [bench.image(number) for number in range(30)]
    caches = [bench.cache(10 * IMAGE) for _ in range(4)]

    def read(number: int) -> bool:
        bench.seconds += 500
        digest = random.Random(number).choice(digests)
        return caches[number % 4].path(digest).read_bytes() == bench.spool.path(digest).read_bytes()

    with ThreadPoolExecutor(4) as processes:
        assert all(processes.map(read, range(150)))
    assert bench.size() <= 10 * IMAGE
    assert len(bench.copies()) >= 5


def test_a_spool_that_has_no_such_image_gives_no_copy(bench: Bench) -> None:
    spooled(bench.spool, SENT, DATASET)
    assert not bench.files.path("ab" * 32).exists()
