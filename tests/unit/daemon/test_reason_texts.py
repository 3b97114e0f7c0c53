"""Every coded reason is explained, and docs/reasons.md says what the program says."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.reason_texts import KIND_TITLES, REASON_TEXTS, ReasonKind, by_kind, markdown, report_line
from hounsfield.storage.states import REASON_WORDS, Reason

ROOT = Path(__file__).parents[3]
FORBIDDEN = re.compile(r"\b(absent|negative|normal|clear)\b", re.IGNORECASE)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_kinds_a_sentence_and_what_to_do(reason: Reason) -> None:
    text = REASON_TEXTS[reason]
    assert text.kinds
    assert len(set(text.kinds)) == len(text.kinds)
    for sentence in (text.meaning, text.advice):
        assert sentence.endswith(".")
        assert sentence.isascii()
        assert "|" not in sentence
        assert not FORBIDDEN.search(sentence)


def test_a_reason_ends_a_report_exactly_where_the_report_has_words_for_it() -> None:
    told = {reason for reason, text in REASON_TEXTS.items() if ReasonKind.NOT_ANALYSED in text.kinds}
    assert told == set(REASON_WORDS)
    assert report_line(Reason.TILT) == "NOT ANALYSED - gantry tilt"
    assert report_line(Reason.SHADOW) == ""


def test_no_kind_is_empty_and_all_are_listed() -> None:
    assert [kind for kind, reasons in by_kind() if not reasons] == []
    assert list(KIND_TITLES) == list(ReasonKind)


def test_settings_and_commands_that_the_texts_name_exist() -> None:
    everything = markdown()
    commands = set(re.findall(r"`hounsfield ([a-z ]+?)(?: [A-Z`-]|`)", everything))
    assert {"series replay", "series release", "jobs retry"} <= commands
    for command in sorted(commands):
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0, command
    template = (ROOT / "deploy" / "config" / "hounsfield.toml").read_text()
    for section, key in set(re.findall(r"`(assembly|worker)\.([a-z_]+)`", everything)):
        assert f"HOUNSFIELD_{section}__{key}".upper() in template, f"{section}.{key}"


def test_the_document_is_what_the_program_says() -> None:
    written = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: hounsfield series reasons --markdown > docs/reasons.md"


def run(*arguments: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, ["series", "reasons", *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_list_for_programs_has_every_code_once() -> None:
    rows = run("--json")
    assert [row["code"] for row in rows] == [reason.value for reason in Reason]
    (tilt,) = run("tilt", "--json")
    assert list(tilt) == ["code", "kinds", "report", "meaning", "advice"]
    assert (tilt["kinds"], tilt["report"]) == (["not-analysed"], "NOT ANALYSED - gantry tilt")


def test_the_list_for_people_has_what_the_document_has() -> None:
    result = CliRunner().invoke(app, ["series", "reasons"])
    assert result.exit_code == 0
    for reason, text in REASON_TEXTS.items():
        assert reason.value in result.output
        assert text.advice in result.output
