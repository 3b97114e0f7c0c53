"""What one series holds: its reconstructions, and what belongs to none of them."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ct_factory import ct_slice, write

from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.parts import MOST_PARTS, Split, Why, split

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
FLIPPED = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
TILTED = (1.0, 0.0, 0.0, 0.0, 0.9483237, -0.3173047)

Stack = Callable[..., list[SliceHeader]]
Told = tuple[str, int | None]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """``count`` slices from ``start`` mm upwards; their instances are named by ``name``."""
    template = read_header(write(ct_slice(ConvolutionKernel="H30s"), tmp_path_factory.mktemp("parts") / "one.dcm"))

    def make(
        count: int = 10, start: float = 0.0, step: float = 5.0, name: str = "1.2", **changes: Any
    ) -> list[SliceHeader]:
        places = [(-120.0, -120.0, start + k * step) for k in range(count)]
        return [
            replace(template, **({"position": at, "sop_instance_uid": f"{name}.{k}"} | changes))
            for k, at in enumerate(places)
        ]

    return make


def sizes(found: Split) -> list[int]:
    return [len(part.indices) for part in found.parts]


def test_a_plain_series_is_one_part_without_a_key(stack: Stack) -> None:
    found = split(stack())
    (part,) = found.parts
    assert (part.key, part.words, part.differs_in, part.duplicates) == ("", "", (), ())
    assert part.indices == tuple(range(10))
    assert (found.left_out, found.ambiguous, found.remarks("")) == ((), None, ())


@pytest.mark.parametrize(
    ("changes", "differs_in", "words"),
    [
        ({"orientation": FLIPPED}, "orientation", {"axial", "axial, rows or columns reversed"}),
        ({"orientation": TILTED}, "orientation", {"axial", "axial at 19 degrees"}),
        ({"rows": 32, "columns": 32}, "matrix", {"64 x 64", "32 x 32"}),
        ({"pixel_spacing": (0.5, 0.5)}, "pixel spacing", {"pixel spacing 3.75 mm", "pixel spacing 0.5 mm"}),
        ({"kernel": "H60s"}, "kernel", {"kernel H30s", "kernel H60s"}),
        ({"kernel": ""}, "kernel", {"kernel H30s", "kernel not stated"}),
        (
            {"image_type": ("DERIVED", "PRIMARY", "AXIAL")},
            "image type",
            {"image type original axial", "image type derived axial"},
        ),
        (
            {"image_type": ("ORIGINAL", "PRIMARY", "SECRET^NAME")},
            "image type",
            {"image type original axial", "image type original"},
        ),
        (
            {"image_type": ("ORIGINAL", "PRIMARY", "AXIAL", "DE80")},
            "image type details",
            {"image type details of its own"},
        ),
        ({"contrast": True}, "contrast", {"with contrast agent", "without contrast agent"}),
        ({"thickness": 1.25}, "thickness", {"thickness 5 mm", "thickness 1.25 mm"}),
        ({"acquisition_number": 7}, "acquisition number", {"acquisition 1", "acquisition 7"}),
        ({"frame_of_reference_uid": "2.25.9"}, "frame of reference", {"a frame of reference of its own"}),
    ],
)
def test_two_reconstructions_at_the_same_positions_are_two_parts(
    stack: Stack, changes: dict[str, Any], differs_in: str, words: set[str]
) -> None:
    found = split(stack() + stack(name="1.3", **changes))
    assert sizes(found) == [10, 10]
    assert {part.indices for part in found.parts} == {tuple(range(10)), tuple(range(10, 20))}
    assert {part.differs_in for part in found.parts} == {(differs_in,)}
    assert {part.words for part in found.parts} == words
    assert len({part.key for part in found.parts}) == 2
    assert all(len(part.key) == 64 and not part.duplicates for part in found.parts)
    assert found.ambiguous is None


def test_coronal_reformats_in_the_series_are_a_part_of_their_own(stack: Stack) -> None:
    reformats = [
        replace(one, position=(-120.0, -90.0 + 5 * k, 80.0), orientation=CORONAL)
        for k, one in enumerate(stack(12, name="1.3"))
    ]
    found = split(stack() + reformats)
    assert [(len(part.indices), part.words) for part in found.parts] == [(12, "coronal"), (10, "axial")]
    assert not found.left_out


def test_reconstructions_at_positions_between_each_other_are_two_parts(stack: Stack) -> None:
    found = split(stack() + stack(start=2.5, name="1.3", kernel="H60s"))
    assert sizes(found) == [10, 10]


def test_four_reconstructions_are_four_parts_with_words_for_each(stack: Stack) -> None:
    headers = [
        *stack(),
        *stack(name="1.3", kernel="H60s"),
        *stack(40, step=1.25, name="1.4", thickness=1.25, pixel_spacing=(0.5, 0.5)),
        *stack(40, step=1.25, name="1.5", thickness=1.25, kernel="H60s", pixel_spacing=(0.5, 0.5)),
    ]
    found = split(headers)
    assert sizes(found) == [40, 40, 10, 10]
    assert found.parts[0].differs_in == ("pixel spacing", "kernel")
    assert "kernel H60s" in {part.words.split(", ")[1] for part in found.parts}
    remark = found.remarks(found.parts[3].key)[0]
    assert remark.startswith("The series holds 4 reconstructions; this one has 10 images (pixel spacing 3.75 mm, ")


def test_blocks_that_lie_one_above_the_other_are_one_scan(stack: Stack) -> None:
    lower, upper = stack(14, step=2.5, thickness=2.5), stack(10, start=40.0, name="1.3")
    for changes in (
        {"acquisition_number": 2},
        {"kernel": "H20s"},
        {"image_type": ("DERIVED", "PRIMARY", "AXIAL")},
        {"thickness": 7.0},
        {"contrast": True},
    ):
        found = split(lower + [replace(header, **changes) for header in upper])
        assert sizes(found) == [24]
        assert found.parts[0].key == ""
        assert not measure(lower + upper).duplicate_positions


@pytest.mark.parametrize(
    "changes",
    [
        {"pixel_spacing": (0.5, 0.5)},
        {"rows": 32, "columns": 32},
        {"orientation": FLIPPED},
        {"orientation": (1.0, 0.0, 0.0, 0.0, 0.9961947, 0.0871557)},
    ],
)
def test_blocks_that_cannot_be_one_volume_are_for_a_person_to_see(stack: Stack, changes: dict[str, Any]) -> None:
    lower, upper = stack(), stack(start=50.0, name="1.3", **changes)
    found = split(lower + upper)
    assert sizes(found) == [10, 10]
    assert found.ambiguous is not None
    assert "only a part" in found.ambiguous
    touching = stack(start=40.0, name="1.3", **changes)
    assert split(lower + touching).ambiguous is not None
    assert split(lower + stack(30, name="1.3", **changes)).ambiguous is None
    assert split(lower + stack(start=20.0, name="1.3", **changes)).ambiguous is None


def test_two_half_reconstructions_beside_a_whole_one_are_for_a_person_to_see(stack: Stack) -> None:
    halves = stack(kernel="H20s") + stack(start=50.0, name="1.3", kernel="H40s")
    assert split(halves).ambiguous is None
    assert split(halves + stack(20, name="1.4", kernel="H60s")).ambiguous is not None


def test_every_slice_with_an_acquisition_number_of_its_own_is_still_one_scan(stack: Stack) -> None:
    headers = [replace(header, acquisition_number=k) for k, header in enumerate(stack(30))]
    assert sizes(split(headers)) == [30]


def test_acquisitions_that_meet_in_one_slice_are_not_split_into_halves_of_a_head(stack: Stack) -> None:
    found = split(stack(acquisition_number=1) + stack(start=45.0, name="1.3", acquisition_number=2))
    assert sizes(found) == [20]
    assert [tuple(sorted(pair)) for pair in found.parts[0].duplicates] == [(9, 10)]


def test_a_repeated_scan_with_one_number_a_slice_is_not_taken_apart_slice_by_slice(stack: Stack) -> None:
    first, second = stack(), stack(name="1.3")
    headers = [replace(header, acquisition_number=k) for k, header in enumerate(first + second)]
    found = split(headers)
    assert sizes(found) == [20]
    assert len(found.parts[0].duplicates) == 10


def test_a_longer_second_phase_is_still_a_second_phase(stack: Stack) -> None:
    found = split(stack(10) + stack(60, name="1.3", contrast=True))
    assert sizes(found) == [60, 10]
    assert not any(part.duplicates for part in found.parts)


def test_one_slice_twice_stays_with_its_part_as_a_pair(stack: Stack) -> None:
    headers = [*stack(), replace(stack()[4], sop_instance_uid="1.9")]
    (part,) = split(headers).parts
    assert part.duplicates == ((4, 10),)
    assert part.key == ""


def test_a_slice_twice_in_one_of_two_phases_does_not_hide_the_phases(stack: Stack) -> None:
    headers = stack() + stack(name="1.3", acquisition_number=2)
    headers.append(replace(headers[4], sop_instance_uid="1.9"))
    found = split(headers)
    assert sizes(found) == [11, 10]
    assert [part.duplicates for part in found.parts] == [((4, 20),), ()]


def test_images_that_nothing_tells_apart_are_pairs(stack: Stack) -> None:
    (part,) = split(stack() + stack(name="1.3")).parts
    assert len(part.duplicates) == 10


def test_localizers_are_left_out_and_said(stack: Stack) -> None:
    scout = replace(stack(1, name="1.8")[0], image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), position=None)
    turned = stack(2, name="1.7", orientation=CORONAL)
    found = split([scout, *stack(), *turned])
    assert sizes(found) == [10]
    assert [(one.index, one.why) for one in found.left_out] == [
        (0, Why.LOCALIZER),
        (11, Why.OTHER_PLANE),
        (12, Why.OTHER_PLANE),
    ]
    assert found.remarks("") == ("3 localizer or other-plane images left out.",)
    assert split([scout]).parts == ()


def test_a_few_flipped_or_slightly_tilted_slices_are_a_part_and_never_left_out(stack: Stack) -> None:
    for orientation in (FLIPPED, TILTED):
        found = split(stack(20) + stack(2, name="1.3", orientation=orientation))
        assert sizes(found) == [20, 2]
        assert found.left_out == ()


def test_images_without_a_position_stay_where_they_can_belong(stack: Stack) -> None:
    lost = replace(stack(1, name="1.8")[0], position=None)
    assert sizes(split([*stack(), lost])) == [11]
    assert sizes(split([lost])) == [1]
    two = stack() + stack(name="1.3", kernel="H60s")
    assert sizes(split([*two, lost])) == [11, 10]
    assert split([*two, replace(lost, kernel="B40")]).ambiguous is not None
    assert split([*stack(), *stack(name="1.3", acquisition_number=2), lost]).ambiguous is not None


def test_more_reconstructions_than_any_scanner_makes_are_not_understood(stack: Stack) -> None:
    headers = [one for k in range(MOST_PARTS + 1) for one in stack(3, name=f"1.{k}", kernel=f"K{k}")]
    assert split(headers).ambiguous is not None
    assert split(headers[3:]).ambiguous is None


def test_no_words_hold_more_of_a_kernel_than_a_kernel_s_name(stack: Stack) -> None:
    found = split(stack() + stack(name="1.3", kernel="<b>Müller^Anna</b> 1.2.840"))
    assert {part.words for part in found.parts} == {"kernel H30s", "kernel _b_M_ller_Anna__"}


@pytest.mark.parametrize(
    "orientation", [(1.0, 0, 0, 0, 1.0, 0), FLIPPED, (1.0, 0, 0, 0, -1.0, 0), (-1.0, 0, 0, 0, -1.0, 0)]
)
def test_a_flipped_series_is_one_part_and_runs_from_the_feet_to_the_head(stack: Stack, orientation: Any) -> None:
    headers = stack(orientation=orientation)[::-1]
    assert sizes(split(headers)) == [10]
    assert measure(headers).order == tuple(reversed(range(10)))


def told(found: Split, headers: Sequence[SliceHeader]) -> dict[str, tuple[str, frozenset[Told]]]:
    return {
        part.key: (part.words, frozenset((headers[i].sop_instance_uid, headers[i].frame) for i in part.indices))
        for part in found.parts
    }


VARIANTS = st.fixed_dictionaries(
    {},
    optional={
        "kernel": st.sampled_from(["H30s", "H60s", ""]),
        "orientation": st.sampled_from([FLIPPED, CORONAL, TILTED, (1.0, 0.001, 0.0, -0.001, 1.0, 0.0)]),
        "acquisition_number": st.integers(1, 3),
        "thickness": st.sampled_from([5.0, 4.999, 1.25, None]),
        "pixel_spacing": st.sampled_from([(0.5, 0.5), (0.5, 0.50001), None]),
        "contrast": st.booleans(),
        "position": st.none(),
        "image_type": st.sampled_from([("ORIGINAL", "PRIMARY", "LOCALIZER"), ("ORIGINAL", "PRIMARY", "AXIAL", "X")]),
    },
)
BLOCK = st.tuples(st.integers(1, 8), st.sampled_from([0.0, 2.5, 20.0, 40.0]), VARIANTS)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(BLOCK, min_size=1, max_size=4), seed=st.integers(0, 2**32), copied=st.integers(0, 5))
def test_neither_order_nor_copies_change_what_belongs_together(
    stack: Stack, blocks: list[tuple[int, float, dict[str, Any]]], seed: int, copied: int
) -> None:
    headers = [
        header
        for k, (count, start, changes) in enumerate(blocks)
        for header in stack(count, start=start, name=f"1.{k}", **changes)
    ]
    shuffled = headers + random.Random(seed).choices(headers, k=copied)
    random.Random(seed).shuffle(shuffled)
    one, other = split(headers), split(shuffled)
    assert told(one, headers) == told(other, shuffled)
    assert one.ambiguous == other.ambiguous
    assert len(one.parts) == len({part.key for part in one.parts})
    left = {(shuffled[out.index].sop_instance_uid, out.why) for out in other.left_out}
    assert left == {(headers[out.index].sop_instance_uid, out.why) for out in one.left_out}
    seen = sorted([out.index for out in other.left_out] + [i for part in other.parts for i in part.indices])
    assert seen == sorted(set(seen))
    assert other.ambiguous is not None or seen == list(range(len(shuffled)))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(BLOCK, min_size=1, max_size=4))
def test_no_part_has_a_shared_position_that_it_does_not_report(
    stack: Stack, blocks: list[tuple[int, float, dict[str, Any]]]
) -> None:
    headers = [
        header
        for k, (count, start, changes) in enumerate(blocks)
        for header in stack(count, start=start, name=f"1.{k}", **changes)
    ]
    for part in split(headers).parts:
        geometry = measure([headers[i] for i in part.indices])
        assert geometry.consistent_orientation
        assert len(geometry.duplicate_positions) == len(part.duplicates)


def test_three_thousand_slices_are_split_and_measured_in_a_third_of_a_second(stack: Stack) -> None:
    headers = stack(1500, step=0.5) + stack(1500, step=0.5, name="1.3", acquisition_number=2)
    random.Random(1).shuffle(headers)
    start = time.process_time()
    found = split(headers)
    for part in found.parts:
        measure([headers[i] for i in part.indices])
    assert time.process_time() - start < 0.6  # 0.2 s where it was measured; the rest is for a busy machine
    assert sizes(found) == [1500, 1500]
