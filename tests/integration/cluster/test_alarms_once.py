"""Couriers on several hosts tell of an alarm once; when the one that tells ends, another goes on where it was."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.postgres import PostgreSQL
from support.waiting import wait_until
from support.webhook_server import Webhook, webhook_server

from hounsfield.daemon import role_process
from hounsfield.daemon.app import Application, build
from hounsfield.daemon.config.settings import Settings
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.engine import upgrade

ALARMS = 6


@contextmanager
def telling(application: Application) -> Iterator[None]:
    """Let a host tell of alarms, as its courier does."""
    stop = threading.Event()
    thread = threading.Thread(target=role_process._tell_alarms, args=(application, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with webhook_server() as running:
        yield running


@pytest.fixture
def hosts(postgresql_cluster: PostgreSQL, tmp_path: Path, webhook: Webhook) -> Iterator[list[Application]]:
    url = postgresql_cluster.create_database("alarms_once")
    upgrade(url)
    made = [
        build(
            Settings.model_validate(
                {
                    "storage": {"home": str(tmp_path / name), "database_url": url, "spool": str(tmp_path / "spool")},
                    "alarms": {"webhook": webhook.url},
                }
            )
        )
        for name in ("one", "two")
    ]
    yield made
    for application in made:
        application.database.close()
    postgresql_cluster.drop_database("alarms_once")  # the clocks of the hosts keep connections of their own


def begin(application: Application, numbers: range) -> None:
    conditions = [Condition(kind=AlarmKind.DISK, subject=f"disk {number}", detail={}) for number in numbers]
    application.database.alarms.set([AlarmKind.DISK], conditions, application.clock.now())


def subjects(webhook: Webhook) -> list[str]:
    return [json.loads(one.body)["subject"] for one in webhook.posted if json.loads(one.body)["event"] == "began"]


def test_each_alarm_is_told_once_by_whichever_host_tells(hosts: list[Application], webhook: Webhook) -> None:
    first, second = hosts
    begin(first, range(ALARMS // 2))
    with telling(second):
        with telling(first):
            wait_until(lambda: len(subjects(webhook)) >= ALARMS // 2)
        begin(second, range(ALARMS))
        wait_until(lambda: len(subjects(webhook)) >= ALARMS)
    assert sorted(subjects(webhook)) == [f"disk {number}" for number in range(ALARMS)]
    assert first.database.alarms.untold() == []
