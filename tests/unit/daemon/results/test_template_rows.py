"""Our reports against the templates of PS3.16, and the checker against reports that were spoilt."""

import io
from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
from pydicom import Dataset, dcmread
from support.reports import (
    FRACTURE,
    HAEMORRHAGE,
    SUBTYPES,
    enhanced_instance,
    facts,
    finding,
    of_frames,
    of_labels,
    request,
    series,
    six_labels,
)
from support.templates.checker import check
from support.templates.tables import TID_1500

from hounsfield.daemon.results.profile import Profile
from hounsfield.daemon.results.registry import WRITERS, build
from hounsfield.daemon.results.request import ReportRequest
from hounsfield.model.findings import Analysis
from hounsfield.storage.states import Outcome

SPOILT = ("SPOILT", "99TEST")


def report(wanted: ReportRequest) -> Dataset:
    return dcmread(io.BytesIO(build(wanted, tuple(WRITERS))[0].content))


def _of_frames() -> ReportRequest:
    sources = enhanced_instance(6)
    return request(sources=sources, analysis=of_frames([0.1, 0.2, 0.95, 0.9, 0.3, 0.1], sources[0], 0.93))


def _ten_flagged() -> ReportRequest:
    images = series(14)
    return request(sources=images, analysis=Analysis(findings=(finding([0.9] * 14, images, 0.9),)))


