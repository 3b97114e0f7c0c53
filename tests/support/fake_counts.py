"""Shipped fake of SeriesCounts: an archive that holds what it is told, and answers after some looks if so told."""

from collections import Counter
from collections.abc import Mapping

from hounsfield.daemon.query.series_counts import PENDING, UNKNOWN, Answer, Known


class FakeCounts:
    """``looks``: how often a question is PENDING before it is answered."""

    def __init__(self, images: Mapping[str, int] | None = None, *, looks: int = 0) -> None:
        self.images = dict(images or {})
        self.looks = looks
        self._asked: Counter[tuple[str, str, int]] = Counter()
        self._answers: dict[tuple[str, str, int], Answer] = {}
        self._is_closed = False

    @property
    def questions(self) -> int:
        """How many different looks were asked about."""
        return len(self._asked)

    def ask(self, study_uid: str, series_uid: str, version: int) -> Answer:
        key = (study_uid, series_uid, version)
        if key in self._answers:
            return self._answers[key]
        if self._is_closed:
            return UNKNOWN
        self._asked[key] += 1
        if self._asked[key] <= self.looks:
            return PENDING
        images = self.images.get(series_uid, 0)
        self._answers[key] = Known(images) if images > 0 else UNKNOWN
        return self._answers[key]

    def close(self) -> None:
        self._is_closed = True
