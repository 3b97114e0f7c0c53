"""A console over a database of its own, for tests."""

from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from fastapi import FastAPI
from support.browser import Browser
from support.fakes import ManualClock

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console.app import make_app
from hounsfield.daemon.console.live import Live
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.accounts import Account
from hounsfield.storage.engine import Database
from hounsfield.storage.results import ResultFiles

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2id that takes no time."""
PASSWORD = "correct horse battery"


def console_settings(home: Path, **console: Any) -> Settings:
    return Settings.model_validate({"storage": {"home": str(home)}, "console": console})


def console_parts(
    database: Database, home: Path, settings: Settings | None = None, clock: Clock | None = None
) -> ConsoleParts:
    return ConsoleParts(
        settings=settings or console_settings(home),
        database=database,
        files=ResultFiles(home),
        home=home,
        hasher=UidHasher(b"k" * 32),
        clock=clock or ManualClock(),
        version="0.0.0",
        host="console7",
    )


def console_app(parts: ConsoleParts, hasher: PasswordHasher = QUICK) -> FastAPI:
    return make_app(parts, Live(parts.database.watcher()), hasher)


def add_account(database: Database, clock: Clock, name: str = "anna", hasher: PasswordHasher = QUICK) -> None:
    now = clock.now()
    database.accounts.put(Account(name=name, password=hasher.hash(PASSWORD), created_at=now, changed_at=now))


def signed_in(app: FastAPI, name: str = "anna") -> Browser:
    """A browser whose person has signed in; the account is there already."""
    browser = Browser(app)
    assert browser.sign_in(name, PASSWORD).status == 303
    return browser
