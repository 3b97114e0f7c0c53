"""Removes what has had its time: images, result files, rows of the job log. Rows first, then files."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.retention.archive import JobArchive
from hounsfield.daemon.retention.policy import Keep, Policy
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.purging import Holding, MayGo, PurgeStore, SeriesStanding, pages
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.spool import Spool


class Rule(StrEnum):
    """Why something goes, in the order in which it is looked at."""

    IMAGES = "images"
    """They are older than retention.images_days."""
    SPACE = "space"
    """The spool's file system has less free space than retention.free_percent: images go before their time."""
    RESULTS = "results"
    """Older than retention.results_days."""
    JOBS = "jobs"
    """Older than retention.jobs_days."""

    @property
    def holding(self) -> Holding:
        """What goes by it."""
        return Holding.IMAGES if self is Rule.SPACE else Holding(self.value)


RULE_WORDS: dict[Rule, str] = {
    Rule.IMAGES: "images after their time",
    Rule.SPACE: "images for space",
    Rule.RESULTS: "results and previews",
    Rule.JOBS: "rows of the job log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What went, or would go, by one rule."""

    series: int = 0
    files: int = 0
    """Of the job log: rows."""
    bytes: int = 0
    oldest: datetime | None = None
    """The last that happened to the series that has waited longest."""
    kept: Mapping[Keep, int] = field(default_factory=dict)
    """Series that are old enough and stay, by why."""

    def plus(self, at: datetime, files: int, size: int) -> "Tally":
        """Return this with one more series."""
        oldest = at if self.oldest is None else min(self.oldest, at)
        return replace(self, series=self.series + 1, files=self.files + files, bytes=self.bytes + size, oldest=oldest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What is removed from."""

    purges: PurgeStore
    series: SeriesStore
    jobs: JobStore
    spool: Spool
    files: ResultFiles
    previews: Path
    archive: JobArchive


class Purger:
    """Looks at series and removes of them what the policy lets go. Raises StorageError and ArchiveFailed."""

    def __init__(self, stores: Stores, policy: Policy, free_percent: float, clock: Clock) -> None:
        self._stores = stores
        self._policy = policy
        self._free_percent = free_percent
        self._clock = clock

    def lacks_space(self, freed: int = 0) -> bool:
        """Whether the spool's file system has too little free space, also with so many bytes more. Raise SpoolError.

        A home in which nothing was received yet has no spool, and nothing to make room with.
        """
        if not self._stores.spool.folder.exists():
            return False
        space = self._stores.spool.space()
        return (space.free + freed) * 100 < space.total * self._free_percent

    def plan(self, look: Callable[[int], object] = lambda _: None) -> dict[Rule, Tally]:
        """Return what would go now by each rule; nothing is changed. ``look`` is called for each series looked at."""
        found: dict[Rule, Tally] = {}
        gone: dict[Holding, set[int]] = {holding: set() for holding in Holding}
        freed = 0
        for rule in Rule:
            tally, kept = Tally(), Counter[Keep]()
            for one in self._old(rule, look):
                if rule is Rule.SPACE and not self.lacks_space(freed):
                    break
                left = _without(one, gone)
                keep = self._keeps(rule, left)
                if one.series_id in gone[rule.holding] or keep is Keep.RECENT:
                    continue
                if keep is not None:
                    kept[keep] += 1
                    continue
                count, size = _amount(rule, one)
                tally = tally.plus(one.last_at, count, size)
                gone[rule.holding].add(one.series_id)
                freed += size if rule.holding is Holding.IMAGES else 0
            found[rule] = replace(tally, kept=dict(kept))
        return found

    def _old(self, rule: Rule, look: Callable[[int], object]) -> Iterator[SeriesStanding]:
        """Yield the series that may be old enough for a rule."""
        if rule is Rule.SPACE and not self.lacks_space():
            return
        for series_id in pages(self._stores.purges, rule.holding, self._before(rule)):
            look(series_id)
            one = self._stores.purges.standing(series_id)
            if one is not None:
                yield one

    def _before(self, rule: Rule) -> datetime:
        return self._policy.before(rule.holding, self._clock.now(), pressed=rule is Rule.SPACE)

    def _keeps(self, rule: Rule, one: SeriesStanding) -> Keep | None:
        return self._policy.keeps(rule.holding, one, self._clock.now(), pressed=rule is Rule.SPACE)

    def carry_out(
        self, rule: Rule, *, after_id: int = 0, stop: Callable[[], bool] = lambda: False
    ) -> tuple[Tally, int]:
        """Remove what a rule lets go until it is done or ``stop`` says so.

        Return what went, and the id of the series to go on behind; 0 when there are no more.
        """
        pressed, tally = rule is Rule.SPACE, Tally()
        if pressed and not self.lacks_space():
            return tally, 0
        for series_id in pages(self._stores.purges, rule.holding, self._before(rule), after_id):
            if stop():
                return tally, after_id
            after_id = series_id
            tally = self._remove(rule, series_id, tally)
            if pressed and not self.lacks_space():
                break
        return tally, 0

    def _remove(self, rule: Rule, series_id: int, tally: Tally) -> Tally:
        """Look without a lock first, since most that are old but not finished stay so for long."""
        standing = self._stores.purges.standing(series_id)
        if standing is None or self._keeps(rule, standing) is not None:
            return tally
        went = _REMOVALS[rule](self, series_id, lambda one: self._keeps(rule, one) is None)
        if went is None:
            return tally
        return tally.plus(standing.last_at, went, _amount(rule, standing)[1])

    def _remove_images(self, series_id: int, may_go: MayGo) -> int | None:
        forget = partial(self._stores.purges.remove_images, series_id, may_go, self._clock.now())
        return self._stores.spool.remove(forget, self._stores.series.registered_digests) or None

    def _remove_results(self, series_id: int, may_go: MayGo) -> int | None:
        uids = self._stores.purges.remove_results(series_id, may_go, self._clock.now())
        return None if uids is None else self.remove_files(uids)

    def remove_files(self, uids: tuple[str, ...]) -> int:
        """Delete files and previews of result objects that are marked removed; return how many are."""
        removed = self._stores.purges.removed_results(uids)
        for uid in removed:
            self._stores.files.remove(uid)
            (self._stores.previews / f"{uid}.png").unlink(missing_ok=True)
        return len(removed)

    def _remove_jobs(self, series_id: int, may_go: MayGo) -> int | None:
        stores = self._stores
        self.remove_files(tuple(stores.purges.result_uids(series_id)))  # what a crash has left of them
        jobs = stores.jobs.of_series(series_id)
        if jobs:
            with stores.spool.files_may_go() as check:  # two who write at the end of one file lose each other's lines
                stores.archive.append(jobs, self._clock.now())
                check()
        rows = stores.purges.remove_jobs(series_id, may_go)
        return None if rows is None else rows.jobs + rows.events


_REMOVALS: dict[Rule, Callable[[Purger, int, MayGo], int | None]] = {
    Rule.IMAGES: Purger._remove_images,
    Rule.SPACE: Purger._remove_images,
    Rule.RESULTS: Purger._remove_results,
    Rule.JOBS: Purger._remove_jobs,
}


def _without(one: SeriesStanding, gone: Mapping[Holding, set[int]]) -> SeriesStanding:
    """Return a series as it stands when what was found by now has gone."""
    return replace(
        one,
        images=0 if one.series_id in gone[Holding.IMAGES] else one.images,
        results=0 if one.series_id in gone[Holding.RESULTS] else one.results,
    )


def _amount(rule: Rule, one: SeriesStanding) -> tuple[int, int]:
    """Return files (rows of the job log) and bytes that go with a series."""
    if rule.holding is Holding.IMAGES:
        return one.images, one.image_bytes
    if rule.holding is Holding.RESULTS:
        return one.results, one.result_bytes
    return len(one.jobs), 0
