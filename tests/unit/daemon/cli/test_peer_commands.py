"""`hounsfield peers`: what was seen becomes tables to paste, and nothing that a sender calls itself forges one."""

import json
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.cli.peer_views import Sender, as_comment, as_toml
from hounsfield.daemon.config.reception import DicomSettings
from hounsfield.daemon.config.values import check_ae_title
from hounsfield.storage.engine import open_database
from hounsfield.storage.peer_records import Sighting, SightingReason, SightingRecord

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SUGGEST_FIELDS = [
    "ae_title",
    "host",
    "reason",
    "usable",
    "called",
    "count",
    "admitted",
    "refused",
    "first_seen_at",
    "last_seen_at",
]
LIST_FIELDS = [
    "ae_title",
    "host",
    "certificate",
    "max_associations",
    "admitted",
    "refused",
    "last_admitted_at",
    "last_refused_at",
    "last_refused_reason",
]


def seen(calling: str, count: int = 1, **more: Any) -> Sighting:
    told: dict[str, Any] = {
        "calling_ae": calling,
        "called_ae": "HOUNSFIELD",
        "address": "10.1.2.3",
        "reason": SightingReason.UNKNOWN_PEER,
        "admitted": False,
        "first_seen_at": START,
        "last_seen_at": START + timedelta(hours=count),
        "count": count,
    }
    return Sighting(**told | more)


