"""What the guides for people say is what the program does."""

import re
from pathlib import Path

import pytest

from hounsfield.daemon.config.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
ADMINS, RADIOLOGISTS = DOCS / "for-pacs-admins.md", DOCS / "for-radiologists.md"
TOLD = DOCS / "operations" / "down-time.md"
DENIES = re.compile(r"\babsent|\bnegative|\bnormal(?!ly)|\bclear\b", re.IGNORECASE)


def statuses(text: str) -> set[str]:
    """The DIMSE statuses in the first column of tables."""
    return set(re.findall(r"^\| ([0-9A-F]{4}) \|", text, re.MULTILINE))


@pytest.mark.parametrize("page", [RADIOLOGISTS, TOLD], ids=lambda page: page.name)
def test_what_radiologists_read_denies_no_finding(page: Path) -> None:
    assert DENIES.findall(page.read_text()) == []


def test_the_guide_for_radiologists_names_every_verdict_and_that_the_score_is_no_probability() -> None:
    text = RADIOLOGISTS.read_text()
    assert all(f"**{verdict}**" in text for verdict in ("FLAGGED", "NOT FLAGGED", "NOT ANALYSED"))
    assert "no probability for your patient" in text
    assert "not a medical device" in text


def test_the_configuration_for_administrators_is_one_that_the_daemon_takes(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", ADMINS.read_text(), re.DOTALL)
    (tmp_path / "hounsfield.toml").write_text(block)
    settings = load_settings(tmp_path / "hounsfield.toml")
    assert {peer.ae_title for peer in settings.peer} == {"CT1", "PACS"}
    assert [(one.name, one.proof) for one in settings.destination] == [("pacs", "commitment")]


def test_the_table_of_application_entities_has_the_defaults_in_it() -> None:
    text, dicom = ADMINS.read_text(), load_settings(None).dicom
    for wanted in (
        f"`{dicom.ae_title}` (`dicom.ae_title`",
        f"{dicom.port} (`dicom.port`",
        f"{dicom.max_associations_per_peer} for each sender, {dicom.max_associations} in all",
        f"{dicom.max_pdu_bytes // 1024} KiB (`dicom.max_pdu_bytes`)",
    ):
        assert wanted in text


def test_administrators_are_told_of_every_status_that_a_sender_can_get() -> None:
    conformance = (DOCS / "conformance.md").read_text()
    section = conformance.partition("##### 7.3.2.2 Storage as SCP")[2].partition("#####")[0]
    assert statuses(section) == {"0000", "A700", "A900", "C000"}
    assert statuses(ADMINS.read_text()) == statuses(section)
