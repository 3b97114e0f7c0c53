"""``hounsfield db upgrade`` and ``db downgrade``: the schema of the job database, there and back."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.administration import note, operation, refuse_beside_service
from hounsfield.daemon.cli.asking import YesOption, ask
from hounsfield.daemon.cli.context import ConfigOption, read_settings, require_database
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.person import ByOption
from hounsfield.storage.operations import Action

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings


def upgrade(by: ByOption = None, config: ConfigOption = None) -> None:
    """Make the database if it is not there, and bring its schema up to date. Stop the service first.

    An embedded database is copied beside itself before. `hounsfield doctor --upgrade` tells what this would do.
    """
    from hounsfield.storage import engine

    settings = read_settings(config)
    settings.storage.home.mkdir(parents=True, exist_ok=True)
    url = settings.storage.resolved_database_url
    before, head = engine.check(url)
    if before not in (None, head):
        refuse_beside_service(settings)
    engine.upgrade(url)
    if settings.queue.wakes:
        from hounsfield.daemon.queue.schema import shipped_schema
        from hounsfield.storage.queue_schema import install

        install(url, shipped_schema())
    current, _ = engine.check(url)
    if before not in (None, current):
        note(settings, Action.UPGRADED, by, {"from": before, "to": current})
    typer.echo(f"database at revision {current}")


def downgrade(
    to: Annotated[
        str,
        typer.Option("--to", metavar="SCHEMA", help="What the older program needs, such as 0006.", show_default=False),
    ],
    yes: YesOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Bring the schema back to that of an older program, with every row. Stop the service first.

    Run it with the newer program, then install the older one. Nothing is analysed or sent again because of it, and what
    receivers have acknowledged stays. An embedded database is copied beside itself before.
    """
    from hounsfield.storage import engine
    from hounsfield.storage.going_back import go_back

    settings = read_settings(config)
    require_database(settings)
    refuse_beside_service(settings)
    url = settings.storage.resolved_database_url
    before, _ = engine.check(url)
    _refuse_shared(settings, to)
    ask(f"Bring the database from schema {before} back to {to}?", yes=yes, instead="add --yes to go back")
    copy = go_back(url, to, operation(Action.WENT_BACK, by, {"from": before, "to": to}))
    typer.echo(f"database at revision {to}, with every row")
    if copy is not None:
        typer.echo(f"as it was before: {copy}")
    typer.echo("install the older program before the service starts again: this one would upgrade the database anew")
    _tell_of_keys(settings, to)


def _refuse_shared(settings: "Settings", revision: str) -> None:
    """Older programs look for results, bundles and keys in ``storage.home`` alone."""
    from hounsfield.daemon.config.renames import keys_unknown_at

    storage = settings.storage
    if storage.shared_folder != storage.home and "storage.shared" in keys_unknown_at(settings.origin, revision):
        raise CommandFailed(
            f"results and bundles lie in {storage.shared_folder}, and the program of schema {revision} does not know"
            " storage.shared: it would not find them",
            "set storage.home to that folder on the one host that goes on, take storage.shared out, and try again",
        )


def _tell_of_keys(settings: "Settings", revision: str) -> None:
    from hounsfield.daemon.config.renames import keys_unknown_at

    for key, instead in keys_unknown_at(settings.origin, revision).items():
        typer.echo(f"in {settings.origin.name(key)}: {key}: {instead}")
