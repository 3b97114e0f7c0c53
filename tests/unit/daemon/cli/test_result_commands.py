"""`hounsfield results` over results that a bench made."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.bench import LOOPBACK_PACS, Bench
from support.outcomes import analyse, deliver
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.records import StoredResultSet
from hounsfield.storage.states import JobKind, JobState

LINE_FIELDS = [
    *("id", "job", "series_uid", "revision", "bundle", "bundle_version", "kind", "outcome", "reason", "score"),
    *("created_at", "replaces", "retracted"),
]


class Site:
    """A home with one result that was delivered, and the command line on it."""

    def __init__(self, home: Path) -> None:
        self.bench = Bench(home, [LOOPBACK_PACS])
        self.taken: StoredResultSet = analyse(self.bench)
        deliver(self.bench, "pacs")
        self.environment = {
            "HOUNSFIELD_STORAGE__HOME": str(home),
            "HOUNSFIELD_DESTINATION": json.dumps([LOOPBACK_PACS]),
            "HOUNSFIELD_BUNDLE": json.dumps([{"path": str(home.with_name("bundle"))}]),
            "HOUNSFIELD_CONFIG": None,
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        return CliRunner(env=self.environment).invoke(app, list(arguments), input=answer)

    def json(self, *arguments: str) -> list[dict[str, object]]:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def waiting(self) -> int:
        return sum(not job.state.is_final for job in self.bench.jobs(JobKind.DELIVER))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "home")


def test_results_are_listed_with_fixed_fields(site: Site) -> None:
    (row,) = site.json("results", "list")
    assert list(row) == LINE_FIELDS
    assert (row["id"], row["kind"], row["outcome"], row["retracted"]) == (site.taken.id, "analysis", "positive", False)
    assert "FLAGGED" in site.run("results", "list").stdout
    assert site.json("results", "list", "--after", "1") == []


def test_results_name_their_series_by_the_hash_that_other_commands_take(site: Site) -> None:
    (row,) = site.json("results", "list")
    uid = str(row["series_uid"])
    handle = UidHasher.of_home(site.bench.home)(uid)
    for command in (["results", "list"], ["results", "show", str(site.taken.id)]):
        shown = site.run(*command).stdout
        assert (handle in shown, uid in shown) == (True, False), command
    assert site.json("series", "show", handle)[0]["series_uid"] == uid


def test_a_dry_run_says_what_would_be_done_and_does_nothing(site: Site) -> None:
    result = site.run("results", "retract", str(site.taken.job_id), "--dry-run")
    assert result.exit_code == 0
    assert "1 of 1 results are taken back" in result.stderr
    assert "1 rejection notes go to pacs" in result.stderr
    assert site.waiting() == 0
    assert site.json("results", "list")[0]["retracted"] is False


def test_nothing_happens_unless_the_person_says_yes(site: Site) -> None:
    assert site.run("results", "retract", str(site.taken.job_id), answer="n\n").exit_code == 1
    assert site.json("results", "list")[0]["retracted"] is False
    assert site.run("results", "retract", str(site.taken.job_id), answer="y\n").exit_code == 0
    assert site.json("results", "list")[0]["retracted"] is True


def test_a_retraction_is_told_wherever_the_result_is_shown(site: Site) -> None:
    arguments = ["--yes", "--by", "anna", "--reason-text", "wrong threshold"]
    (done,) = site.json("results", "retract", str(site.taken.job_id), *arguments)
    assert (done["state"], done["notified"], done["corrected"]) == ("retracted", ["pacs"], False)
    assert site.waiting() == 1
    assert "by anna (wrong threshold)" in site.run("results", "show", str(site.taken.id)).stdout
    (shown,) = site.json("results", "show", str(site.taken.id))
    assert shown["retraction"]["words"] == "wrong threshold"  # type: ignore[index]
    for job_id in (site.taken.job_id, site.bench.jobs(JobKind.DELIVER)[0].id):
        assert "by anna (wrong threshold)" in site.run("jobs", "show", str(job_id)).stdout
    rows = site.json("results", "list")
    assert [(row["kind"], row["replaces"], row["retracted"]) for row in rows] == [
        ("analysis", None, True),
        ("retraction", site.taken.id, False),
    ]


def test_a_second_retraction_finds_nothing_to_do(site: Site) -> None:
    site.run("results", "retract", str(site.taken.job_id), "--yes")
    again = site.run("results", "retract", str(site.taken.job_id), "--yes")
    assert (again.exit_code, site.waiting()) == (0, 1)
    assert "1 were retracted before" in again.stderr


def test_a_delivery_stands_for_the_job_whose_result_it_delivers(site: Site) -> None:
    delivery = site.bench.jobs(JobKind.DELIVER)[0]
    assert delivery.state is JobState.COMPLETED
    (done,) = site.json("results", "retract", str(delivery.id), "--yes")
    assert done["job"] == site.taken.job_id


def test_a_bundle_version_and_a_period_choose(site: Site) -> None:
    (row,) = site.json("results", "list")
    name, version = str(row["bundle"]), str(row["bundle_version"])
    made = site.bench.clock.now().astimezone().replace(tzinfo=None)
    before, after = ((made + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S") for minutes in (-1, 1))
    for options in (
        ["--bundle", "other"],
        ["--bundle", name, "--version", "0.0.0"],
        ["--since", after],
        ["--until", before],
    ):
        assert site.run("results", "retract", *options, "--yes").exit_code == 4
    chosen = ["--bundle", name, "--version", version, "--since", before, "--until", after]
    assert len(site.json("results", "retract", *chosen, "--corrected", "--yes")) == 1


@pytest.mark.parametrize("options", [[], ["--version", "1.0.0"], ["--since", "yesterday"]])
def test_what_to_take_back_has_to_be_said(site: Site, options: list[str]) -> None:
    assert site.run("results", "retract", *options, "--yes").exit_code == 2
    assert site.run("results", "retract", "4711", "--yes").exit_code == 4
    assert site.run("results", "show", "4711").exit_code == 4


def test_a_result_that_cannot_be_taken_back_whole_is_named_and_fails(site: Site) -> None:
    site.bench.app.files.path(site.taken.objects[0].sop_instance_uid).unlink()
    result = site.run("results", "retract", str(site.taken.job_id), "--yes")
    assert result.exit_code == 1
    assert f"result {site.taken.id}" in result.stderr
    assert "backup" in result.stderr
