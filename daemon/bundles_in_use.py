"""Which bundles are in use here: the configured ones, and the chosen versions of those that are installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.model.manifest import Manifest
    from hounsfield.storage.bundle_choice import BundleChoice

CONFIGURED, ACTIVE, SHIPPED = "configured", "active", "shipped"


@dataclass(frozen=True, slots=True)
class InUse:
    """One of them; nothing has been opened yet."""

    folder: Path
    use: str
    """Why: configured, active, or the demonstration that is shipped; empty for one that is only installed."""
    choice: "BundleChoice | None" = None


def chosen(settings: "Settings") -> "list[BundleChoice]":
    """Return what was chosen; nothing where there is no database yet. Raises StorageError."""
    from hounsfield.storage.engine import has_database, open_database

    url = settings.storage.resolved_database_url
    if not has_database(url):
        return []
    database = open_database(url, settings.storage.home, may_upgrade=False)
    try:
        return database.bundle_choices.current()
    finally:
        database.close()


def configured(settings: "Settings") -> list[InUse]:
    """Return the bundles that the configuration names; they go before whatever was chosen."""
    return [InUse(Path(entry.path), CONFIGURED) for entry in settings.bundle]


def in_use(settings: "Settings", choices: "Sequence[BundleChoice]") -> list[InUse]:
    """Return the bundles that new jobs may get, as the assembler finds them; some may be broken."""
    from hounsfield.daemon.bundles.shelf import installed_in
    from hounsfield.model.bundle import bundled

    named = configured(settings)
    names = {manifest.name for manifest in manifests_of(named)}
    installed = installed_in(settings)
    active = [
        InUse(installed.place_of(one.name, one.version or "", one.sha256 or ""), ACTIVE, one)
        for one in choices
        if one.name not in names
    ]
    return [*named, *active] or [InUse(bundled(), SHIPPED)]


def all_here(settings: "Settings", choices: "Sequence[BundleChoice]") -> list[InUse]:
    """Return those, then what is installed besides, which has no ``use``."""
    from hounsfield.daemon.bundles.shelf import installed_in

    used = in_use(settings, choices)
    folders = {one.folder for one in used}
    places = installed_in(settings).places()
    return [*used, *(InUse(place.folder, "") for place in places if place.folder not in folders)]


def in_use_now(settings: "Settings") -> list[InUse]:
    """The same, also while the database cannot be asked: then without what was chosen."""
    from hounsfield.storage.errors import StorageError

    try:
        choices = chosen(settings)
    except StorageError:
        choices = []
    return in_use(settings, choices)


def manifests_of(bundles: Sequence[InUse]) -> "list[Manifest]":
    """Return the manifests that can be read."""
    from hounsfield.model.errors import BundleError
    from hounsfield.model.manifest import Manifest

    manifests = []
    for one in bundles:
        try:
            manifests.append(Manifest.read(one.folder))
        except BundleError:
            continue  # `bundle lint` and `doctor` tell
    return manifests
