"""``hounsfield bundle install``, ``activate``, ``rollback``, ``deactivate`` and ``remove``: no restart, no lost job."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.bundles_in_use import configured, manifests_of
from hounsfield.daemon.cli import completion
from hounsfield.daemon.cli.context import ConfigOption, read_settings
from hounsfield.daemon.cli.exits import CommandFailed, NotFound
from hounsfield.daemon.cli.output import note
from hounsfield.daemon.cli.person import ByOption, person

if TYPE_CHECKING:
    from hounsfield.daemon.bundles.installed import InstalledBundles, Place
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.model.bundle import Bundle
    from hounsfield.storage.bundle_choice import BundleChoiceStore, ChoiceKind

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of an installed bundle.", autocompletion=completion.bundles),
]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="One of its installed versions.")]


def install(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|ZIP", help="A bundle: its folder, or a zip archive of it.")],
    use: Annotated[bool, typer.Option("--activate", help="Use it for new jobs from now on.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Verify a bundle, run its self-test and install it beside its other versions; nothing else changes yet."""
    from hounsfield.daemon.bundles.installing import install as put
    from hounsfield.daemon.bundles.shelf import installed_in
    from hounsfield.daemon.home import prepare_home

    settings = read_settings(config)
    prepare_home(settings)
    if sys.stderr.isatty():
        note(f"{source}: verifying it and running its self-test ...")
    bundle = put(source, installed_in(settings), lambda folder: _prove(folder, source))
    typer.echo(f"{bundle.label} is installed in {bundle.folder}")
    if use:
        activate(bundle.manifest.name, bundle.manifest.version, by, config)
    else:
        typer.echo(f"`hounsfield bundle activate {bundle.label}` uses it for new jobs")


def _prove(folder: Path, source: Path) -> None:
    from hounsfield.daemon.cli import model_probe

    try:
        answer = model_probe.ask("selftest", str(folder))
    except CommandFailed as failure:
        raise CommandFailed(failure.problem.replace(str(folder), str(source)), failure.remedy) from failure
    if not answer["passed"]:
        raise CommandFailed(
            f"{source}: its scores differ by {answer['largest_difference']:.2g} from those it was made with "
            f"(allowed {answer['tolerance']:g}, on {answer['device']})",
            "it is not installed; see that it was made for these library versions",
        )


