"""Versions chosen while the service runs: new jobs name the new one, older jobs are done by theirs, none is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from support.bench import Bench, FixedPredictor
from support.ct_factory import ct_series, write_series
from support.installed_bundles import damage, install_version
from support.reports import texts

from hounsfield.daemon.bundles.shelf import LOOK_AGAIN_SECONDS, BundleShelf
from hounsfield.daemon.pipeline.infer_stage import Served
from hounsfield.daemon.pipeline.serving import LoadedModels
from hounsfield.daemon.pipeline.serving_notes import ServingNotes
from hounsfield.daemon.pipeline.worker import Worker
from hounsfield.daemon.role_process import decide
from hounsfield.model.bundle import Bundle
from hounsfield.storage.bundle_choice import BundleChoice, ChoiceKind
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, SeriesState

SCOPE = {"modality": ["CT"], "body_part": "(?i)^head", "description": "(?i)head", "slices": [8, 600]}


class Site:
    """A bench without configured bundles, and a worker that sees the choices by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bench = Bench(folder / "home", manifest=None)
        self.loads: list[str] = []
        self._series = 0

    @property
    def shelf(self) -> BundleShelf:
        return self.bench.app.shelf

    def install(self, version: str) -> Bundle:
        return install_version(self.bench.app.home, version, scope=SCOPE)

    def choose(self, bundle: Bundle | None, kind: ChoiceKind = ChoiceKind.ACTIVATED) -> None:
        self.bench.app.database.bundle_choices.choose(
            BundleChoice(
                name="tiny",
                version=bundle.manifest.version if bundle else None,
                sha256=bundle.sha256 if bundle else None,
                kind=kind,
                at=self.bench.clock.now(),
            )
        )

    def receive(self) -> None:
        """Another head CT, and time enough that it is decided on."""
        self._series += 1
        name = f"s{self._series}"
        self.bench.receive(write_series(self.folder / name, ct_series(12, name=name)))
        self.bench.clock.advance(3600)
        decide(self.shelf, self.bench.assembler)

    def worker(self, most: int = 2) -> Worker:
        app = self.bench.app
        models = LoadedModels(
            shelf=BundleShelf(app.settings, app.database.bundle_choices, self.bench.clock),
            load=self._load,
            notes=ServingNotes(app.home),
            batch=16,
            most=most,
            clock=self.bench.clock,
        )
        return self.bench.worker_with(None, models=models)

    def _load(self, bundle: Bundle, batch: int) -> Served:
        self.loads.append(bundle.manifest.version)
        return Served(bundle, FixedPredictor(0.9))  # type: ignore[arg-type]

    def jobs(self) -> list[JobRecord]:
        return self.bench.jobs()

    def report_of(self, job: JobRecord) -> Dataset:
        """The structured report of an analysis."""
        result = self.bench.app.database.jobs.result_set(job.result_set_id or 0)
        assert result is not None
        (uid,) = [one.sop_instance_uid for one in result.objects if one.role == "sr"]
        return dcmread(self.bench.app.files.path(uid))

    def versions(self) -> list[str | None]:
        return [job.bundle_version for job in self.jobs()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.bench.app.database.close()


def test_without_any_choice_the_demonstration_runs_and_a_choice_takes_its_place(site: Site) -> None:
    assert [bundle.manifest.name for bundle in site.shelf.bundles] == ["ich-demo"]
    site.choose(site.install("1.0.0"))
    assert site.shelf.refresh()
    assert [bundle.label for bundle in site.shelf.bundles] == ["tiny 1.0.0"]
    assert not site.shelf.refresh(), "nothing was chosen since"
    site.choose(None, ChoiceKind.DEACTIVATED)
    site.shelf.refresh()
    assert [bundle.manifest.name for bundle in site.shelf.bundles] == ["ich-demo"]


@pytest.mark.parametrize(("most", "loads"), [(2, ["1.0.0", "2.0.0"]), (1, ["1.0.0", "2.0.0", "1.0.0"])])
def test_each_job_is_completed_by_the_version_it_names_and_its_report_says_so(
    site: Site, most: int, loads: list[str]
) -> None:
    one, two = site.install("1.0.0"), site.install("2.0.0")
    worker = site.worker(most)
    site.choose(one)
    site.receive()
    site.choose(two)  # while the first job waits
    site.receive()
    site.choose(one, ChoiceKind.ROLLED_BACK)  # while both wait
    site.receive()
    assert site.versions() == ["1.0.0", "2.0.0", "1.0.0"]
    while worker.work_one():
        pass
    jobs = site.jobs()
    assert [(job.state, job.outcome) for job in jobs] == [(JobState.COMPLETED, Outcome.POSITIVE)] * 3
    assert site.loads == loads
    for job, bundle in zip(jobs, (one, two, one), strict=True):
        assert (job.bundle, job.bundle_version, job.bundle_sha256) == ("tiny", bundle.manifest.version, bundle.sha256)
        said = " ".join(texts(site.report_of(job)))
        assert "tiny" in said
        assert bundle.manifest.version in said
        assert bundle.sha256 in said
    assert len(site.bench.jobs(JobKind.DELIVER)) == 3


def test_a_worker_loads_a_new_choice_before_a_job_names_it(site: Site) -> None:
    worker = site.worker()
    site.choose(site.install("1.0.0"))
    assert not worker.work_one()
    assert site.loads == ["1.0.0"]


def test_a_choice_whose_files_were_changed_leaves_the_good_one_in_use_until_it_is_mended(site: Site) -> None:
    one, two = site.install("1.0.0"), site.install("2.0.0")
    site.choose(one)
    site.receive()
    good = damage(two)
    site.choose(two)
    site.receive()
    assert site.versions() == ["1.0.0", "1.0.0"]
    assert "model.keras: was changed" in site.shelf.problems[0]
    (two.folder / "model.keras").write_bytes(good)
    site.bench.clock.advance(LOOK_AGAIN_SECONDS)
    site.receive()
    assert site.versions()[-1] == "2.0.0"
    assert site.shelf.problems == ()


def test_a_process_that_starts_with_a_broken_choice_takes_the_one_before_it(site: Site) -> None:
    one, two = site.install("1.0.0"), site.install("2.0.0")
    site.choose(one)
    site.choose(two)
    damage(two)
    app = site.bench.app
    fresh = BundleShelf(app.settings, app.database.bundle_choices, site.bench.clock)
    assert [bundle.label for bundle in fresh.bundles] == ["tiny 1.0.0"]
    assert (len(fresh.problems), fresh.missing) == (1, ())


def test_while_no_version_of_a_chosen_bundle_can_be_used_series_wait_and_are_not_passed_over(site: Site) -> None:
    one = site.install("1.0.0")
    good = damage(one)
    site.choose(one)
    site.receive()
    assert site.shelf.missing == ("tiny",)
    assert [series.state for series in site.bench.series()] == [SeriesState.RECEIVING]
    (one.folder / "model.keras").write_bytes(good)
    site.bench.clock.advance(LOOK_AGAIN_SECONDS)
    decide(site.shelf, site.bench.assembler)
    assert site.versions() == ["1.0.0"]


def test_a_version_that_is_no_longer_there_ends_its_jobs_as_not_analysed(site: Site) -> None:
    one, two = site.install("1.0.0"), site.install("2.0.0")
    site.choose(one)
    site.receive()
    site.choose(two)
    damage(one)
    assert site.worker().work_one()
    (job,) = site.jobs()
    assert (job.state, job.reason, job.outcome) == (JobState.DISCARDED, Reason.BUNDLE_GONE, Outcome.NOT_ANALYSED)
    assert len(site.bench.jobs(JobKind.DELIVER)) == 1


def test_a_configured_name_is_not_taken_over_by_a_choice(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home")
    installed = install_version(bench.app.home, "9.0.0")
    bench.app.database.bundle_choices.choose(
        BundleChoice(
            name="tiny", version="9.0.0", sha256=installed.sha256, kind=ChoiceKind.ACTIVATED, at=bench.clock.now()
        )
    )
    bench.app.shelf.refresh()
    assert [bundle.manifest.version for bundle in bench.app.shelf.bundles] == ["0.1.0"]
    assert "tiny is configured" in bench.app.shelf.problems[0]
    bench.app.database.close()


def test_a_rule_that_asks_for_an_installed_bundle_that_is_not_active_makes_series_wait(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", manifest=None, more={"rule": [{"name": "head", "bundle": "tiny"}]})
    assert bench.app.shelf.missing == ("tiny",)
    bench.app.database.close()
