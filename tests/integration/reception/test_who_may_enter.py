"""Who may enter, over real sockets: refused with the code of the standard, listed, and admitted while learning."""

import json
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from support.datasets import tiny
from support.peers import run_tool
from support.raw_scu import CT, store
from support.reception import Reception, receiving
from support.waiting import wait_until
from typer.testing import CliRunner

from hounsfield.daemon.association.reactor import requested
from hounsfield.daemon.cli.main import app
from hounsfield.daemon.config.reception import Peer
from hounsfield.storage.engine import Database, open_database

SCANNER = Peer(ae_title="SCANNER", host=["10.1.2.3", "127.0.0.0/8"])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path / "home")
    yield opened
    opened.close()


@contextmanager
def running(folder: Path, database: Database, *peers: Peer, **settings: Any) -> Iterator[Reception]:
    with receiving(
        folder,
        store=database.series,
        own_results=database.jobs,
        peer_store=database.peers,
        peers=peers,
        **settings,
    ) as reception:
        yield reception


@contextmanager
def calling(
    port: int, title: str = "SCANNER", called: str = "HOUNSFIELD", identity: UserIdentityNegotiation | None = None
) -> Iterator[Association]:
    entity = AE(ae_title=title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.add_requested_context(CT)
    items = [] if identity is None else [identity]
    association = requested(entity, "127.0.0.1", port, ae_title=called, ext_neg=items)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def codes(association: Association) -> tuple[int, int, int] | None:
    """Result, source and diagnostic of a rejection."""
    if not association.is_rejected:
        return None
    answer = association.acceptor.primitive
    return int(answer.result), int(answer.result_source), int(answer.diagnostic)


def hounsfield(home: Path, *arguments: str, peers: tuple[Peer, ...] = ()) -> str:
    environment = {
        "HOUNSFIELD_STORAGE__HOME": str(home),
        "HOUNSFIELD_PEER": json.dumps([peer.model_dump() for peer in peers]),
        "NO_COLOR": "1",
    }
    result = CliRunner(env=environment).invoke(app, ["peers", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def seen(database: Database) -> set[tuple[str, str, bool, int]]:
    return {
        (record.calling_ae, record.reason.value, record.admitted, record.count) for record in database.peers.sightings()
    }


def test_an_unknown_sender_is_refused_and_suggested(tmp_path: Path, database: Database) -> None:
    with running(tmp_path, database, SCANNER) as reception:
        for _ in range(2):
            done = run_tool("echoscu", "-aec", "HOUNSFIELD", "-aet", "STRANGER", "127.0.0.1", str(reception.port))
            assert "Calling AE Title Not Recognized" in done.stderr
        with calling(reception.port, called="ELSEWHERE") as association:
            assert codes(association) == (1, 1, 7)
        with calling(reception.port) as association:
            assert association.is_established
    assert seen(database) == {
        ("STRANGER", "unknown-peer", False, 2),
        ("SCANNER", "called-ae", False, 1),
        ("SCANNER", "known", True, 1),
    }
    text = hounsfield(tmp_path / "home", "suggest", peers=(SCANNER,))
    assert tomllib.loads(text) == {"peer": [{"ae_title": "STRANGER", "host": "127.0.0.1"}]}
    assert '"SCANNER" at 127.0.0.1 called "ELSEWHERE"' in text
    (listed,) = [json.loads(x) for x in hounsfield(tmp_path / "home", "list", "--json", peers=(SCANNER,)).splitlines()]
    assert (listed["admitted"], listed["refused"], listed["last_refused_reason"]) == (1, 1, "called-ae")


def test_learning_admits_stores_and_lists(tmp_path: Path, database: Database) -> None:
    with running(tmp_path, database, SCANNER, learning=True) as reception:
        with calling(reception.port, "STRANGER", called="ELSEWHERE") as association:
            context = association.accepted_contexts[0]
            assert store(association, tiny(), context_class=context.abstract_syntax) == 0x0000
        wait_until(lambda: seen(database) == {("STRANGER", "unknown-peer", True, 1)})  # while it runs, not at its end
    text = hounsfield(tmp_path / "home", "suggest", peers=(SCANNER,))
    assert tomllib.loads(text) == {"peer": [{"ae_title": "STRANGER", "host": "127.0.0.1"}]}
    assert "admitted once" in text
    assert 'called "ELSEWHERE" instead of "HOUNSFIELD"' in text


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_user_identity_is_refused_also_while_learning(tmp_path: Path, database: Database, kind: int) -> None:
    identity = UserIdentityNegotiation()
    identity.user_identity_type = kind
    identity.primary_field = b"somebody"
    identity.secondary_field = b"secret" if kind == 2 else b""
    with running(tmp_path, database, learning=True) as reception:
        with calling(reception.port, identity=identity) as association:
            assert codes(association) == (1, 1, 1)
        with calling(reception.port) as association:
            assert association.is_established
    assert seen(database) == {("SCANNER", "user-identity", False, 1), ("SCANNER", "unknown-peer", True, 1)}


def test_one_sender_cannot_take_the_places_of_others(tmp_path: Path, database: Database) -> None:
    own = Peer(ae_title="PACS", host="127.0.0.1", max_associations=3)
    with running(tmp_path, database, SCANNER, own, max_associations_per_peer=2) as reception, ExitStack() as stack:

        def opened(title: str, count: int) -> list[tuple[int, int, int] | None]:
            return [codes(stack.enter_context(calling(reception.port, title))) for _ in range(count)]

        assert opened("SCANNER", 3) == [None, None, (2, 3, 2)]
        assert opened("PACS", 4) == [None, None, None, (2, 3, 2)]
        stack.close()
        wait_until(lambda: opened("SCANNER", 1) == [None])
    refused = {record.calling_ae for record in database.peers.sightings() if record.reason.value == "too-many-of-peer"}
    assert refused == {"SCANNER", "PACS"}


def test_requests_at_once_do_not_slip_past_the_limit(tmp_path: Path, database: Database) -> None:
    answers: list[tuple[int, int, int] | None] = []
    start, done = threading.Barrier(6), threading.Barrier(6)

    def ask(port: int) -> None:
        start.wait(10)
        with calling(port) as association:
            answers.append(codes(association))
            done.wait(10)

    with running(tmp_path, database, SCANNER, max_associations_per_peer=2) as reception:
        threads = [threading.Thread(target=ask, args=(reception.port,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(answers, key=str) == [(2, 3, 2)] * 4 + [None] * 2


def test_a_database_that_does_not_take_the_list_refuses_nobody(tmp_path: Path) -> None:
    with receiving(tmp_path, peers=(SCANNER,)) as reception:
        reception.receiver._around.peer_store.is_down = True  # type: ignore[attr-defined]
        reception.receiver._sweep()
        with calling(reception.port) as association:
            reception.receiver._sweep()
            assert store(association, tiny()) == 0x0000
