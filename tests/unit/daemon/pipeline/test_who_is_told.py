"""Which notifications a result brings about."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.told import notify_job

from hounsfield.daemon.config.destinations import Notifier
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError
from hounsfield.daemon.pipeline.destinations import notifications, requests_of
from hounsfield.storage.states import JobKind, Outcome, Reason

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
CLINICAL, DEMONSTRATION = SimpleNamespace(clinical=True), SimpleNamespace(clinical=False)


def worklist(name: str = "worklist", host: str = "10.1.2.3", **more: Any) -> Notifier:
    return Notifier(name=name, kind="hl7", host=host, port=2575, **more)


def hook(url: str = "https://worklist.example.org/", **more: Any) -> Notifier:
    return Notifier(name="hook", kind="webhook", url=url, secret_file=Path("/etc/secret"), **more)


def told(
    *notifiers: Notifier,
    outcome: Outcome = Outcome.POSITIVE,
    manifest: object = CLINICAL,
    **job: Any,
) -> dict[str, Reason | None]:
    found = notifications(notifiers, manifest, notify_job(**job), outcome, NOW)  # type: ignore[arg-type]
    assert all(one.kind is JobKind.NOTIFY for one in found)
    return {one.destination: one.withheld for one in found}


def test_only_configured_outcomes_are_told_and_by_default_what_is_flagged() -> None:
    curious = worklist("curious", outcomes=["negative", "not_analysed"])
    assert told(worklist(), curious) == {"worklist": None}
    assert told(worklist(), curious, outcome=Outcome.NEGATIVE) == {"curious": None}
    assert told(worklist(), curious, outcome=Outcome.NOT_ANALYSED) == {"curious": None}


def test_it_is_tried_for_seven_days_with_the_priority_of_the_job() -> None:
    (one,) = notifications([worklist()], CLINICAL, notify_job(priority=5), Outcome.POSITIVE, NOW)  # type: ignore[arg-type]
    assert (one.give_up_at - NOW, one.priority) == (timedelta(days=7), 5)


def test_shadow_operation_tells_nobody_and_the_job_log_says_so() -> None:
    assert told(worklist(), shadow=True) == {"worklist": Reason.SHADOW}


@pytest.mark.parametrize(
    ("notifier", "withheld"),
    [
        (worklist(), Reason.DEMONSTRATION),
        (worklist(allow_demonstration=True), None),
        (worklist(host="127.0.0.1"), None),
        (hook(), Reason.DEMONSTRATION),
        (hook("http://localhost:8080/"), None),
        (hook("http://[::1]:8080/"), None),
        (hook("http://127.0.0.1.example.org/"), Reason.DEMONSTRATION),
        (hook("http://localhost@example.org/"), Reason.DEMONSTRATION),
    ],
)
def test_a_demonstration_speaks_to_this_machine_only_unless_allowed(
    notifier: Notifier, withheld: Reason | None
) -> None:
    assert told(notifier, manifest=DEMONSTRATION) == {notifier.name: withheld}


def test_a_rule_narrows_who_is_told_only_where_it_names_some_or_nobody() -> None:
    both = (worklist(), hook())
    assert set(told(*both, destinations=("pacs",))) == {"worklist", "hook"}
    assert set(told(*both, destinations=("pacs", "hook"))) == {"hook"}
    assert told(*both, destinations=()) == {}


def test_objects_and_news_are_asked_for_together() -> None:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242}
    notifier = {"name": "worklist", "kind": "hl7", "host": "127.0.0.1", "port": 2575}
    settings = Settings(destination=[pacs], notify=[notifier])
    found = requests_of(settings, CLINICAL, notify_job(), Outcome.POSITIVE, NOW)  # type: ignore[arg-type]
    assert [(one.kind, one.destination) for one in found] == [
        (JobKind.DELIVER, "pacs"),
        (JobKind.NOTIFY, "worklist"),
    ]


def refused(tmp_path: Path, text: str) -> str:
    from hounsfield.daemon.config.settings import load_settings

    file = tmp_path / "hounsfield.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as failure:
        load_settings(file)
    return str(failure.value)


HL7 = '[[notify]]\nname = "worklist"\nkind = "hl7"\nhost = "127.0.0.1"\nport = 2575\n'


def test_a_rule_may_name_a_notify_and_no_two_share_a_name(tmp_path: Path) -> None:
    Settings(
        notify=[{"name": "worklist", "kind": "hl7", "host": "127.0.0.1", "port": 1}],
        rule=[{"name": "heads", "bundle": "ich-demo", "destinations": ["worklist"]}],
    )
    folder = '[[destination]]\nname = "worklist"\nkind = "folder"\nfolder = "/results"\n'
    assert "notify[0].name" in refused(tmp_path, folder + HL7)
    assert "notify[1].name" in refused(tmp_path, HL7 + HL7)


@pytest.mark.parametrize("url", ["http://", "https://:80/", "http://host:99999/", "http://host:0/", "http://[::1/"])
def test_a_url_without_an_address_is_refused(tmp_path: Path, url: str) -> None:
    text = f'[[notify]]\nname = "hook"\nkind = "webhook"\nurl = "{url}"\nsecret_file = "/etc/secret"\n'
    assert "notify[0].url" in refused(tmp_path, text)
