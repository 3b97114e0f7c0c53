"""What a webhook says about several findings."""

import json
from pathlib import Path

from support.reports import six_labels
from support.told import facts_of

from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.notifications.webhook import document
from hounsfield.storage.states import Outcome, ResultKind


def findings(told: ResultFacts) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(document(told, include_patient=False))["findings"]
    return found


def test_every_label_is_told_with_its_score_and_whether_it_is_flagged(tmp_path: Path) -> None:
    found = findings(facts_of(tmp_path, asked=six_labels()))
    assert [(one["code"], one["score"], one["flagged"]) for one in found] == [
        ("1386000", 0.93, True),
        ("82999001", 0.05, False),
        ("274100004", 0.31, False),
        ("50960005", 0.1, False),
        ("21454007", 0.64, True),
        ("35486000", 0.88, True),
    ]
    assert found[3] == {
        "code": "50960005",
        "scheme": "SCT",
        "meaning": "Hemorrhage",
        "site": "Brain ventricle",
        "flagged": False,
        "score": 0.1,
    }


def test_no_kind_of_a_series_that_is_not_flagged_is_told_as_flagged(tmp_path: Path) -> None:
    assert not any(one["flagged"] for one in findings(facts_of(tmp_path, asked=six_labels(0.2))))


def test_without_an_analysis_there_is_no_score_and_after_a_retraction_no_finding(tmp_path: Path) -> None:
    (one,) = findings(facts_of(tmp_path, Outcome.NOT_ANALYSED))
    assert (one["code"], one["flagged"], one["score"]) == ("1386000", False, None)
    assert findings(facts_of(tmp_path, asked=six_labels(), kind=ResultKind.RETRACTION)) == []
