"""The other series of a study: which of them compete under the same rule, and which ones a rule still misses."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.quiet import Quiet
from hounsfield.daemon.assembly.rules import matches_where
from hounsfield.daemon.assembly.sources import Reader
from hounsfield.daemon.assembly.timing import Timing
from hounsfield.daemon.config.rules import Rule
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.states import SeriesState


class Study:
    """What surrounds one series."""

    def __init__(
        self,
        images: SeriesImages,
        rule: Rule,
        series: Sequence[SeriesRecord],
        reader: Reader,
        rule_of: Callable[[SeriesImages], Rule | None],
    ) -> None:
        self._images = images
        self._rule = rule
        self._others = [one for one in series if one.id != images.series.id]
        self._reader = reader
        self._rule_of = rule_of

    @cached_property
    def rivals(self) -> tuple[SeriesImages, ...]:
        """Other series of the same patient that the same rule takes: those still open, and those analysed."""
        wanted = [
            one
            for one in self._others
            if one.state is SeriesState.RECEIVING or (one.state is SeriesState.CLOSED and one.rule == self._rule.name)
        ]
        return tuple(images for one in wanted if (images := self._read(one)) is not None and self._competes(images))

    def _read(self, record: SeriesRecord) -> SeriesImages | None:
        """A series that cannot be read does not take the others with it: it fails, and is held, on its own turn."""
        try:
            return self._reader.read(record)
        except DatabaseUnavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is the other series' trouble
            return None

    def _competes(self, images: SeriesImages) -> bool:
        if not images.headers or any(images.mixed):
            return False
        ours, theirs = self._images.headers[0], images.headers[0]
        same = (ours.study_uid, ours.patient.id, ours.patient.issuer) == (
            theirs.study_uid,
            theirs.patient.id,
            theirs.patient.issuer,
        )
        if not same:
            return False
        rule = self._rule_of(images)
        return images.series.state is SeriesState.CLOSED or (rule is not None and rule.name == self._rule.name)

    def is_moving(self, standings: Mapping[int, Quiet], timing: Timing) -> bool:
        """Whether a rival still receives, or has not been quiet for as long as the rule waits for better ones."""
        return any(self._moves(images, standings, timing) for images in self.rivals)

    def settled_rivals(self, standings: Mapping[int, Quiet], timing: Timing) -> tuple[SeriesImages, ...]:
        """The rivals that can be compared now."""
        return tuple(images for images in self.rivals if not self._moves(images, standings, timing))

    def _moves(self, images: SeriesImages, standings: Mapping[int, Quiet], timing: Timing) -> bool:
        standing = standings.get(images.series.id)
        if images.series.state is not SeriesState.RECEIVING or (standing and timing.is_too_old(standing)):
            return False
        # A series that began after the last look has no standing yet.
        return standing is None or _is_unsettled(images, standing, timing)

    def missing(self, standings: Mapping[int, Quiet], timing: Timing) -> int:
        """Return how many of the series that the rule requires are not there, or still on their way."""
        return sum(not self._is_there(table, standings, timing) for table in self._rule.requires)

    def _is_there(self, table: Mapping[str, object], standings: Mapping[int, Quiet], timing: Timing) -> bool:
        for record in self._others:
            images = self._read(record)
            if images is None or not images.headers:
                continue
            if matches_where(images.facts, table) and not self._moves(images, standings, timing):
                return True
        return False


def _is_unsettled(images: SeriesImages, standing: Quiet, timing: Timing) -> bool:
    return timing.until_quiet(standing, images.associations) > 0 or standing.quiet < timing.wait
