"""What `hounsfield evaluate --thresholds` and `--shadow` print about stored scores."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.facts import facts, store, when

from hounsfield.daemon.cli.evaluate_jobs import Asked, shadow_report, threshold_report
from hounsfield.daemon.cli.exits import NotFound, UsageFault
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.replay.truth import TruthError
from hounsfield.storage.engine import open_database
from hounsfield.storage.tables import job

SERIES = 40
DEMO = Asked(bundle="ich-demo")
NEWER = Asked(bundle="ich-demo", version="1.1.0")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Forty series that 1.0.0 scored for everybody, and 1.1.0 in the shadow; the first ten are flagged by both."""
    home = tmp_path_factory.mktemp("home")
    database = open_database(None, home)
    sent = [replace(one, scores={"ich": 0.9 if one.job_id <= 10 else 0.1 + one.job_id / 200}) for one in facts(SERIES)]
    store(database, sent[:20], scanner="CT1")
    store(database, sent[20:], scanner="CT2")
    shadow = [replace(one, scores={"ich": 0.8 if one.job_id <= 12 else 0.2}) for one in sent]
    store(database, shadow, version="1.1.0", sha256="c" * 64, shadow=True, uid=lambda number: f"1.9.{number}")
    with database.transactions.write() as connection:  # on the same series as the others
        later = job.c.id > SERIES
        connection.execute(job.update().where(later).values(series_id=job.c.id - SERIES))
    database.close()
    return Settings(storage={"home": home})


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text("series_uid,truth\n" + "".join(f"1.2.{n},{int(n <= 12)}\n" for n in range(1, SERIES + 1)))
    return path


def lines(capsys: Captured) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_thresholds_are_replayed_over_what_is_stored(settings: Settings, truth: Path, capsys: Captured) -> None:
    asked = replace(DEMO, version="1.0.0")
    threshold_report(settings, truth, asked, thresholds=[0.95, 0.25], as_json=True)
    force, low, high = lines(capsys)
    assert list(force) == [
        *("bundle", "version", "threshold", "series", "flagged", "gained", "lost"),
        *("sensitivity", "specificity", "by_scanner"),
    ]
    assert (force["threshold"], force["series"], force["flagged"], force["version"]) == (None, SERIES, 10, "1.0.0")
    assert force["by_scanner"] == {"CT1": {"flagged": 10, "series": 20}, "CT2": {"flagged": 0, "series": 20}}
    assert (low["threshold"], low["gained"], low["lost"]) == (0.25, 11, 0)
    assert (high["flagged"], high["lost"]) == (0, 10)
    assert force["sensitivity"][0] == pytest.approx(10 / 12, abs=1e-4)  # type: ignore[index]
    assert force["specificity"][0] == 1.0  # type: ignore[index]


def test_people_see_a_grid_with_what_is_in_force_first(settings: Settings, truth: Path, capsys: Captured) -> None:
    threshold_report(settings, truth, replace(DEMO, version="1.0.0"))
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].startswith("in force")
    assert "83% (55% to 95%)" in shown.out
    assert "10 of 20" in shown.out
    assert "Truth is known of 40" in shown.err
    assert len(shown.out.splitlines()) == 21


def test_of_several_versions_the_last_one_is_taken_and_named(settings: Settings, capsys: Captured) -> None:
    threshold_report(settings, None, DEMO, as_json=True)
    shown = capsys.readouterr()
    assert "only version 1.1.0" in shown.err
    assert json.loads(shown.out.splitlines()[0])["version"] == "1.1.0"


def test_a_shadow_is_compared_with_what_was_sent(settings: Settings, truth: Path, capsys: Captured) -> None:
    shadow_report(settings, truth, NEWER, as_json=True)
    (row,) = lines(capsys)
    assert list(row) == [
        *("series", "both", "only_shadow", "only_active", "neither", "agreement", "known", "shadow", "active"),
        "auc_gain",
    ]
    counts = (row["series"], row["both"], row["only_shadow"], row["only_active"], row["neither"])
    assert counts == (40, 10, 2, 0, 28)
    assert row["agreement"][0] == 0.95  # type: ignore[index]
    shadow, active = row["shadow"], row["active"]
    assert isinstance(shadow, dict)
    assert isinstance(active, dict)
    assert (shadow["version"], active["version"], row["known"]) == ("1.1.0", "1.0.0", 40)
    assert shadow["auc"][0] == 1.0
    assert active["auc"][0] < 1.0
    assert shadow["sensitivity"][0] == 1.0


def test_people_see_the_table_of_agreement_and_where_truth_comes_from(settings: Settings, capsys: Captured) -> None:
    shadow_report(settings, None, NEWER)
    shown = capsys.readouterr()
    assert "ich-demo 1.1.0 in the shadow of ich-demo 1.0.0, 40 series" in shown.err
    assert "not defined" in shown.out
    assert "they agree on 95%" in shown.err
    assert "Of none the truth is known" in shown.err
    assert not {"absent", "negative", "normal", "clear"} & set(shown.out.lower().split())


def test_what_is_not_there_or_cannot_be_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no scores of other"):
        threshold_report(settings, None, Asked(bundle="other"))
    with pytest.raises(NotFound, match="in the shadow"):
        shadow_report(settings, None, replace(DEMO, version="1.0.0"))
    with pytest.raises(NotFound, match="nothing that was sent"):
        shadow_report(settings, None, NEWER, against=Asked(bundle="other"))
    with pytest.raises(NotFound, match="no scores"):
        threshold_report(settings, None, replace(DEMO, since=when(1000) + timedelta(days=1)))
    with pytest.raises(UsageFault, match="outside"):
        threshold_report(settings, None, DEMO, thresholds=[1.5])
    with pytest.raises(TruthError, match="cannot be read"):
        threshold_report(settings, tmp_path / "none.csv", DEMO)
    with pytest.raises(NotFound, match="no database"):
        threshold_report(Settings(storage={"home": tmp_path}), None, DEMO)
