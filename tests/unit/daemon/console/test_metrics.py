"""What /metrics says, from a database and from nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.browser import Browser
from support.console import console_app, console_parts
from support.facts import facts, store, when
from support.fake_log_book import FakeLogBook
from support.fakes import ManualClock
from support.stored import STUDY, analysed, at, claimed, closed, receipt, result, to
from support.tls import Files, authority

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console import metric_names as names
from hounsfield.daemon.console.label_names import BoundedNames
from hounsfield.daemon.console.metrics import CACHED_SECONDS, MOST_BUNDLES, MetricsPage
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.components import Component
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.destination_state import DestinationState
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.log_book import Queue
from hounsfield.storage.records import ObjectDelivery
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobKind, Outcome, Proof, Reason

Labels = tuple[tuple[str, str], ...]


@dataclass
class Scene:
    """A console's metrics over a database of its own."""

    home: Path
    database: Database
    clock: ManualClock = field(default_factory=lambda: ManualClock(at(100)))
    log_book: FakeLogBook = field(default_factory=FakeLogBook)
    config: dict[str, Any] = field(default_factory=dict)
    _page: MetricsPage | None = None

    @property
    def page(self) -> MetricsPage:
        if self._page is None:
            settings = Settings.model_validate({"storage": {"home": str(self.home)}, **self.config})
            parts = ConsoleParts(
                settings=settings,
                database=self.database,
                files=ResultFiles(self.home),
                home=self.home,
                hasher=UidHasher(b"k" * 32),
                clock=self.clock,
                version="9.8.7",
                host="console7",
            )
            self._page = MetricsPage(parts, self.log_book)  # type: ignore[arg-type]
        return self._page

    def scrape(self) -> dict[str, dict[Labels, float]]:
        """Samples by name and labels, as a parser of the format reads them."""
        self.clock.advance(CACHED_SECONDS)
        found: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(self.page.text().decode()):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        return found

    def value(self, name: str, **labels: str) -> float | None:
        return self.scrape().get(name, {}).get(tuple(sorted(labels.items())))

    def says(self, facts: dict[str, object], name: str = "receiver@node7", silent: float = 0.0) -> None:
        """Have a process say so."""
        now = self.clock.now()
        self.database.components.started(
            Component(
                name=name,
                role="receiver",
                host="node7",
                pid=1,
                version="1.2.3",
                started_at=now,
                seen_at=at(100 - silent),
                facts=facts,
            )
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    database = open_database(None, tmp_path)
    yield Scene(tmp_path, database)
    database.close()


def delivered(database: Database, seconds: float = 40) -> None:
    claim = claimed(database, JobKind.DELIVER, 35)
    sent = [ObjectDelivery(sop_instance_uid=one, status=0, at=at(39)) for one in ("2.25.1.1", "2.25.1.2")]
    assert database.jobs.complete_delivery(claim, sent, at(seconds), {"deliver": 1.5}, Proof.SENT)


def test_an_empty_database_has_metrics_already(scene: Scene) -> None:
    found = scene.scrape()
    assert found["hounsfield_build_info"] == {(("version", "9.8.7"),): 1}
    assert found["hounsfield_database_up"] == {(): 1}
    assert found["hounsfield_disk_size_bytes"][("what", "home"),] > 0
    assert set(found["hounsfield_alarms"].values()) == {0}
    assert len(found["hounsfield_alarms"]) == len(AlarmKind)


def test_queues_are_told_with_the_age_of_what_waits(scene: Scene) -> None:
    since = scene.clock.now()
    scene.log_book.waiting = [
        Queue(kind=JobKind.INFER, waiting=3, later=2, running=1, oldest_waiting_since=since),
        Queue(kind=JobKind.DELIVER, held=4),
    ]
    scene.log_book.counted = {"held_series": 5, "discarded_jobs": 6}
    scene.clock.advance(25)
    found = scene.scrape()
    jobs = found["hounsfield_queue_jobs"]
    assert jobs[("kind", "INFER"), ("state", "waiting")] == 3
    assert jobs[("kind", "INFER"), ("state", "later")] == 2
    assert jobs[("kind", "DELIVER"), ("state", "held")] == 4
    assert found["hounsfield_queue_oldest_seconds"] == {(("kind", "INFER"),): 30, (("kind", "DELIVER"),): 0}
    assert found["hounsfield_series"][("state", "held"),] == 5
    assert found["hounsfield_discarded_jobs"] == {(): 6}


def test_what_ended_before_the_first_look_is_not_counted_and_what_ends_later_is_counted_once(scene: Scene) -> None:
    analysed(scene.database, series="1.2.3.8")
    assert "hounsfield_analyses_total" not in scene.scrape()
    analysed(scene.database, series="1.2.3.9")
    for _ in range(2):
        found = scene.scrape()
    assert found["hounsfield_analyses_total"] == {(("bundle", "ich-demo"), ("outcome", "positive")): 1}
    assert found["hounsfield_stage_seconds_count"] == {(("stage", "infer"),): 1}
    assert found["hounsfield_stage_seconds_sum"] == {(("stage", "infer"),): 0.5}
    assert found["hounsfield_job_seconds_sum"] == {(("kind", "INFER"),): 11}
    assert found["hounsfield_score_sum"] == {(("bundle", "ich-demo"),): 0.93}
    assert found["hounsfield_received_series_total"] == {(("scanner", "other"),): 1}


def test_a_result_at_its_destination_ends_the_time_since_the_last_image(scene: Scene) -> None:
    scene.scrape()
    analysed(scene.database)
    delivered(scene.database)
    found = scene.scrape()
    assert found["hounsfield_end_to_end_seconds_count"] == {(): 1}
    last = scene.database.series.get(1)
    assert last is not None
    expected = (at(40) - last.last_received_at).total_seconds()
    assert found["hounsfield_end_to_end_seconds_sum"] == {(): expected}
    assert found["hounsfield_ended_jobs_total"][("kind", "DELIVER"), ("state", "COMPLETED")] == 1


def test_what_was_not_analysed_has_a_reason_and_no_score(scene: Scene) -> None:
    scene.scrape()
    closed(scene.database)
    answer = result(Outcome.NOT_ANALYSED, reason=Reason.TILT)
    assert scene.database.jobs.complete_infer(claimed(scene.database), answer, to("pacs"), at(31), {})
    found = scene.scrape()
    assert found["hounsfield_not_analysed_total"] == {(("bundle", "ich-demo"), ("reason", "tilt")): 1}
    assert "hounsfield_score_count" not in found


def test_a_receiver_says_what_it_answered(scene: Scene) -> None:
    scene.config = {"peer": [{"ae_title": "CT1", "host": "10.1.2.3"}]}
    scene.says(
        {
            "images": {"CT1": 7, "other": 1},
            "bytes": {"CT1": 700, "other": 10},
            "statuses": {"0000": 8, "A700": 2},
            "images_refused": {"no-space": 2},
            "associations_admitted": 3,
            "associations_refused": {"unknown-peer": 9},
            "associations_open": 1,
            "refuses": True,
            "memory_bytes": 1024,
        }
    )
    found = scene.scrape()
    component = ("component", "receiver@node7")
    assert found["hounsfield_received_images_total"][component, ("scanner", "CT1")] == 7
    assert found["hounsfield_received_bytes_total"][component, ("scanner", "other")] == 10
    assert found["hounsfield_store_statuses_total"][component, ("status", "A700")] == 2
    assert found["hounsfield_refused_images_total"][component, ("reason", "no-space")] == 2
    assert found["hounsfield_refused_associations_total"][component, ("reason", "unknown-peer")] == 9
    assert found["hounsfield_open_associations"] == {(component,): 1}
    assert found["hounsfield_receiver_refuses"] == {(component,): 1}
    assert found["hounsfield_component_up"] == {(component,): 1}
    assert found["hounsfield_component_memory_bytes"] == {(component,): 1024}


def test_a_process_that_is_not_heard_of_is_down_and_one_of_yesterday_is_forgotten(scene: Scene) -> None:
    scene.says({}, "receiver@node7", silent=60)
    scene.says({}, "courier@node7", silent=90_000)
    scene.says({"ended": True}, "worker@node7")
    assert scene.scrape()["hounsfield_component_up"] == {
        (("component", "receiver@node7"),): 0,
        (("component", "worker@node7"),): 0,
    }


def test_starts_are_counted_and_bundles_are_served_or_not(scene: Scene) -> None:
    for _ in range(3):
        scene.says({"bundles": {"ich-demo 1.0": {"state": "served"}, "old 0.1": {"state": "drifted"}}, "loads": 2})
    found = scene.scrape()
    assert found["hounsfield_component_starts_total"] == {(("component", "receiver@node7"),): 3}
    assert found["hounsfield_bundle_served"] == {(("bundle", "ich-demo 1.0"),): 1, (("bundle", "old 0.1"),): 0}
    assert found["hounsfield_bundle_loads_total"] == {(("component", "receiver@node7"),): 2}


def test_alarms_destinations_and_pauses_are_told(scene: Scene) -> None:
    scene.config = {"destination": [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}]}
    now = scene.clock.now()
    full = [Condition(kind=AlarmKind.DISK, subject="spool"), Condition(kind=AlarmKind.DISK, subject="home")]
    scene.database.alarms.set([AlarmKind.DISK], full, now)
    for name in ("pacs", "forgotten"):
        scene.database.destination_states.put(DestinationState(name=name, is_open=True, since=now))
    scene.database.control.pause(Pause(part=Part.INTAKE, since=now, note="DOE^JOHN", person="anna"))
    found = scene.scrape()
    assert found["hounsfield_alarms"][("kind", "disk"),] == 2
    assert found["hounsfield_destination_up"] == {(("destination", "pacs"),): 0}
    assert found["hounsfield_paused"][("part", "intake"),] == 1
    assert found["hounsfield_paused"][("part", "delivery"),] == 0


