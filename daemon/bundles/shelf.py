"""The bundles that are used: those of the configuration, and the chosen versions of those that were installed.

All are opened once per process: hashes verified, nothing executed. A bundle that cannot be used when the service starts
is refused (:func:`open_shelf`). Later, in a process that others rely on, it must stop nothing (:class:`BundleShelf`):
what was good stays in use, and where there is nothing good no series is decided on, since it could be passed over.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from hounsfield.daemon.bundles.installed import InstalledBundles
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.rules import unknown_bundles
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError, ConfigurationProblem
from hounsfield.model.bundle import Bundle, bundled, open_bundle
from hounsfield.model.errors import BundleError
from hounsfield.storage.bundle_choice import BundleChoice, Choices, standing

log = structlog.get_logger("hounsfield.bundles")

LOOK_AGAIN_SECONDS = 30.0
"""How often what could not be opened is tried again."""


def installed_in(settings: Settings) -> InstalledBundles:
    """Return the folder of installed bundles."""
    return InstalledBundles(settings.storage.shared_folder / "bundles")


def open_configured(settings: Settings) -> tuple[Bundle, ...]:
    """Open every bundle that the configuration names, and see that rules ask for none that is not there.

    Raises :class:`ConfigurationError` for one that cannot be used, since it may not be left out: a series that only
    it wants would be skipped without a word.
    """
    bundles = tuple(_open(settings, number) for number in range(len(settings.bundle)))
    names = [bundle.manifest.name for bundle in bundles]
    if len(set(names)) != len(names):
        problem = ConfigurationProblem(
            source=settings.origin.name("bundle"),
            key="bundle",
            wrong="two bundles have the same name",
            allowed="remove one of them",
        )
        raise ConfigurationError((problem,))
    known = [*names, *sorted({place.name for place in installed_in(settings).places()} - set(names))]
    problems = unknown_bundles(settings.rule, known if names else [*known, _shipped().manifest.name], _rules(settings))
    if problems:
        raise ConfigurationError(problems)
    return bundles


def _rules(settings: Settings) -> str:
    return settings.origin.name("rule")


def _open(settings: Settings, number: int) -> Bundle:
    key = f"bundle[{number}].path"
    folder = Path(settings.bundle[number].path)
    try:
        return open_bundle(folder)
    except BundleError as error:
        problem = ConfigurationProblem(
            source=settings.origin.name(key),
            key=key,
            wrong=str(error),
            allowed=f"`hounsfield bundle lint {folder}` lists all that is wrong with it",
        )
        raise ConfigurationError((problem,)) from error


def _shipped() -> Bundle:
    return open_bundle(bundled())


class NothingChosen:
    """The choices of a home that has no database yet."""

    def last_id(self) -> int:
        """Return that of no choice."""
        return 0

    def current(self) -> list[BundleChoice]:
        """Return nothing."""
        return []

    def history(self, name: str) -> list[BundleChoice]:  # noqa: ARG002
        """Return nothing."""
        return []


class BundleShelf:
    """Which bundles new jobs get, and where the one of an older job is found. Used by one thread."""

    def __init__(self, settings: Settings, choices: Choices, clock: Clock) -> None:
        """Look for the first time. Raises StorageError where the database cannot be asked."""
        self._settings = settings
        self._choices = choices
        self._clock = clock
        self._installed = installed_in(settings)
        self._opened: dict[Path, Bundle] = {}
        self._look_at = 0.0
        self._told: tuple[Sequence[str], Sequence[str], Sequence[str]] = (), (), ()
        self.bundles: tuple[Bundle, ...] = ()
        """For new jobs. Changes in :meth:`refresh` only."""
        self.problems: tuple[str, ...] = ()
        """What could not be opened, in words."""
        self.missing: tuple[str, ...] = ()
        """Bundles that are wanted and of which no version can be used."""
        self._seen = self._choices.last_id()
        self._look()

    def refresh(self) -> bool:
        """Take up what was chosen meanwhile, and log what is new; True if ``bundles`` are others now.

        One number is read where nothing has changed. Raises StorageError.
        """
        before, last = self.bundles, self._choices.last_id()
        if last != self._seen or (self.problems and self._clock.monotonic() >= self._look_at):
            self._look()
            self._seen = last
        self._tell()
        return self.bundles != before

    def exact(self, sha256: str) -> Bundle | None:
        """Return the bundle with this digest: one in use, or installed. None if it is not there, or was changed."""
        for bundle in self.bundles:
            if bundle.sha256 == sha256:
                return bundle
        try:
            return self._installed.exact(sha256)
        except BundleError as error:
            log.error("an installed bundle cannot be used", error=str(error))
            return None

    def verified(self, sha256: str) -> Bundle | None:
        """As :meth:`exact`, but what lies on disk is hashed again now: for whoever loads it."""
        known = self.exact(sha256)
        if known is None:
            return None
        try:
            bundle = open_bundle(known.folder)
        except BundleError as error:
            log.error("a bundle was changed since it was opened", error=str(error))
            return None
        return bundle if bundle.sha256 == sha256 else None

    def for_report(self, name: str, sha256: str) -> Bundle:
        """Return what a not-analysed report is written for: the exact bundle, else its name, else any."""
        exact = self.exact(sha256)
        same_name = [bundle for bundle in self.bundles if bundle.manifest.name == name]
        return exact or next(iter([*same_name, *self.bundles]), None) or _shipped()

    def _look(self) -> None:
        problems: list[str] = []
        configured = self._configured(problems)
        names = {bundle.manifest.name for bundle in configured}
        chosen = self._choices.current()
        found = [self._of_choice(choice, problems) for choice in chosen if choice.name not in names]
        problems += [
            f"{choice.name} is configured: its chosen version {choice.version} is not used"
            for choice in chosen
            if choice.name in names
        ]
        bundles = (*configured, *(bundle for bundle in found if bundle is not None))
        if not self._settings.bundle and not chosen:
            bundles = (_shipped(),)
        have = {bundle.manifest.name for bundle in bundles}
        wanted = {choice.name for choice in chosen} | {name for rule in self._settings.rule for name in rule.bundle}
        self.missing = (*sorted(wanted - have), *self._closed())
        self.problems, self.bundles = tuple(problems), bundles
        self._look_at = self._clock.monotonic() + LOOK_AGAIN_SECONDS

    def _configured(self, problems: list[str]) -> list[Bundle]:
        for entry in self._settings.bundle:
            folder = Path(entry.path)
            if folder in self._opened:
                continue
            try:
                self._opened[folder] = open_bundle(folder)
            except BundleError as error:
                problems.append(str(error))
        return [self._opened[Path(entry.path)] for entry in self._settings.bundle if Path(entry.path) in self._opened]

    def _closed(self) -> Iterator[str]:
        return (str(entry.path) for entry in self._settings.bundle if Path(entry.path) not in self._opened)

    def _of_choice(self, choice: BundleChoice, problems: list[str]) -> Bundle | None:
        """Return the chosen version, else the one in use so far, else the last one before it that can be opened."""
        held = next((bundle for bundle in self.bundles if bundle.manifest.name == choice.name), None)
        if held is not None and held.sha256 == choice.sha256:
            return held
        try:
            found = self._installed.exact(choice.sha256 or "")
        except BundleError as error:
            problems.append(str(error))
        else:
            if found is not None:
                return found
            problems.append(f"{choice.name} {choice.version}: is chosen, but it is not installed any more")
        return held or self._earlier(choice)

    def _earlier(self, choice: BundleChoice) -> Bundle | None:
        for before in reversed(standing(self._choices.history(choice.name))[:-1]):
            if before.sha256 is None:
                return None
            bundle = self.exact(before.sha256)
            if bundle is not None:
                return bundle
        return None

    def _tell(self) -> None:
        """Log what has not been logged yet. Commands look too, but have their own words."""
        problems, missing, labels = self._told
        for problem in self.problems:
            if problem not in problems:
                log.error("bundle not used", error=problem)
        if self.missing and self.missing != missing:
            log.error("no series is decided on: no usable version of a wanted bundle", bundles=list(self.missing))
        now = [bundle.label for bundle in self.bundles]
        if now != labels:
            log.info("bundles in use", bundles=now)
        self._told = self.problems, self.missing, now
