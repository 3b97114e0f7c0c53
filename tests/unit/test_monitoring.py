"""What deploy/ gives to Prometheus and Grafana loads in Prometheus' own checker, and speaks of metrics that exist."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.peers import run_tool

from hounsfield.daemon.console.metric_names import METRICS, Kind
from hounsfield.storage.alarms import AlarmKind

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "hounsfield.json"
_UNITS = {"short", "s", "bytes", "Bps", "cps", "percentunit"}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])


def known_names() -> set[str]:
    names = {metric.name for metric in METRICS}
    parts = ("bucket", "sum", "count")
    return names | {f"{metric.name}_{part}" for metric in METRICS if metric.kind is Kind.HISTOGRAM for part in parts}


def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    done = run_tool("promtool", "check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout + done.stderr


def test_each_alert_begins_and_ends_when_it_should(tmp_path: Path) -> None:
    for file in (PROMETHEUS / "alerts.yml", ROOT / "tests" / "support" / "alerts_test.yml"):
        shutil.copy(file, tmp_path)
    done = run_tool("promtool", "test", "rules", tmp_path / "alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    tested = re.findall(r"alertname: (\w+)", (tmp_path / "alerts_test.yml").read_text())
    assert set(tested) == {rule["alert"] for rule in rules()}


def test_every_kind_of_alarm_has_one_alert_and_every_alert_says_what_to_do() -> None:
    kinds = [match[1] for rule in rules() if (match := re.search(r'hounsfield_alarms\{kind="([^"]+)"', rule["expr"]))]
    assert sorted(kinds) == sorted(AlarmKind)
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "do"}
        assert "for" in rule


def test_alerts_and_dashboard_name_only_metrics_and_labels_that_exist() -> None:
    for expression in [*expressions(), *(rule["expr"] for rule in rules())]:
        found = set(re.findall(r"\b(?:hounsfield_\w+)\b", expression))
        assert found <= known_names(), expression
        used = {word for group in re.findall(r"by \(([^)]+)\)", expression) for word in group.split(", ")}
        for name in found:
            metric = next(one for one in METRICS if name.startswith(one.name) and name in known_names())
            assert used <= {*metric.labels, "le"}, expression


def test_promtool_can_read_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    plain = [one.replace("$__rate_interval", "5m").replace("$instance", ".*") for one in expressions()]
    assert len(plain) >= 30
    records = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(plain)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": records}]}))
    done = run_tool("promtool", "check", "rules", "--lint=none", tmp_path / "rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_every_panel_has_a_title_a_unit_and_its_place(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
    assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    assert all(target["expr"] and target["refId"] for target in panel["targets"])


def test_panels_do_not_lie_on_each_other_and_have_different_numbers() -> None:
    cells = [
        (x, y)
        for panel in panels()
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in panels()}) == len(panels())