CASES: dict[str, Callable[[], ReportRequest]] = {
    **{f"{outcome}": lambda outcome=outcome: request(outcome) for outcome in Outcome},  # type: ignore[misc]
    **{
        f"{outcome}, German": lambda outcome=outcome: request(outcome, profile=Profile(language="de"))  # type: ignore[misc]
        for outcome in Outcome
    },
    "absence in codes": lambda: request(Outcome.NEGATIVE, profile=Profile(code_absence=True)),
    "calibrated": lambda: request(bundle=facts(clinical=True, banner="", calibrated=True)),
    "frames": _of_frames,
    "ten flagged slices": _ten_flagged,
    "six labels": six_labels,
    "six labels, not flagged": lambda: six_labels(0.2, profile=Profile(code_absence=True)),
    "six labels, not analysed": lambda: request(Outcome.NOT_ANALYSED, bundle=facts(labels=(HAEMORRHAGE, *SUBTYPES))),
    "a second finding decides": lambda: of_labels({HAEMORRHAGE: (0.3, 0.5), FRACTURE: (0.7, 0.6)}),
    "no frame of reference, no size": lambda: request(sources=series(FrameOfReferenceUID=None, Rows=None)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_report_follows_its_template(case: str) -> None:
    assert check(report(CASES[case]()), TID_1500) == []


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_report_with_another_title_has_the_tree_of_the_template_under_it(outcome: Outcome) -> None:
    document = report(request(outcome, profile=Profile(sr_title="ct-report")))
    assert check(document, TID_1500) == ["TID 1500 row 1: missing"]
    document.ConceptNameCodeSequence[0].CodeValue = "126000"
    document.ConceptNameCodeSequence[0].CodingSchemeDesignator = "DCM"
    assert check(document, TID_1500) == []


Path = tuple[int, ...]
"""Where an item stands: positions from the root down."""
MANDATORY = {
    "121049", "121005", "121012", "121058", "126200", "121139", "112039", "112040", "121071",
    "111001", "111003", "121112", "111017", "121111", "121106", "260753009",
}  # fmt: skip
MAY_GO = {
    "121013", "121014", "121015", "121016", "112227", "110910", "110911", "126010", "125007", "363698007",
    "122405", "111002", "111000", "122157", "C0034375", "111028",
}  # fmt: skip
"""Optional, or mandatory only while another is absent."""
MANY_MAY_STAND = {"121005", "121012", "121058", "121106", "126200", "121112", "260753009"}


def _paths(item: Dataset, at: Path = ()) -> Iterator[Path]:
    for position, child in enumerate(item.get("ContentSequence", [])):
        yield (*at, position)
        yield from _paths(child, (*at, position))


def _at(root: Dataset, path: Path) -> Dataset:
    for position in path:
        root = root.ContentSequence[position]
    return root


def _code(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def _one_slice() -> Dataset:
    """A report with one group and one image in it, so that whatever is deleted was the only one of its row."""
    images = series(1)
    low = Analysis(findings=(finding([0.2], images, 0.2),))
    return dcmread(io.BytesIO(build(request(Outcome.NEGATIVE, sources=images, analysis=low), ("sr",))[0].content))


GOOD = _one_slice()
PATHS = list(_paths(GOOD))


def _id(path: Path) -> str:
    return f"{_code(_at(GOOD, path))} at {'.'.join(map(str, path))}"


@pytest.mark.parametrize("path", PATHS, ids=_id)
def test_a_missing_item_is_missed_where_it_is_mandatory(path: Path) -> None:
    spoilt = deepcopy(GOOD)
    item = _at(spoilt, path)
    del _at(spoilt, path[:-1]).ContentSequence[path[-1]]
    missed = [fault for fault in check(spoilt, TID_1500) if fault.endswith("missing")]
    # the region of a score has the name of the image of its group, but it may go
    assert bool(missed) == (_code(item) in MANDATORY and item.ValueType != "SCOORD")
    assert _code(item) in MANDATORY | MAY_GO


def _relationship(item: Dataset) -> None:
    item.RelationshipType = "HAS PROPERTIES"


def _value_type(item: Dataset) -> None:
    item.ValueType = "DATE"


def _no_value(item: Dataset) -> None:
    keywords = ("ConceptCodeSequence", "MeasuredValueSequence", "TextValue", "UID", "GraphicData")
    for keyword in (*keywords, "ReferencedSOPSequence", "ContinuityOfContent"):
        if keyword in item:
            delattr(item, keyword)


@pytest.mark.parametrize("spoil", [_relationship, _value_type, _no_value])
@pytest.mark.parametrize("path", PATHS, ids=_id)
def test_an_item_of_the_wrong_kind_is_a_fault(path: Path, spoil: Callable[[Dataset], None]) -> None:
    spoilt = deepcopy(GOOD)
    spoil(_at(spoilt, path))
    assert check(spoilt, TID_1500)


WITH_VALUES = ("121049", "121005", "121139", "110910", "110911", "111000", "122157", "111017")


@pytest.mark.parametrize("path", [path for path in PATHS if _code(_at(GOOD, path)) in WITH_VALUES], ids=_id)
def test_a_code_from_outside_the_context_group_is_a_fault(path: Path) -> None:
    spoilt = deepcopy(GOOD)
    item = _at(spoilt, path)
    values = item.get("ConceptCodeSequence") or item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence
    values[0].CodeValue, values[0].CodingSchemeDesignator = SPOILT
    assert [fault for fault in check(spoilt, TID_1500) if "context group" in fault]


@pytest.mark.parametrize("code", sorted(MANDATORY - MANY_MAY_STAND))
def test_a_second_item_of_a_row_for_one_is_a_fault(code: str) -> None:
    spoilt = deepcopy(GOOD)
    (path, *_) = [path for path in PATHS if _code(_at(GOOD, path)) == code]
    siblings = _at(spoilt, path[:-1]).ContentSequence
    siblings.insert(path[-1], deepcopy(siblings[path[-1]]))
    assert [fault for fault in check(spoilt, TID_1500) if "instead of at most 1" in fault or "extra" in fault]


def test_items_in_another_order_are_a_fault_where_order_is_significant() -> None:
    spoilt = deepcopy(GOOD)
    spoilt.ContentSequence = list(reversed(spoilt.ContentSequence))
    group = spoilt.ContentSequence[1].ContentSequence[0].ContentSequence
    group[0], group[2] = group[2], group[0]
    assert [fault[:8] for fault in check(spoilt, TID_1500) if "order" in fault] == ["TID 1501", "TID 1500"]


def test_an_algorithm_may_be_described_in_any_order() -> None:
    shuffled = deepcopy(GOOD)
    group = shuffled.ContentSequence[-2].ContentSequence[0].ContentSequence
    codes = [_code(item) for item in group]
    name, version = codes.index("111001"), codes.index("111003")
    group[name], group[version] = group[version], group[name]
    assert check(shuffled, TID_1500) == []


def test_what_no_row_knows_may_stand_in_an_extensible_template_only() -> None:
    extended, closed = deepcopy(GOOD), deepcopy(GOOD)
    extra = deepcopy(GOOD.ContentSequence[-1].ContentSequence[-1])
    extra.ConceptNameCodeSequence[0].CodeValue, extra.ConceptNameCodeSequence[0].CodingSchemeDesignator = SPOILT
    extended.ContentSequence.append(extra)
    assert check(extended, TID_1500) == []
    closed.ContentSequence[0].ContentSequence = [extra]
    assert check(closed, TID_1500) == [f"TID 1204: extra TEXT {SPOILT}"]
