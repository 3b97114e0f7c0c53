"""The configured bundles, opened once per process: hashes verified, nothing executed."""

from collections.abc import Sequence
from pathlib import Path

from hounsfield.daemon.config.rules import unknown_bundles
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError, ConfigurationProblem
from hounsfield.model.bundle import Bundle, bundled, open_bundle
from hounsfield.model.errors import BundleError


class BundleShelf:
    """Finds the bundle of a job."""

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        self.bundles = tuple(bundles)

    def exact(self, sha256: str) -> Bundle | None:
        """Return the bundle with this digest, None if it is no longer installed."""
        return next((bundle for bundle in self.bundles if bundle.sha256 == sha256), None)

    def for_report(self, name: str, sha256: str) -> Bundle:
        """Return what a not-analysed report is written for: the exact bundle, else its name, else any."""
        exact = self.exact(sha256)
        same_name = [bundle for bundle in self.bundles if bundle.manifest.name == name]
        return exact or next(iter([*same_name, *self.bundles]))


def open_shelf(settings: Settings) -> BundleShelf:
    """Open every configured bundle, the shipped demonstration bundle if none is configured.

    Raises :class:`ConfigurationError` for one that cannot be used, since it may not be left out: a series that only
    it wants would be skipped without a word; and for a [[rule]] that asks for a bundle that is not there.
    """
    shelf = _shelf(settings)
    problems = unknown_bundles(
        settings.rule, [bundle.manifest.name for bundle in shelf.bundles], settings.origin.name("rule")
    )
    if problems:
        raise ConfigurationError(problems)
    return shelf


def _shelf(settings: Settings) -> BundleShelf:
    if not settings.bundle:
        return BundleShelf([open_bundle(bundled())])
    shelf = BundleShelf([_open(settings, number) for number in range(len(settings.bundle))])
    names = [bundle.manifest.name for bundle in shelf.bundles]
    if len(set(names)) != len(names):
        problem = ConfigurationProblem(
            source=settings.origin.name("bundle"),
            key="bundle",
            wrong="two bundles have the same name",
            allowed="remove one of them",
        )
        raise ConfigurationError((problem,))
    return shelf


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
