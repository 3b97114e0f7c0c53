"""`hounsfield drift`: a row per bundle and scanner, status 1 on an alarm, a page with plots, baselines by hand."""

import json
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.facts import SCANNER, SHA, facts, store
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.drift_views import spark
from hounsfield.daemon.cli.main import app
from hounsfield.storage.engine import open_database

ROW = [
    *(
        "bundle",
        "version",
        "sha256",
        "scanner",
        "level",
        "analyses",
        "last_at",
        "baseline_chosen",
        "baseline",
        "window",
    ),
    *("positive_rate_change", "scores", "inputs"),
]
BEGIN = datetime.now(UTC) - timedelta(days=3)


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "HOUNSFIELD_STORAGE__HOME": str(folder),
            "HOUNSFIELD_DRIFT__BASELINE_SERIES": "50",
            "HOUNSFIELD_DRIFT__WINDOW_SERIES": "30",
            "NO_COLOR": "1",
            "HOUNSFIELD_CONFIG": None,
        }

    def run(self, *arguments: str) -> Result:
        return CliRunner(env=self.environment).invoke(app, ["drift", *arguments])

    def rows(self, *arguments: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.run("report", *arguments, "--json").stdout.splitlines()]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scanner that is as it was, one with another kernel, and a new one."""
    folder = tmp_path_factory.mktemp("filled")
    database = open_database(None, folder)
    store(database, facts(110), begin=BEGIN)
    changed = [*facts(50), *facts(30, first=51, seed=1, kernel="J40S")]
    store(database, changed, scanner="CT2 <b>x</b>", begin=BEGIN, uid=lambda number: f"1.3.{number}")
    store(database, facts(20), scanner="CT3", begin=BEGIN, uid=lambda number: f"1.4.{number}")
    database.close()
    return folder


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(filled, tmp_path / "home")))


def test_the_report_has_exactly_the_fixed_fields_in_their_order(home: Home) -> None:
    rows = home.rows()
    assert [list(row) for row in rows] == [ROW] * 3
    assert [(row["scanner"], row["level"]) for row in rows] == [
        (SCANNER, "stable"),
        ("CT2 <b>x</b>", "alarm"),
        ("CT3", "learning"),
    ]
    assert (rows[0]["bundle"], rows[0]["sha256"], rows[0]["analyses"]) == ("ich-demo", SHA, 110)
    assert [one["analyses"] for one in (rows[0]["baseline"], rows[0]["window"])] == [50, 30]  # type: ignore[index]
    worst = next(one for one in rows[1]["inputs"] if one["level"] == "alarm")  # type: ignore[attr-defined]
    assert (list(worst), worst["name"]) == (["name", "psi", "raw_psi", "chance", "level"], "kernel")
    assert rows[2]["window"] is None


def test_the_status_is_one_only_where_there_is_an_alarm(home: Home) -> None:
    shown = home.run("report")
    assert shown.exit_code == 1
    assert re.search(r"CT2.* kernel \d+\.\d\d .*ALARM", shown.stdout)
    assert "then, " in shown.stdout
    assert not {"absent", "negative", "normal", "clear"} & set(shown.stdout.lower().split())
    assert home.run("report", "--scanner", "ct1").exit_code == 0
    assert home.run("report", "--bundle", "other").exit_code == 0
    assert "nothing was analysed" in home.run("report", "--bundle", "other").stderr


def test_a_date_makes_the_window_all_that_came_since(home: Home) -> None:
    since = (BEGIN + timedelta(minutes=15 * 60)).astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    (row,) = home.rows("--since", since, "--scanner", "ct1")
    assert row["window"]["analyses"] == 50  # type: ignore[index]


def test_the_page_needs_no_network_and_shows_names_as_text(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "drift.html"
    assert home.run("report", "--html", str(file)).exit_code == 1
    text = file.read_text()
    assert "<b>x</b>" not in text
    assert "CT2 &lt;b&gt;x&lt;/b&gt;" in text
    assert not re.search(r"https?:|<script|url\(|src=|href=", text)
    assert text.count("<svg") == 6
    for drawing in re.findall(r"<svg.*?</svg>", text):
        assert ElementTree.fromstring(drawing).tag == "svg"
    assert "nan" not in text


def test_a_person_chooses_a_baseline_and_takes_it_back(home: Home) -> None:
    def local(minutes: int) -> str:
        return (BEGIN + timedelta(minutes=minutes)).astimezone().strftime("%Y-%m-%dT%H:%M:%S")

    times = ["--from", local(15 * 50 - 1), "--to", local(15 * 85)]
    shown = home.run("baseline", "ich-demo", *times, "--scanner", "ct2", "--by", "anna")
    assert (shown.exit_code, "30 analyses" in shown.stderr) == (0, True)
    (row,) = home.rows("--scanner", "ct2")
    assert (row["level"], row["baseline_chosen"]) == ("learning", True)
    assert home.run("baseline", "ich-demo", "--first", "--scanner", "ct2").exit_code == 0
    assert home.rows("--scanner", "ct2")[0]["level"] == "alarm"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ich-demo"], 2, "give --from and --to, or --first"),
        (["ich-demo", "--first", "--from", "2026-01-01"], 2, "--first"),
        (["ich-demo", "--from", "2026-01-01"], 2, "--to"),
        (["ich-demo", "--from", "2026-01-02", "--to", "2026-01-01"], 2, "ends before it begins"),
        (["other", "--first"], 4, "no such bundle"),
        (["ich-demo", "--from", "2020-01-01", "--to", "2020-02-01"], 4, "no scanner has analyses enough"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused_in_words(
    home: Home, arguments: Sequence[str], code: int, words: str
) -> None:
    shown = home.run("baseline", *arguments)
    assert (shown.exit_code, words in shown.stderr) == (code, True), shown.stderr


def test_an_empty_database_is_nothing_to_be_alarmed_about(tmp_path: Path) -> None:
    empty = Home(tmp_path)
    open_database(None, tmp_path).close()
    shown = empty.run("report", "--html", str(tmp_path / "drift.html"))
    assert (shown.exit_code, "nothing was analysed" in shown.stderr) == (0, True)
    assert "Nothing was analysed" in (tmp_path / "drift.html").read_text()


def test_bars_are_as_tall_as_their_values() -> None:
    assert spark([0.0, 0.25, 0.5, 9.0], 0.5) == "▁▅██"
    assert spark([], 0.5) == ""
