"""Who knows from the database that an image is there can read it, wherever it is kept and whoever wrote it."""

from dataclasses import replace

import pytest
from contract.spool.conftest import Keeping
from support.spool_values import DATASET, SENT
from support.spooling import spooled

from hounsfield.storage.errors import SpoolError

ABSENT = "ab" * 32


def data_of(keeping: Keeping, digest: str) -> bytes:
    content = keeping.reader.path(digest).read_bytes()
    return content[keeping.reader.head(digest).length :]


def test_an_image_is_read_byte_for_byte(keeping: Keeping) -> None:
    digest = spooled(keeping.writer, SENT, DATASET)
    assert data_of(keeping, digest) == DATASET
    assert data_of(keeping, digest) == DATASET, "again"
    assert keeping.reader.head(digest).provenance == SENT


def test_an_image_that_came_after_its_folder_was_looked_at_is_read(keeping: Keeping) -> None:
    first = spooled(keeping.writer, SENT, DATASET)
    assert data_of(keeping, first) == DATASET
    for number in range(20):
        data = DATASET + bytes([number, 0])
        assert data_of(keeping, spooled(keeping.writer, SENT, data)) == data


def test_an_image_that_is_nowhere_is_missing_after_the_wait_that_is_written_down(keeping: Keeping) -> None:
    spooled(keeping.writer, SENT, DATASET)
    assert not keeping.reader.path(ABSENT).exists()
    waited = sum(keeping.time.slept)
    assert waited == 0 or 65 <= waited < 67
    keeping.time.slept.clear()
    assert not keeping.reader.path("cd" * 32).exists()
    assert keeping.time.slept == [], "the next one is not waited for"
    with pytest.raises(SpoolError):
        keeping.reader.head(ABSENT)


def test_what_is_no_digest_is_refused(keeping: Keeping) -> None:
    for name in ("", "../../etc/passwd", "AB" * 32, "ab"):
        with pytest.raises(SpoolError, match="64"):
            keeping.reader.path(name)


def test_an_image_that_came_again_is_still_there(keeping: Keeping) -> None:
    digest = spooled(keeping.writer, SENT, DATASET)
    assert spooled(keeping.writer, replace(SENT, association_id="a2"), DATASET) == digest
    assert data_of(keeping, digest) == DATASET
