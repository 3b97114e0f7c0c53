"""Whether the service lives, and whether it takes images: what a load balancer is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console import health
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.components import Component
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.destination_state import DestinationState
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.results import ResultFiles


@dataclass
class Scene:
    """A site of health pages."""

    parts: ConsoleParts
    clock: ManualClock

    @property
    def database(self) -> Database:
        return self.parts.database

    def get(self, path: str) -> tuple[int, str]:
        routes: dict[str, Any] = {getattr(one, "path", ""): one for one in health.router(self).routes}
        answer = routes[path].endpoint()
        return answer.status_code, answer.body.decode()

    def receiver(self, name: str = "receiver@node7", host: str = "node7", **facts: object) -> None:
        now = self.clock.now()
        self.database.components.started(
            Component(
                name=name,
                role="receiver",
                host=host,
                pid=1,
                version="1.2.3",
                started_at=now,
                seen_at=now,
                facts={"listens": True, "refuses": False} | facts,
            )
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    database, clock = open_database(None, tmp_path), ManualClock()
    parts = ConsoleParts(
        settings=Settings.model_validate({"storage": {"home": str(tmp_path)}}),
        database=database,
        files=ResultFiles(tmp_path),
        home=tmp_path,
        hasher=UidHasher(b"k" * 32),
        clock=clock,
        version="1.2.3",
        host="console7",
    )
    yield Scene(parts, clock)
    database.close()


def test_a_process_that_answers_is_alive_whatever_else_is_wrong(scene: Scene) -> None:
    (scene.parts.home / "hounsfield.db").unlink()
    assert scene.get("/livez") == (200, "alive\n")


def test_a_receiver_that_listens_makes_the_service_ready(scene: Scene) -> None:
    scene.receiver()
    assert scene.get("/readyz") == (200, "ready\n")


def test_without_a_receiver_it_is_not_ready(scene: Scene) -> None:
    status, text = scene.get("/readyz")
    assert (status, text.split(":")[0]) == (503, "receiver")
    scene.receiver()
    scene.clock.advance(scene.parts.settings.alarms.component_seconds + 1)
    assert "none was heard of lately" in scene.get("/readyz")[1]


def test_a_receiver_that_ended_as_it_was_asked_to_is_none(scene: Scene) -> None:
    scene.receiver(ended=True)
    assert scene.get("/readyz")[0] == 503


def test_a_receiver_that_is_starting_or_refuses_images_is_told_apart(scene: Scene) -> None:
    scene.receiver(listens=False)
    assert "it is starting" in scene.get("/readyz")[1]
    scene.receiver(refuses=True)
    assert "refused with A700" in scene.get("/readyz")[1]
    scene.receiver("receiver-2@node7")
    assert scene.get("/readyz")[0] == 200


def test_a_console_beside_a_receiver_speaks_for_its_own_host_only(scene: Scene) -> None:
    scene.receiver()
    scene.receiver("receiver@console7", host="console7", refuses=True)
    assert "refused with A700" in scene.get("/readyz")[1]
    scene.receiver("receiver@console7", host="console7")
    scene.receiver(listens=False)
    assert scene.get("/readyz") == (200, "ready\n")
    scene.receiver("receiver@console7", host="console7", ended=True)
    assert scene.get("/readyz")[0] == 503, "what ended here gets no images, whoever else takes them"


def test_intake_that_a_person_paused_is_told_without_their_words(scene: Scene) -> None:
    scene.receiver()
    scene.database.control.pause(
        Pause(part=Part.INTAKE, since=scene.clock.now(), note="DOE^JOHN is on the table", person="anna")
    )
    assert scene.get("/readyz") == (503, "intake: paused since 2026-03-01 12:00 UTC (hounsfield resume intake)\n")


def test_a_pause_of_delivery_and_a_pacs_that_is_down_fail_neither(scene: Scene) -> None:
    scene.receiver()
    now = scene.clock.now()
    scene.database.control.pause(Pause(part=Part.DELIVERY, since=now))
    scene.database.destination_states.put(
        DestinationState(name="pacs", is_open=True, since=now - timedelta(days=1), failures=100)
    )
    assert scene.get("/readyz") == (200, "ready\n")
    assert scene.get("/livez")[0] == 200


def test_a_database_that_does_not_answer_fails_and_says_nothing_else(scene: Scene) -> None:
    scene.receiver()
    scene.database.close()
    (scene.parts.home / "hounsfield.db").write_bytes(b"no database" * 1000)
    status, text = scene.get("/readyz")
    assert status == 503
    assert text == "database: it does not answer (hounsfield doctor)\n"


def test_a_database_of_another_schema_fails_and_says_what_to_do(scene: Scene) -> None:
    scene.receiver()
    with scene.database.transactions.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    status, text = scene.get("/readyz")
    assert (status, text.split(" is ")[0]) == (503, "database: its schema")
    assert "hounsfield db upgrade" in text
