"""What archives find of our objects, those included that know no images."""

from collections.abc import Iterator

import pytest
from pydicom import Dataset
from pynetdicom import evt
from support.query_peers import answering, archive, peer_at
from support.scripted import scripted

from hounsfield.daemon.delivery.proof.find import SeriesAtPeer, instances_at
from hounsfield.daemon.query.archive import Unanswered, Why

REPORT = SeriesAtPeer("1.2", "1.2.9001", ("2.25.1",))
PICTURES = SeriesAtPeer("1.2", "1.2.9002", ("2.25.2", "2.25.3"))


def now() -> float:
    return 0.0


class Finder:
    """Answers by level with the data sets that a test gives it, or with a status."""

    def __init__(self, image: object, series: object) -> None:
        self.answers = {"IMAGE": image, "SERIES": series}
        self.asked: list[tuple[str, str]] = []

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        keys = event.identifier
        level, series = str(keys.QueryRetrieveLevel), str(keys.SeriesInstanceUID)
        self.asked.append((level, series))
        answer = self.answers[level]
        if isinstance(answer, int):
            yield answer, None
            return
        assert isinstance(answer, dict)
        for match in answer.get(series, ()):
            yield 0xFF00, match
        yield 0x0000, None


def images(*uids: str) -> list[Dataset]:
    found = []
    for uid in uids:
        match = Dataset()
        match.SOPInstanceUID = uid
        found.append(match)
    return found


def counted(series: str, number: str | None) -> list[Dataset]:
    match = Dataset()
    match.SeriesInstanceUID = series
    if number is not None:
        match.NumberOfSeriesRelatedInstances = number
    return [match]


def found_by(image: object, series: object) -> tuple[set[str], list[tuple[str, str]]]:
    finder = Finder(image, series)
    with archive() as peer:
        peer.server.unbind(evt.EVT_C_FIND, peer._find)
        peer.server.bind(evt.EVT_C_FIND, finder.find)
        return instances_at(peer_at(peer.port), [REPORT, PICTURES], now), finder.asked


def test_objects_are_found_one_series_after_the_other_on_one_association() -> None:
    answers = {"1.2.9001": images("2.25.1"), "1.2.9002": images("2.25.2", "2.25.3", "2.25.99")}
    found, asked = found_by(answers, 0xC000)
    assert found == {"2.25.1", "2.25.2", "2.25.3"}
    assert asked == [("IMAGE", "1.2.9001"), ("IMAGE", "1.2.9002")]


def test_what_is_not_among_the_answers_is_not_found() -> None:
    found, _ = found_by({"1.2.9001": images("2.25.1"), "1.2.9002": images("2.25.3")}, 0xC000)
    assert found == {"2.25.1", "2.25.3"}


@pytest.mark.parametrize("image", [0xA900, 0xC000, {}])
def test_an_archive_without_the_level_of_images_is_believed_by_its_count(image: object) -> None:
    series = {"1.2.9001": counted("1.2.9001", "1"), "1.2.9002": counted("1.2.9002", "1")}
    found, _ = found_by(image, series)
    assert found == {"2.25.1"}, "of two pictures only one is there"


def test_an_archive_that_knows_the_series_and_does_not_count_tells_nothing() -> None:
    with pytest.raises(Unanswered) as caught:
        found_by(0xA900, {"1.2.9001": counted("1.2.9001", None), "1.2.9002": counted("1.2.9002", None)})
    assert caught.value.why is Why.NONSENSE


def test_an_archive_that_knows_nothing_of_us_has_nothing() -> None:
    found, _ = found_by({}, {})
    assert found == set()


def test_an_archive_that_is_busy_or_breaks_off_tells_nothing() -> None:
    with pytest.raises(Unanswered) as caught:
        found_by(0xA700, {})
    assert caught.value.why is Why.BUSY
    with scripted(answering(b"\x04\x00\xff\xff\xff\xff" + b"x" * 400_000)) as port, pytest.raises(Unanswered):
        instances_at(peer_at(port, seconds=1.0), [REPORT], now)