def activate(name: NameArgument, version: VersionArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Use an installed version for new jobs, at once; jobs that wait are still done by the one they name."""
    from hounsfield.storage.bundle_choice import ChoiceKind

    with _stores(config) as (settings, installed, choices):
        _refuse_configured(settings, name)
        bundle = _opened(installed, name, version)
        _refuse_unmet_rules(settings, {one.name for one in choices.current()} | {name})
        if any(one.sha256 == bundle.sha256 for one in choices.current()):
            typer.echo(f"{bundle.label} is active already")
            return
        _choose(choices, bundle, ChoiceKind.ACTIVATED, person(by))
    typer.echo(f"{bundle.label} is active: new jobs name it from now on")


def rollback(name: NameArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Use the version again that was active before the present one."""
    from hounsfield.storage.bundle_choice import ChoiceKind, standing

    with _stores(config) as (settings, installed, choices):
        _refuse_configured(settings, name)
        before = standing(choices.history(name))[:-1]
        if not before or before[-1].version is None:
            raise CommandFailed(
                f"no version of '{name}' was active before the present one",
                f"`hounsfield bundle activate {name} VERSION` uses another one, `bundle deactivate {name}` none",
            )
        bundle = _opened(installed, name, before[-1].version)
        _refuse_unmet_rules(settings, {one.name for one in choices.current()} | {name})
        _choose(choices, bundle, ChoiceKind.ROLLED_BACK, person(by))
    typer.echo(f"{bundle.label} is active again: new jobs name it from now on")


def deactivate(name: NameArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Use no version of a bundle for new jobs any more; it stays installed."""
    from hounsfield.daemon.clock import SystemClock
    from hounsfield.storage.bundle_choice import BundleChoice, ChoiceKind

    with _stores(config) as (settings, _, choices):
        active = {one.name for one in choices.current()}
        if name not in active:
            raise NotFound(f"no version of '{name}' is active", "`hounsfield bundle list` shows what is")
        _refuse_unmet_rules(settings, active - {name})
        kind, now = ChoiceKind.DEACTIVATED, SystemClock().now()
        choices.choose(BundleChoice(name=name, version=None, sha256=None, kind=kind, at=now, person=person(by)))
        is_last = not settings.bundle and active == {name}
    typer.echo(f"{name} is not used any more" + ("; without any bundle the demonstration runs" if is_last else ""))


def remove(name: NameArgument, version: VersionArgument, config: ConfigOption = None) -> None:
    """Remove an installed version; not while it is active, nor while jobs wait for it."""
    with _stores(config) as (_, installed, choices):
        place = _place(installed, name, version)
        if any((one.name, one.version) == (name, version) for one in choices.current()):
            raise CommandFailed(f"{name} {version} is active", "choose another version first, or deactivate it")
        waiting = choices.unfinished(name, version)
        if waiting:
            raise CommandFailed(
                f"{waiting} job{'s' if waiting > 1 else ''} for {name} {version} {'have' if waiting > 1 else 'has'} "
                "not ended",
                "wait for them; `hounsfield jobs list` shows them",
            )
        installed.remove(place)
    typer.echo(f"{name} {version} is removed")


@contextmanager
def _stores(config: Path | None) -> "Iterator[tuple[Settings, InstalledBundles, BundleChoiceStore]]":
    """Open the database, made if there is none, with nobody else changing what is installed."""
    from hounsfield.daemon.bundles.shelf import installed_in
    from hounsfield.daemon.home import prepare_home
    from hounsfield.storage.engine import open_database

    settings = read_settings(config)
    database = open_database(settings.storage.resolved_database_url, prepare_home(settings), may_upgrade=False)
    try:
        installed = installed_in(settings)
        with installed.changing():
            yield settings, installed, database.bundle_choices
    finally:
        database.close()


def _choose(choices: "BundleChoiceStore", bundle: "Bundle", kind: "ChoiceKind", by: str) -> None:
    from hounsfield.daemon.clock import SystemClock
    from hounsfield.storage.bundle_choice import BundleChoice

    choices.choose(
        BundleChoice(
            name=bundle.manifest.name,
            version=bundle.manifest.version,
            sha256=bundle.sha256,
            kind=kind,
            at=SystemClock().now(),
            person=by,
        )
    )


def _place(installed: "InstalledBundles", name: str, version: str) -> "Place":
    place = installed.find(name, version)
    if place is None:
        raise NotFound(f"{name} {version} is not installed", "`hounsfield bundle list` shows what is")
    return place


def _opened(installed: "InstalledBundles", name: str, version: str) -> "Bundle":
    from hounsfield.model.bundle import open_bundle

    return open_bundle(_place(installed, name, version).folder)


def _refuse_configured(settings: "Settings", name: str) -> None:
    if name in {manifest.name for manifest in manifests_of(configured(settings))}:
        raise CommandFailed(
            f"'{name}' is named by a [[bundle]] of the configuration, which decides about it",
            "remove the [[bundle]] and restart the service to choose among installed versions",
        )


def _refuse_unmet_rules(settings: "Settings", active: set[str]) -> None:
    """Series that a rule takes must not be passed over because the bundle it asks for is gone."""
    from hounsfield.daemon.bundles_in_use import SHIPPED, InUse
    from hounsfield.daemon.config.rules import unknown_bundles
    from hounsfield.model.bundle import bundled

    entries = configured(settings)
    shipped = [] if entries or active else [InUse(bundled(), SHIPPED)]
    names = sorted(active | {manifest.name for manifest in manifests_of([*entries, *shipped])})
    unmet = unknown_bundles(settings.rule, names)
    if unmet:
        raise CommandFailed(
            f"then {unmet[0].key} would ask for a bundle that is not used: {unmet[0].wrong}",
            "change the rule first, or have that bundle active too",
        )