def test_certificates_have_seconds_left_and_one_that_cannot_be_read_has_none(scene: Scene) -> None:
    now = scene.clock.now()
    files = Files(scene.home / "tls")
    believed = authority(now=now, days=10)
    files.write(believed, believed.server(["localhost"]))
    scene.config = {"tls": files.settings(port=2762).model_dump(mode="json", exclude_none=True)}
    left = scene.value("hounsfield_certificate_expiry_seconds", which="tls.certificate")
    assert left == pytest.approx(10 * 86400, abs=86400)
    files.certificate.write_text("nothing")
    found = scene.scrape()["hounsfield_certificate_expiry_seconds"]
    assert list(found) == [(("which", "tls.authority"),)]


def test_drift_is_looked_at_pair_by_pair_and_told_as_the_farthest_move(scene: Scene) -> None:
    rows = facts(300) + facts(120, first=301, seed=1, shift=0.4)
    store(scene.database, rows)
    store(scene.database, facts(10), scanner="OTHER / ACME / One / S1", uid=lambda number: f"1.3.{number}")
    scene.clock = ManualClock(when(430))
    scene.config = {
        "peer": [{"ae_title": "CT1", "host": "10.1.2.3"}],
        "drift": {"baseline_series": 300, "window_series": 100},
    }
    for _ in range(3):
        found = scene.scrape()
    moved = found["hounsfield_drift_psi"]
    assert moved[("bundle", "ich-demo"), ("of", "score"), ("scanner", "CT1")] > 0.5
    assert {dict(labels)["scanner"] for labels in moved} == {"CT1"}


