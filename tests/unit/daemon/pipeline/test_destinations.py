"""Which destinations get a result."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.told import notify_job

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.pipeline.destinations import deliveries
from hounsfield.storage.states import Outcome, Reason

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
CLINICAL, DEMONSTRATION = SimpleNamespace(clinical=True), SimpleNamespace(clinical=False)


def pacs(host: str = "10.1.2.4", **more: Any) -> Destination:
    return Destination(name="pacs", ae_title="PACS", host=host, port=104, **more)


def sent(destination: Destination, manifest: object) -> dict[str, Reason | None]:
    found = deliveries([destination], manifest, notify_job(), Outcome.POSITIVE, NOW)  # type: ignore[arg-type]
    return {one.destination: one.withheld for one in found}


@pytest.mark.parametrize(
    ("destination", "withheld"),
    [
        (pacs(), Reason.DEMONSTRATION),
        (pacs("localhost.example.org"), Reason.DEMONSTRATION),
        (pacs("0.0.0.0"), Reason.DEMONSTRATION),
        (pacs("127.0.0.1"), None),
        (pacs("::1"), None),
        (pacs(allow_demonstration=True), None),
        (Destination(name="pacs", kind="sender", port=104), Reason.DEMONSTRATION),
        (Destination(name="pacs", kind="folder", folder=Path("/srv/results")), None),
    ],
)
def test_a_demonstration_is_sent_to_this_machine_only_unless_allowed(
    destination: Destination, withheld: Reason | None
) -> None:
    assert sent(destination, DEMONSTRATION) == {"pacs": withheld}
    assert sent(destination, CLINICAL) == {"pacs": None}
