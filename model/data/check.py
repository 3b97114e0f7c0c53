"""Looks at a whole data set: every file, every series, every label. Only digests and tables stay in memory."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from hounsfield.model.data.config import Cq500Config, DataSet, FileConfig, ImagesConfig
from hounsfield.model.data.examine import Options, Seen, SeriesSeen, SeriesTask, examine, unexamined
from hounsfield.model.data.glance import Glance, GlanceTask, glance, key_of, unread
from hounsfield.model.data.judge import Evidence, judge
from hounsfield.model.data.layouts import list_files
from hounsfield.model.data.listing import Listed, Listing, led_out
from hounsfield.model.data.parallel import in_order
from hounsfield.model.data.problems import NEVER_USABLE, Consequence, Kind, Problem, consequence
from hounsfield.model.data.rows import Row
from hounsfield.model.data.tables import knows
from hounsfield.model.errors import DataError
from hounsfield.model.manifest import Preference

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_FILES_AT_ONCE: Final = 64
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A data set that was looked at."""

    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    """Of every image, those of a series together and in its order."""
    problems: tuple[Problem, ...]
    accepted: frozenset[Kind]

    @property
    def clean(self) -> bool:
        """Whether nothing had to be excluded but what serving leaves out too."""
        return not any(self.spoils(kind) for kind in self.counts())

    @property
    def kept(self) -> list[Row]:
        """The images of the clean manifest."""
        return [row for row in self.rows if row.why is None]

    @property
    def usable(self) -> list[Row]:
        """What can be prepared at all, clean or not."""
        return [
            row
            for row in self.rows
            if row.why not in NEVER_USABLE and row.digest and (knows(row.truth) or knows(row.series_truth))
        ]

    def counts(self) -> dict[Kind, int]:
        """Return how often each kind of problem was found, in the order of :class:`Kind`."""
        found = Counter(problem.kind for problem in self.problems)
        return {kind: found[kind] for kind in Kind if found[kind]}

    def spoils(self, kind: Kind) -> bool:
        """Whether one problem of this kind makes the data set unclean."""
        return consequence(kind) is Consequence.UNCLEAN and kind not in self.accepted


def silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody about progress."""


def check(data: DataSet, *, processes: int = 2, progress: Progress = silent) -> Checked:
    """Look at every image of a data set of files.

    A broken file is listed and never stops the run. Raises DataError for a configuration or table that cannot be
    used, and where there is no file at all.
    """
    config = data.files
    progress("listing files", 0, 0)
    listing = list_files(data)
    if not listing.files:
        raise DataError(f"{data.root}: holds no image files")
    astray = led_out(data.root, listing.files)
    glances = {one.file: one for one in _glances(data, config, listing, astray, processes, progress)}
    tasks, refused = _tasks(data, config, listing, glances, astray)
    seen = [*refused, *_examined(tasks, processes, progress)]
    evidence = Evidence(
        labels=config.labels,
        salt=config.salt,
        listing=listing,
        listed={one.file: one for one in listing.files},
        glances=glances,
    )
    judged = judge(evidence, seen, config.accept)
    return Checked(
        labels=config.labels,
        rows=tuple(judged.rows),
        problems=(*listing.problems, *judged.problems),
        accepted=frozenset(config.accept),
    )


def _glances(
    data: DataSet, config: FileConfig, listing: Listing, astray: set[str], processes: int, progress: Progress
) -> Iterator[Glance]:
    total, done = len(listing.files), len(astray)
    yield from (Glance(file) for file in astray)
    names = [one.file for one in listing.files if one.file not in astray]
    by_instance = bool(listing.by_instance)
    tasks = (GlanceTask(data.root, config.salt, tuple(part), by_instance) for part in _batches(names, _FILES_AT_ONCE))
    for answers in in_order(glance, tasks, processes, _unread):
        done += len(answers)
        progress("reading headers", done, total)
        yield from (one.shared() for one in answers)


def _unread(task: GlanceTask) -> list[Glance]:
    return unread(task.files, "Reading the file ended the process that reads.")


def _tasks(
    data: DataSet, config: FileConfig, listing: Listing, glances: dict[str, Glance], astray: set[str]
) -> tuple[list[SeriesTask], list[SeriesSeen]]:
    """Sort the files into series, in the order of their names; what cannot be read is a series of its own."""
    pictures = frozenset(one.file for one in glances.values() if one.picture)
    if pictures and not (isinstance(config, ImagesConfig) and config.image_range is not None):
        words = "PNG and JPEG hold grey values, not HU; give data.image_range = [HU of black, HU of white]"
        if not isinstance(config, ImagesConfig):
            words = "PNG and JPEG are read in the layout images only"
        raise DataError(f"{data.file}: {min(pictures)}: {words}")
    options = _options(config)
    series: dict[str, list[Listed]] = defaultdict(list)
    refused = []
    for one in listing.files:
        seen = glances[one.file]
        problem = Kind.OUTSIDE if one.file in astray else Kind.UNREADABLE if seen.problem else None
        key = _series_key(config, one, seen)
        if problem is None:
            series[key].append(one)
        else:
            words = "It is a link out of the folder of the data set." if one.file in astray else seen.problem
            refused.append(SeriesSeen(key=key, slices=(Seen(file=one.file, problem=problem, words=words),)))
    tasks = [
        SeriesTask(
            root=data.root,
            key=key,
            files=tuple(files),
            pictures=pictures & {one.file for one in files},
            options=options,
        )
        for key, files in series.items()
    ]
    return tasks, refused


def _series_key(config: FileConfig, listed: Listed, seen: Glance) -> str:
    """A name that does not show the UID, which may be one that an archive finds a patient by."""
    if listed.series:
        return "s" + key_of(config.salt, "series by table", listed.series)
    if seen.series_uid and not seen.picture:
        return "s" + key_of(config.salt, "series", listed.study, seen.series_uid)
    return "s" + key_of(config.salt, "file", listed.file)


def _options(config: FileConfig) -> Options:
    images = config if isinstance(config, ImagesConfig) else None
    return Options(
        modality=config.modality,
        head=config.anatomy == "head",
        preference=Preference() if isinstance(config, ImagesConfig) else config.preference,
        exclude=config.exclude if isinstance(config, Cq500Config) else None,
        ordered=images is None,
        pixel_mm=images.pixel_mm if images else None,
    )


def _examined(tasks: Sequence[SeriesTask], processes: int, progress: Progress) -> Iterator[SeriesSeen]:
    total, done = sum(len(task.files) for task in tasks), 0
    for answers in in_order(examine, _by_size(tasks), processes, unexamined):
        done += sum(len({one.file for one in series.slices}) for series in answers)
        progress("looking at images", done, total)
        yield from answers


def _by_size(tasks: Iterable[SeriesTask]) -> Iterator[list[SeriesTask]]:
    """Small series go together, so that single pictures do not cost a message each."""
    batch: list[SeriesTask] = []
    count = 0
    for task in tasks:
        if batch and count + len(task.files) > _FILES_AT_ONCE:
            yield batch
            batch, count = [], 0
        batch.append(task)
        count += len(task.files)
    if batch:
        yield batch


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    coming = iter(items)
    while batch := list(itertools.islice(coming, size)):
        yield batch