class Site:
    """A home, its configured peers, and the command line on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment: dict[str, str | None] = {
            "HOUNSFIELD_STORAGE__HOME": str(home),
            "NO_COLOR": "1",
            "HOUNSFIELD_CONFIG": None,
            "HOUNSFIELD_TLS__PORT": "2762",
            "HOUNSFIELD_TLS__CERTIFICATE": "server.pem",
            "HOUNSFIELD_TLS__KEY": "server.key",
            "HOUNSFIELD_TLS__AUTHORITY": "authority.pem",
        }

    def saw(self, *sightings: Sighting) -> None:
        database = open_database(None, self.home)
        database.peers.saw(sightings)
        database.close()

    def configured(self, *peers: dict[str, object], **dicom: str) -> None:
        self.environment["HOUNSFIELD_PEER"] = json.dumps(peers)
        self.environment |= {f"HOUNSFIELD_DICOM__{key.upper()}": value for key, value in dicom.items()}

    def run(self, *arguments: str) -> Result:
        result = CliRunner(env=self.environment).invoke(app, ["peers", *arguments])
        assert result.exit_code == 0, result.output
        return result

    def suggested(self) -> list[dict[str, object]]:
        tables: list[dict[str, object]] = tomllib.loads(self.run("suggest").stdout).get("peer", [])
        return tables

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*arguments, "--json").stdout.splitlines()]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "home")


def test_unknown_senders_become_tables_the_most_frequent_first(site: Site) -> None:
    site.saw(
        seen("CT1", 2),
        seen("PACS", 5, address="fd00::7", admitted=True),
        seen("PACS", 1, address="fd00::7"),
        seen("CT1", 3, address="10.1.2.4"),
    )
    assert site.suggested() == [
        {"ae_title": "PACS", "host": "fd00::7"},
        {"ae_title": "CT1", "host": "10.1.2.4"},
        {"ae_title": "CT1", "host": "10.1.2.3"},
    ]
    text = site.run("suggest").stdout
    assert "# admitted 5 times, refused once; first 2026-11-2" in text
    assert "# refused 3 times; first" in text


def test_what_is_suggested_can_be_pasted_and_is_then_not_suggested_again(site: Site, tmp_path: Path) -> None:
    site.saw(seen("CT1"), seen('A"B', address="10.1.2.9"))
    pasted = tmp_path / "site.toml"
    pasted.write_text('[dicom]\nae_title = "HOUNSFIELD"\n\n' + site.run("suggest").stdout)
    again = site.run("suggest", "--config", str(pasted))
    assert again.stdout == ""
    assert "nothing to suggest" in again.stderr
    titles = {peer["ae_title"] for peer in site.json("list", "--config", str(pasted))}
    assert titles == {"CT1", 'A"B'}


def test_a_sender_that_called_another_title_is_told_apart(site: Site) -> None:
    site.configured({"ae_title": "CT2", "host": "10.1.2.3"})
    site.saw(
        seen("CT1", 2, called_ae="ELSEWHERE", admitted=True),
        seen("CT2", 4, called_ae="OTHER", reason=SightingReason.CALLED_AE),
    )
    assert site.suggested() == [{"ae_title": "CT1", "host": "10.1.2.3"}]
    text = site.run("suggest").stdout
    assert '# called "ELSEWHERE" instead of "HOUNSFIELD": correct that at the sender' in text
    assert '# "CT2" at 10.1.2.3 called "OTHER" instead of "HOUNSFIELD": correct that' in text
    assert "dicom.check_called_ae = false" in text
    site.configured({"ae_title": "CT2", "host": "10.1.2.3"}, check_called_ae="false")
    assert "OTHER" not in site.run("suggest").stdout
    assert "ELSEWHERE" not in site.run("suggest").stdout


def test_refusals_that_no_table_mends_stand_in_comments_and_make_no_table(site: Site) -> None:
    site.saw(
        seen("CT1", reason=SightingReason.USER_IDENTITY),
        seen("CT2", reason=SightingReason.CERTIFICATE),
        seen("CT3", reason=SightingReason.TOO_MANY),
        seen("CT4", reason=SightingReason.KNOWN, admitted=True),
    )
    assert site.suggested() == []
    text = site.run("suggest").stdout
    assert '"CT1" at 10.1.2.3 sent a user identity' in text
    assert '"CT2" at 10.1.2.3 came without the certificate' in text
    assert "CT3" not in text
    assert "CT4" not in text


def test_suggestions_for_programs_have_fixed_fields(site: Site) -> None:
    site.saw(seen("CT1", 2, called_ae="A"), seen("CT1", 1, called_ae="B", admitted=True), seen("C\nT", 1))
    first, second = site.json("suggest")
    assert list(first) == SUGGEST_FIELDS
    assert first == {
        "ae_title": "CT1",
        "host": "10.1.2.3",
        "reason": "unknown-peer",
        "usable": True,
        "called": ["A", "B"],
        "count": 3,
        "admitted": 1,
        "refused": 2,
        "first_seen_at": "2026-11-22T08:00:00.000Z",
        "last_seen_at": "2026-11-22T10:00:00.000Z",
    }
    assert (second["ae_title"], second["usable"]) == ("C\nT", False)


@pytest.mark.parametrize("arguments", [["suggest"], ["suggest", "--json"]])
def test_when_there_is_nothing_to_suggest_it_says_so(site: Site, arguments: list[str]) -> None:
    site.saw()
    result = site.run(*arguments)
    assert result.stdout == ""
    assert "nothing to suggest" in result.stderr


FORGERS = [
    'X"\n[[peer]]\nae_title = "EVIL"\nhost = "0.0.0.0/0"\n#',
    'X"\r[[peer]]',
    "X\x1b[2J",
    "X\x7f",
    "X\\",
    "é",
    "",
]


@pytest.mark.parametrize("title", FORGERS)
def test_a_hostile_title_is_a_comment_and_never_a_table(site: Site, title: str) -> None:
    site.saw(
        seen(title, 9, called_ae=title),
        seen(title, address=title),
        seen("CT1"),
        seen(title, called_ae=title, reason=SightingReason.CALLED_AE),
        seen(title, reason=SightingReason.USER_IDENTITY),
    )
    assert site.suggested() == [{"ae_title": "CT1", "host": "10.1.2.3"}]
    text = site.run("suggest").stdout
    assert "no [[peer]] can name it" in text
    assert text.replace("\n", "").isprintable()
    assert text.isascii()


def record(sighting: Sighting) -> SightingRecord:
    return SightingRecord(**{name: getattr(sighting, name) for name in Sighting.__dataclass_fields__}, id=1)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_whatever_a_sender_says_the_text_is_toml_with_at_most_its_own_table(
    calling: str, called: str, address: str
) -> None:
    sender = Sender(calling, address, (record(seen(calling, called_ae=called, address=address)),))
    usable = Sender(calling, "10.1.2.3", sender.records)
    assert tomllib.loads(as_comment(SightingReason.CALLED_AE, sender, DicomSettings())) == {}
    for one in (sender, usable):
        expected = {"peer": [{"ae_title": calling, "host": one.address}]} if one.is_usable else {}
        assert tomllib.loads(as_toml(one, DicomSettings())) == expected
    if usable.is_usable:
        assert check_ae_title(calling) == calling


def test_peers_are_listed_with_what_was_seen_of_them(site: Site) -> None:
    site.configured(
        {"ae_title": "CT1", "host": ["10.1.2.0/24", "fd00::7"], "max_associations": 2, "certificate": "ab" * 32},
        {"ae_title": "CT2", "host": "10.1.2.3"},
    )
    site.saw(
        seen("CT1", 7, reason=SightingReason.KNOWN, admitted=True),
        seen("CT1", 2, address="fd00::7", reason=SightingReason.CERTIFICATE),
        seen("CT1", 1, address="fd00::7", reason=SightingReason.UNKNOWN_PEER),
        seen("CT1", 5, address="10.9.9.9"),
    )
    first, second = site.json("list")
    assert list(first) == LIST_FIELDS
    assert first == {
        "ae_title": "CT1",
        "host": ["10.1.2.0/24", "fd00::7"],
        "certificate": "ab" * 32,
        "max_associations": 2,
        "admitted": 7,
        "refused": 3,
        "last_admitted_at": "2026-11-22T15:00:00.000Z",
        "last_refused_at": "2026-11-22T10:00:00.000Z",
        "last_refused_reason": "certificate",
    }
    assert (second["max_associations"], second["admitted"], second["last_admitted_at"]) == (16, 0, None)
    table = site.run("list").stdout
    for words in ("CT1", "10.1.2.0/24, fd00::7", "abababababab...", "certificate", "CT2"):
        assert words in table


def test_peers_are_listed_also_before_there_is_a_database(site: Site) -> None:
    site.configured({"ae_title": "CT1", "host": "10.1.2.3"})
    assert [(peer["ae_title"], peer["admitted"]) for peer in site.json("list")] == [("CT1", 0)]
    assert not site.home.exists()


@pytest.mark.parametrize(
    ("dicom", "words"),
    [({}, "on this machine"), ({"learning": "true"}, "dicom.learning"), ({"allow_any_peer": "true"}, "allow_any_peer")],
)
def test_without_peers_the_list_says_who_may_send(site: Site, dicom: dict[str, str], words: str) -> None:
    site.configured(**dicom)
    result = site.run("list")
    assert result.stdout == ""
    assert words in result.stderr


def test_what_was_seen_can_be_forgotten(site: Site) -> None:
    site.saw(seen("CT1"), seen("CT2"))
    assert site.run("forget").stdout == "2 sightings forgotten\n"
    assert site.suggested() == []


def test_suggestions_need_a_database(site: Site) -> None:
    result = CliRunner(env=site.environment).invoke(app, ["peers", "suggest"])
    assert result.exit_code == 4
    assert "hounsfield db upgrade" in result.stderr


def test_the_head_of_the_suggestions_ends_learning(site: Site) -> None:
    heads: list[Sequence[str]] = []
    site.saw(seen("CT1"))
    for learning in ("false", "true"):
        site.configured(learning=learning)
        heads.append(site.run("suggest").stdout.splitlines()[:2])
    assert "learning" not in " ".join(heads[0])
    assert "set dicom.learning = false" in " ".join(heads[1])