def test_a_database_that_is_down_is_told_and_the_rest_goes_on(scene: Scene) -> None:
    scene.scrape()
    analysed(scene.database)
    assert scene.scrape()["hounsfield_database_up"] == {(): 1}
    (scene.home / "hounsfield.db").rename(scene.home / "away.db")
    found = scene.scrape()
    assert found["hounsfield_database_up"] == {(): 0}
    assert "hounsfield_queue_jobs" not in found
    assert found["hounsfield_disk_size_bytes"]
    assert found["hounsfield_analyses_total"], "what was counted stays counted"
    (scene.home / "away.db").rename(scene.home / "hounsfield.db")
    assert scene.scrape()["hounsfield_database_up"] == {(): 1}


def test_scrapers_read_the_database_once_in_five_seconds(scene: Scene) -> None:
    scene.scrape()
    for _ in range(20):
        scene.page.text()
    assert scene.log_book.asked == 1
    scene.clock.advance(CACHED_SECONDS)
    scene.page.text()
    assert scene.log_book.asked == 2


def test_however_many_names_come_in_the_labels_stay_few(scene: Scene) -> None:
    scene.config = {"peer": [{"ae_title": "CT1", "host": "10.1.2.3"}]}
    scene.scrape()
    rng = np.random.default_rng(1)
    for number in range(3):
        strangers = {f"AE{rng.integers(10**9)}": 1 for _ in range(500)}
        codes = {f"{one:04X}": 1 for one in range(3)}
        scene.says({"images": strangers, "bytes": strangers, "statuses": codes}, f"receiver-{number}@node7")
    for number in range(150):
        scene.says({}, f"worker@{number}", silent=10)
    found = scene.scrape()
    assert len(found["hounsfield_received_images_total"]) <= 3 * 2
    assert len(found["hounsfield_component_up"]) <= 100
    bundles = BoundedNames(MOST_BUNDLES)
    assert len({bundles(f"bundle {number}") for number in range(1000)}) == MOST_BUNDLES + 1
    assert sum(map(len, found.values())) < 1000


