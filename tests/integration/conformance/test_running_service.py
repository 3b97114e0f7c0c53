"""``hounsfield run`` beside ``hounsfield conformance``, both under one configuration."""

from pathlib import Path

from pynetdicom import build_context
from pynetdicom.presentation import build_role
from support.commitment_peers import COMMITMENT
from support.daemon import Daemon
from support.negotiation import CLASSES, SYNTAXES, asked_for, end
from support.statements import EVERYTHING

from hounsfield.daemon.conformance.network import ACCEPTED, CHOICES

MOST = 60


def rows(statement: str, caption: str) -> list[list[str]]:
    """Return the cells of a table below a caption of a statement in Markdown."""
    _, _, rest = statement.partition(f"\n{caption}:\n\n")
    table, _, _ = rest.partition("\n\n")
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def test_a_running_service_accepts_what_its_own_statement_says(tmp_path: Path) -> None:
    destinations = [EVERYTHING | {"proof": "commitment"}]
    with Daemon(tmp_path / "home", destinations=destinations).start("receiver") as daemon:
        statement = daemon.command("conformance")
        found = {}
        for start in range(0, len(CLASSES), MOST):
            contexts = [build_context(uid, SYNTAXES[::-1]) for uid in CLASSES[start : start + MOST]]
            association = asked_for(daemon.port, contexts, [build_role(COMMITMENT, scp_role=True)])
            found |= {str(one.abstract_syntax): str(one.transfer_syntax[0]) for one in association.accepted_contexts}
            end(association)
    first = {name: uid for name, place, _, uid, _ in rows(statement, CHOICES) if place == "1"}
    stated = {uid: first[name] for _, uid, name, _ in rows(statement, ACCEPTED)}
    assert COMMITMENT in stated
    assert found == stated
