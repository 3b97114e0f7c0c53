"""Which bundles want a series, and why one that none wants is skipped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.bundles import manifest_fields
from support.ct_factory import ct_slice, write

from hounsfield.daemon.assembly.selection import Selection, select
from hounsfield.model.bundle import Bundle
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.manifest import Manifest
from hounsfield.storage.states import Reason

Make = Callable[..., list[SliceHeader]]


def bundle(name: str = "tiny", **scope: Any) -> Bundle:
    fields = manifest_fields()
    fields |= {"name": name, "scope": fields["scope"] | {"slices": [8, 400]} | scope}
    fields["files"] = {"model.keras": "a" * 64}
    return Bundle(folder=Path(name), manifest=Manifest.model_validate(fields), sha256=name)


HEAD, CHEST = bundle(), bundle("chest", body_part="(?i)^chest", description="(?i)thorax")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> SliceHeader:
    return read_header(write(ct_slice(), tmp_path_factory.mktemp("selection") / "one.dcm"))


@pytest.fixture
def series(template: SliceHeader) -> Make:
    def make(count: int = 12, **changes: Any) -> list[SliceHeader]:
        return [replace(template, **({"position": (-120.0, -120.0, 5.0 * k)} | changes)) for k in range(count)]

    return make


def chosen(headers: list[SliceHeader], *bundles: Bundle, by_rule: bool = False, **more: Any) -> Selection:
    return select(headers, bundles, by_rule=by_rule, **({"cut_off": False} | more))


def test_every_bundle_whose_scope_it_is_in_analyses_a_series(series: Make) -> None:
    other = bundle("other")
    assert chosen(series(), HEAD, CHEST, other) == Selection((HEAD, other), None)


def test_a_series_that_none_wants_is_skipped_for_the_reason_of_the_first(series: Make) -> None:
    short = bundle("short", slices=[100, 400])
    assert chosen(series(), CHEST, short) == Selection((), Reason.BODY_PART)
    assert chosen(series(), short, CHEST) == Selection((), Reason.TOO_FEW_SLICES)


def test_where_there_is_no_bundle_it_is_skipped_for_that(series: Make) -> None:
    assert chosen(series()) == Selection((), Reason.NO_BUNDLE)
    assert chosen(series(), by_rule=True) == Selection((), Reason.NO_BUNDLE)


def test_what_a_rule_wants_is_reported_on_rather_than_skipped(series: Make) -> None:
    assert chosen(series(), CHEST, by_rule=True) == Selection((CHEST,), None)
    assert chosen(series(3), HEAD, by_rule=True) == Selection((HEAD,), None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"modality": "MR"}, Reason.MODALITY),
        ({"image_type": ("DERIVED", "SECONDARY", "LOCALIZER")}, Reason.IMAGE_TYPE),
        ({"frames": 12}, Reason.MULTI_FRAME),
        ({"quality_control_image": True}, Reason.PHANTOM),
    ],
)
def test_what_is_no_picture_of_a_patient_is_skipped_whatever_a_rule_wants(
    series: Make, changes: dict[str, Any], reason: Reason
) -> None:
    assert chosen(series(**changes), HEAD) == Selection((), reason)
    assert chosen(series(**changes), HEAD, by_rule=True) == Selection((), reason)
    assert chosen(series(3, **changes), HEAD, cut_off=True) == Selection((), reason)


def test_a_head_that_was_cut_off_too_short_is_not_passed_over_in_silence(series: Make) -> None:
    assert chosen(series(3), HEAD) == Selection((), Reason.TOO_FEW_SLICES)
    assert chosen(series(3), HEAD, cut_off=True) == Selection((HEAD,), None)
    assert chosen(series(3), CHEST, cut_off=True) == Selection((), Reason.BODY_PART)


def test_a_person_who_waives_a_reason_has_the_series_analysed(series: Make) -> None:
    phantom = series(quality_control_image=True)
    assert chosen(phantom, HEAD, waived=(Reason.PHANTOM,)) == Selection((HEAD,), None)
    assert chosen(phantom, HEAD, waived=(Reason.BODY_PART,)) == Selection((), Reason.PHANTOM)