def test_no_uid_and_nothing_of_a_patient_is_in_the_metrics(scene: Scene) -> None:
    scene.config = {"peer": [{"ae_title": "CT1", "host": "10.1.2.3"}]}
    scene.scrape()
    analysed(scene.database, series="1.2.3.777")
    scene.says({"images": {"DOE^JOHN": 1}, "images_refused": {"1.2.3.777": 1, "DOE^JOHN": 2}})
    scene.clock.advance(CACHED_SECONDS)
    text = scene.page.text().decode()
    assert "hounsfield_analyses_total" in text
    for secret in ("1.2.3.777", STUDY, "DOE", "192.0.2.7", receipt().digest):
        assert secret not in text
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", text), "no UID, no address"


def test_the_console_serves_metrics_and_health_to_whoever_asks(scene: Scene) -> None:
    app = console_app(console_parts(scene.database, scene.home))
    answer = Browser(app, host="10.20.30.40:8050").get("/metrics")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "hounsfield_build_info" in answer.text
    assert Browser(app).get("/livez").text == "alive\n"
    assert Browser(app).get("/readyz").status == 503
    assert Browser(app).ask("HEAD", "/livez").status == 200


def test_every_sample_belongs_to_a_metric_that_is_declared_with_these_labels(scene: Scene) -> None:
    scene.scrape()
    analysed(scene.database)
    delivered(scene.database)
    scene.says({"images": {"CT1": 1}, "statuses": {"0000": 1}, "bundles": {"a 1": {"state": "served"}}})
    declared = {metric.name: metric for metric in names.METRICS}
    for name, samples in scene.scrape().items():
        metric = declared.get(name) or declared[re.sub(r"_(bucket|sum|count)$", "", name)]
        for labels in samples:
            assert {key for key, _ in labels} - {"le"} == set(metric.labels), name


def test_declared_names_follow_the_rules_of_prometheus() -> None:
    assert len({metric.name for metric in names.METRICS}) == len(names.METRICS)
    for metric in names.METRICS:
        assert re.fullmatch(r"hounsfield_[a-z_]+[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is names.Kind.COUNTER)
        assert bool(metric.buckets) == (metric.kind is names.Kind.HISTOGRAM)
        assert metric.help.endswith(".")


def test_the_table_of_the_documentation_is_that_of_the_code() -> None:
    written = (Path(__file__).resolve().parents[4] / "docs" / "metrics.md").read_text()
    assert names.as_markdown() in written
