"""Which of several series is the best for a bundle, and how that is said."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.ct_factory import ct_slice, write

from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.manifest import Preference
from hounsfield.model.preference import Rank, rank

PREFERENCE = Preference(kernel=("(?i)^h3", "(?i)^h2", "^STD"), thickness_mm=5.0)

Ranked = Callable[..., Rank]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> SliceHeader:
    return read_header(write(ct_slice(ConvolutionKernel="H30s"), tmp_path_factory.mktemp("rank") / "one.dcm"))


@pytest.fixture
def ranked(template: SliceHeader) -> Ranked:
    """The rank of a series of ``count`` slices."""

    def make(
        count: int = 28,
        step: float = 5.0,
        *,
        preference: Preference = PREFERENCE,
        rejection: Rejection | None = None,
        completeness: int = 0,
        part: str = "",
        **changes: Any,
    ) -> Rank:
        headers: list[SliceHeader] = [
            replace(template, **({"position": (0.0, 0.0, k * step)} | changes)) for k in range(count)
        ]
        return rank(headers, measure(headers), preference, rejection, completeness, part=part)

    return make


def test_the_words_say_what_counted(ranked: Ranked) -> None:
    assert ranked(29).words == (
        "kernel H30s (1st choice), thickness 5 mm (0 from preferred), coverage 140 mm, 29 slices"
    )
    assert ranked(kernel="B70f", thickness=1.25, rejection=Rejection.SCOPE, completeness=1).words == (
        "not fit for the model (scope), completeness suspect, kernel B70f (no preferred one), "
        "thickness 1.25 mm (3.75 from preferred), coverage 135 mm, 28 slices"
    )
    assert ranked(preference=Preference(), kernel="", thickness=None, completeness=2).words == (
        "incomplete, kernel not stated, thickness 5 mm, coverage 135 mm, 28 slices"
    )


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"completeness": 2, "kernel": "B70f"}, {"rejection": Rejection.LOSSY}),
        ({"completeness": 0, "kernel": "B70f"}, {"completeness": 1}),
        ({"completeness": 1}, {"completeness": 2}),
        ({"kernel": "H30s", "thickness": 1.0}, {"kernel": "H20s"}),
        ({"kernel": "STD+"}, {"kernel": "BONE"}),
        ({"thickness": 4.0}, {"thickness": 7.0, "count": 100}),
        ({"thickness": 6.0}, {"thickness": 2.5}),
        ({"count": 30}, {"count": 28}),
        ({"count": 57, "step": 2.5}, {"count": 29, "step": 5.0}),
        ({"series_uid": "1.2.3"}, {"series_uid": "1.2.4"}),
        ({"part": "a"}, {"part": "b"}),
    ],
)
def test_the_better_series_is_the_smaller_rank(ranked: Ranked, better: dict[str, Any], worse: dict[str, Any]) -> None:
    assert ranked(**better) < ranked(**worse)
    assert not ranked(**worse) < ranked(**better)


def test_coverage_counts_in_whole_millimetres(ranked: Ranked) -> None:
    one, other = ranked(29, 5.0), ranked(29, 5.01)
    assert one.missing_coverage_mm == other.missing_coverage_mm == -140
    ignored = PREFERENCE.model_copy(update={"coverage": "ignore"})
    assert ranked(29, preference=ignored).missing_coverage_mm == 0


def test_a_thickness_that_is_not_stated_is_judged_by_the_steps(ranked: Ranked) -> None:
    assert ranked(thickness=None).thickness_mm == 0.0
    assert ranked(count=1, thickness=None).thickness_mm == float("inf")


def test_a_series_of_several_kernels_counts_as_its_worst(template: SliceHeader) -> None:
    headers = [
        replace(template, position=(0.0, 0.0, 5.0 * k), kernel=name) for k, name in enumerate(["H30s", "H20s", "H30s"])
    ]
    found = rank(headers, measure(headers), PREFERENCE, None, 0)
    assert found.kernel == 1
    assert found.words.startswith("kernel H20s and H30s (2nd choice)")


def test_an_empty_series_has_a_rank_behind_all_others(ranked: Ranked) -> None:
    assert ranked() < ranked(0, rejection=Rejection.NO_GEOMETRY)


def test_words_hold_no_more_of_a_kernel_than_a_name(ranked: Ranked) -> None:
    assert "Müller" not in ranked(kernel="H30 Müller^Anna, born 1950").words
