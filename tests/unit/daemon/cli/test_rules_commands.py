"""`hounsfield rules`: what is in force, what would become of files, why a received series went where it went."""

import json
import os
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from support.bench import Bench
from support.ct_factory import ct_series, ct_slice, write, write_series
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.states import AssociationEnding, SeriesState

WHY = "the ward asked for it"
HEAD = """
[[rule]]
name = "never-thick"
where = { SliceThickness = { from = 8 } }
skip = true
[[rule]]
name = "held"
where = { StationName = "QA" }
hold = true
[[rule]]
name = "head"
where = { BodyPartExamined = "HEAD", PatientID = { present = true } }
when = "axial and slices >= 8"
bundle = "ich-demo"
priority = "stat"
shadow = true
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(HEAD, encoding="utf-8")
    return path


def run(*arguments: object, home: Path | None = None) -> Result:
    env: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HOUNSFIELD_")}
    env["HOUNSFIELD_STORAGE__HOME"] = None if home is None else str(home)
    return CliRunner(env={"NO_COLOR": "1"} | env).invoke(app, [str(one) for one in arguments])


def tried(folder: Path, config: Path, series: Sequence[Dataset], *, name: str = "a") -> dict[str, Any]:
    """What `rules test --json` says of one series."""
    write_series(folder / name, series)
    result = run("rules", "test", folder / name, "--json", "-c", config)
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    row: dict[str, Any] = json.loads(line)
    return row


def test_the_rules_are_listed_in_their_order(config: Path) -> None:
    text = run("rules", "list", "-c", config).stdout
    lines = [line.split() for line in text.splitlines()]
    assert [line[1] for line in lines[1:]] == ["never-thick", "held", "head"]
    assert "SliceThickness from 8" in text
    assert "kept, sent nowhere" in text
    rows = [json.loads(line) for line in run("rules", "list", "--json", "-c", config).stdout.splitlines()]
    assert [(row["number"], row["name"], row["skip"]) for row in rows] == [
        (1, "never-thick", True),
        (2, "held", False),
        (3, "head", False),
    ]
    assert rows[2]["where"]["BodyPartExamined"] == "HEAD"


def test_without_rules_the_list_says_what_decides(tmp_path: Path) -> None:
    result = run("rules", "list")
    assert result.stdout == ""
    assert "each bundle's own scope decides" in result.stderr


def test_files_are_explained_condition_by_condition(tmp_path: Path, config: Path) -> None:
    write_series(tmp_path / "a", ct_series(12))
    result = run("rules", "test", tmp_path / "a", "-c", config)
    assert result.exit_code == 0
    lines = re.sub(r"ich-demo \d+\.\d+\.\d+ ", "ich-demo ", result.stdout).splitlines()
    assert lines[0].endswith(': 12 images, "CT", "Head 5.0"')
    assert lines[1:] == [
        "  rule never-thick: not met",
        "    SliceThickness is 5: from 8: not met",
        "  rule held: not met",
        '    StationName is absent: equal to "QA": not met',
        "  rule head: met",
        '    BodyPartExamined is "HEAD": equal to "HEAD": met',
        "    PatientID (patient attribute, not shown): present: met",
        "    slices is 12, axial is true: when axial and slices >= 8: met",
        "  CLOSED, COMPLETE",
        "  ich-demo analyses 12 images; stat, result sent nowhere (shadow)",
    ]


def test_no_name_and_no_id_of_a_patient_is_printed(tmp_path: Path, config: Path) -> None:
    config.write_text(HEAD.replace("PatientID = {", "PatientName = { matches = '^T' }, PatientID = {"))
    write_series(tmp_path / "a", ct_series(12, PatientName="Zweistein^Rosa", PatientID="ZZ-4711"))
    for options in ([], ["--json"]):
        output = run("rules", "test", tmp_path / "a", *options, "-c", config).output
        assert "PatientName (patient attribute, not shown)" in output
        assert "Zweistein" not in output
        assert "4711" not in output


@pytest.mark.parametrize(
    ("attributes", "rule", "state", "reason"),
    [
        ({"SliceThickness": "10"}, "never-thick", "SKIPPED", "rule"),
        ({"StationName": "QA"}, "held", "HELD", "rule"),
        ({"BodyPartExamined": "CHEST"}, None, "SKIPPED", "no-rule"),
        ({"SeriesDescription": "Phantom QA"}, "head", "SKIPPED", "phantom"),
        ({}, "head", "CLOSED", None),
    ],
)
def test_what_would_become_of_a_series_is_told(
    tmp_path: Path, config: Path, attributes: dict[str, object], rule: str | None, state: str, reason: str | None
) -> None:
    row = tried(tmp_path, config, ct_series(12, **attributes))
    assert (row["rule"], row["becomes"]["state"], row["becomes"]["reason"]) == (rule, state, reason)


def test_what_the_gate_would_refuse_is_told_with_its_reason(tmp_path: Path, config: Path) -> None:
    row = tried(tmp_path, config, ct_series(12, ContrastBolusAgent="Iohexol"))
    (analysis,) = row["analyses"]
    assert analysis["not_analysed"] == "scope"
    assert "contrast" in analysis["words"]
    gap = tried(tmp_path, config, ct_series(16, without=[7, 8]), name="b")
    assert (gap["becomes"]["completeness"], gap["becomes"]["reasons"]) == ("INCOMPLETE", ["gap"])
    assert gap["analyses"][0]["not_analysed"] == "incomplete"


def test_of_a_study_the_best_series_is_named_and_the_other_skipped(tmp_path: Path, config: Path) -> None:
    study = ct_slice(name="one").StudyInstanceUID
    thin = ct_series(24, spacing=2.5, name="thin", StudyInstanceUID=study, SliceThickness="2.5")
    thick = ct_series(12, spacing=5.0, name="thick", StudyInstanceUID=study)
    write_series(tmp_path / "a" / "thin", thin)
    write_series(tmp_path / "a" / "thick", thick)
    lines = run("rules", "test", tmp_path / "a", "--json", "-c", config).stdout.splitlines()
    becomes = sorted((json.loads(line)["becomes"]["state"], json.loads(line)["becomes"]["reason"]) for line in lines)
    assert becomes == [("CLOSED", None), ("SKIPPED", "another-series-analysed")]


def test_files_that_are_no_images_are_counted_and_series_of_other_objects_told(tmp_path: Path, config: Path) -> None:
    write_series(tmp_path / "a", ct_series(8))
    report = ct_slice(
        name="sr", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22", Modality="SR", PixelData=None, Rows=None, Columns=None
    )
    write(report, tmp_path / "a" / "sr.dcm")
    (tmp_path / "a" / "notes.txt").write_text("no DICOM")
    (tmp_path / "a" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\1" * 50)
    result = run("rules", "test", tmp_path / "a", "-c", config)
    assert "2 files left out" in result.stderr
    assert "1 objects, none of them a readable image" in result.stdout
    assert "SKIPPED (not-an-image)" in result.stdout


def test_a_file_that_is_there_twice_counts_once(tmp_path: Path, config: Path) -> None:
    write_series(tmp_path / "a" / "first", ct_series(8))
    row = tried(tmp_path, config, ct_series(8), name="a")
    assert row["images"] == 8
    assert row["becomes"]["state"] == "CLOSED"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"StudyDescription": "Coerced"}, ("CLOSED", None)), ({"RescaleIntercept": "-1000"}, ("HELD", "conflict"))],
)
def test_another_file_of_one_instance_is_compared_with_the_first(
    tmp_path: Path, config: Path, changes: dict[str, object], expected: tuple[str, str | None]
) -> None:
    series = ct_series(8)
    write(ct_slice(z=0.0, **changes), tmp_path / "a" / "zz.dcm")
    becomes = tried(tmp_path, config, series)["becomes"]
    assert (becomes["state"], becomes["reason"]) == expected


def test_a_folder_without_images_is_not_found(tmp_path: Path, config: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("rules", "test", tmp_path / "empty", "-c", config).exit_code == 4
    assert run("rules", "test", tmp_path / "none", "-c", config).exit_code == 4


def test_a_rule_with_a_bundle_that_is_not_there_is_a_configuration_error(tmp_path: Path, config: Path) -> None:
    config.write_text(HEAD.replace("ich-demo", "ich-dmeo"))
    write_series(tmp_path / "a", ct_series(8))
    result = run("rules", "test", tmp_path / "a", "-c", config)
    assert result.exit_code == 3
    assert "rule[2].bundle" in result.stderr


class TestReceived:
    """Series in a job log."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return Bench(tmp_path / "home", more={"rule": [{"name": "head", "bundle": "tiny", "when": "slices >= 8"}]})

    @pytest.fixture
    def toml(self, bench: Bench, tmp_path: Path) -> Path:
        path = tmp_path / "site.toml"
        path.write_text(f'[[bundle]]\npath = "{bench.home.with_name("bundle")}"\n')
        return path

    def explained(self, bench: Bench, toml: Path, rules: str, uid: str) -> dict[str, Any]:
        toml.write_text(toml.read_text() + rules)
        result = run("rules", "explain", uid, "--json", "-c", toml, home=bench.home)
        assert result.exit_code == 0, result.output
        row: dict[str, Any] = json.loads(result.stdout)
        return row

    def test_a_series_that_no_rule_took_is_explained_and_what_a_corrected_rule_would_do(
        self, bench: Bench, toml: Path, tmp_path: Path
    ) -> None:
        bench.receive(write_series(tmp_path / "a", ct_series(7)))
        bench.settle()
        (record,) = bench.series()
        assert record.state is SeriesState.SKIPPED
        row = self.explained(bench, toml, '[[rule]]\nname = "new"\nbundle = "tiny"\n', record.series_uid)
        assert (row["state"], row["reason"], row["moment"]) == ("SKIPPED", "no-rule", "if it were replayed now")
        assert row["rule"] == "new"
        assert row["becomes"]["state"] == "CLOSED"
        assert row["analyses"][0]["not_analysed"] == "too-few-slices"

    def test_an_analysed_series_shows_its_rule_and_the_rest_of_its_study(
        self, bench: Bench, toml: Path, tmp_path: Path
    ) -> None:
        study = ct_slice(name="one").StudyInstanceUID
        for name, count in (("big", 16), ("small", 12)):
            bench.receive(write_series(tmp_path / name, ct_series(count, name=name, StudyInstanceUID=study)))
        for _ in range(3):
            bench.settle()
        states = {one.series_uid: one for one in bench.series()}
        closed = next(one for one in states.values() if one.state is SeriesState.CLOSED)
        rules = '[[rule]]\nname = "head"\nbundle = "tiny"\nwhen = "slices >= 8"\n'
        row = self.explained(bench, toml, rules, closed.series_uid)
        assert (row["state"], row["decided_by"], row["completeness"]) == ("CLOSED", "head", "COMPLETE")
        assert row["becomes"] is None
        (other,) = row["study"]
        assert (other["state"], other["reason"]) == ("SKIPPED", "another-series-analysed")
        text = run("rules", "explain", closed.series_uid, "-c", toml, home=bench.home).stdout
        assert "stands at CLOSED, revision 1, COMPLETE, by rule head" in text
        hash_of = UidHasher.of_home(bench.home)
        assert text.startswith(f"series {hash_of(closed.series_uid)}: 16 images")
        assert not any(uid in text for uid in states), "full UIDs are for those who ask and say why"
        assert f"    {hash_of(other['series_uid'])}: SKIPPED (another-series-analysed), 12 images, by rule head" in text
        asked = run("rules", "explain", closed.series_uid, "--reveal", WHY, "-c", toml, home=bench.home).stdout
        assert all(uid in asked for uid in states)

    def test_a_series_that_still_receives_waits_for_its_quiet_period(
        self, bench: Bench, toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hounsfield.daemon import app as composition

        bench.receive(write_series(tmp_path / "a", ct_series(9)), AssociationEnding.OPEN)
        bench.clock.advance(1)
        monkeypatch.setattr(composition, "SystemClock", lambda: bench.clock)
        (record,) = bench.series()
        row = self.explained(bench, toml, '[[rule]]\nname = "head"\nbundle = "tiny"\n', record.series_uid)
        assert row["becomes"] == {"state": "RECEIVING", "reason": None, "waits_for": "its quiet period"}
        bench.clock.advance(timedelta(hours=1).total_seconds())
        assert self.explained(bench, toml, "", record.series_uid)["becomes"]["state"] == "CLOSED"

    def test_a_held_series_shows_what_its_release_would_do(self, tmp_path: Path, toml: Path) -> None:
        held = [{"name": "qa", "hold": True, "when": "slices >= 8"}, {"name": "head", "bundle": "tiny"}]
        bench = Bench(tmp_path / "home", more={"rule": held})
        bench.receive(write_series(tmp_path / "a", ct_series(12)))
        bench.settle()
        (record,) = bench.series()
        assert record.state is SeriesState.HELD
        rules = '[[rule]]\nname = "qa"\nhold = true\nwhen = "slices >= 8"\n[[rule]]\nname = "head"\nbundle = "tiny"\n'
        row = self.explained(bench, toml, rules, record.series_uid)
        assert (row["state"], row["decided_by"], row["moment"]) == ("HELD", "qa", "if it were released now")
        assert (row["rule"], row["becomes"]["state"]) == ("head", "CLOSED")

    def test_explaining_changes_nothing(self, bench: Bench, toml: Path, tmp_path: Path) -> None:
        bench.receive(write_series(tmp_path / "a", ct_series(7)))
        bench.settle()
        before = bench.series()
        self.explained(bench, toml, '[[rule]]\nname = "new"\nbundle = "tiny"\n', before[0].series_uid)
        assert bench.series() == before

    def test_a_series_that_is_not_there_is_not_found(self, bench: Bench, toml: Path) -> None:
        bench.app.database.series.receiving()
        assert run("rules", "explain", "1.2.3", "-c", toml, home=bench.home).exit_code == 4
