"""``hounsfield console``: who may sign in to the web pages."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import NotFound, UsageFault
from hounsfield.daemon.cli.output import json_line, local, note, show_table
from hounsfield.daemon.cli.person import ByOption, person, write_down
from hounsfield.storage.operations import Action

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database

COLUMNS = ("name", "made", "password since")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

app = typer.Typer(name="console", help="The web pages: who may sign in.", no_args_is_help=True)
account = typer.Typer(name="account", help="Accounts of people who may sign in.", no_args_is_help=True)
app.add_typer(account)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As it is typed to sign in.")]


@app.callback()
def group() -> None:
    r"""Web pages for admins: the role `console` serves them, \[console] configures it."""


@account.command("add")
def add(
    name: NameArgument,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", metavar="FILE", help="Its first line is the password; without it: a prompt."),
    ] = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Add an account, or give it a new password; whoever is signed in by that name is signed out."""
    if not _NAME.fullmatch(name):
        raise UsageFault(f'"{name}" cannot be a name', "1 to 64 letters, digits and . _ @ -, a letter or digit first")
    who = person(by)
    with open_stores(config) as (_, database):
        password = _prompted() if password_file is None else _from_file(password_file)
        is_new = _put(database, name, password)
        write_down(database, Action.ACCOUNT_CHANGED, who, _change(name, "added" if is_new else "password changed"))
    note(f"{name} may sign in" if is_new else f"{name} has a new password; sign-ins by that name have ended")


@account.command("list")
def list_accounts(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the accounts."""
    with open_stores(config) as (_, database):
        accounts = database.accounts.accounts()
    if as_json:
        for one in accounts:
            json_line({"name": one.name, "created_at": one.created_at, "changed_at": one.changed_at})
    elif accounts:
        show_table(COLUMNS, [(one.name, local(one.created_at), local(one.changed_at)) for one in accounts])
    else:
        note("there is no account: `hounsfield console account add NAME` makes one")


@account.command("remove")
def remove(name: NameArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Remove an account; whoever is signed in by that name is signed out."""
    who = person(by)
    with open_stores(config) as (_, database):
        if not database.accounts.remove(name):
            raise NotFound("there is no such account", "`hounsfield console account list` shows them")
        write_down(database, Action.ACCOUNT_CHANGED, who, _change(name, "removed"))
    note(f"{name} may not sign in any more")


def _prompted() -> str:
    if not sys.stdin.isatty():
        raise UsageFault("there is no terminal to ask for the password at", "give it with --password-file")
    return _checked(str(typer.prompt("Password", hide_input=True, confirmation_prompt=True)))


def _from_file(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UsageFault(f"{file} is not text in UTF-8", "its first line is the password") from None
    return _checked(lines[0] if lines else "")


def _checked(password: str) -> str:
    from hounsfield.daemon.console.passwords import LONGEST, SHORTEST

    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageFault(f"a password of {len(password)} characters", f"it takes {SHORTEST} to {LONGEST}")
    return password


def _put(database: "Database", name: str, password: str) -> bool:
    from hounsfield.daemon.console.passwords import Passwords
    from hounsfield.storage.accounts import Account

    now = database.now()
    known = database.accounts.account(name)
    created = now if known is None else known.created_at
    hashed = Passwords().hash(password)
    return database.accounts.put(Account(name=name, password=hashed, created_at=created, changed_at=now))


def _change(name: str, change: str) -> dict[str, object]:
    return {"account": name, "change": change}
