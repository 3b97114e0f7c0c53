"""Whatever an archive makes of our results before it sends them back: they are no input, and no opinion on themselves.

Each role is sent through the real SCP with any mixture of changes that archives, routers and gateways make.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)
from support.ct_factory import ct_series
from support.site import Site, site

from hounsfield.daemon.results.registry import WRITERS
from hounsfield.daemon.results.retraction import Rejection, rejection_note
from hounsfield.storage.states import Reason, SeriesState

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "DeviceUID", "SoftwareVersions")
DOCUMENTS = ("sr", "ko")
"""Roles with a content tree, which names us whatever becomes of the modules around it."""


def _study(result: Dataset) -> None:
    result.StudyDescription = "COERCED"
    result.AccessionNumber = "NEW-1"


def _patient(result: Dataset) -> None:
    result.PatientID, result.PatientName = "MERGED-7", "Roe^Richard"


def _modality(result: Dataset) -> None:
    result.Modality = "CT"


def _instance_uid(result: Dataset) -> None:
    result.SOPInstanceUID = generate_uid()


def _series_uid(result: Dataset) -> None:
    result.SeriesInstanceUID = generate_uid()


def _study_uid(result: Dataset) -> None:
    result.StudyInstanceUID = generate_uid()


def _another_maker(result: Dataset) -> None:
    result.Manufacturer, result.ManufacturerModelName = "Archives Ltd", "Archive 9"


def _no_equipment(result: Dataset) -> None:
    for keyword in EQUIPMENT:
        if keyword in result:
            delattr(result, keyword)


def _equipment_contributes(result: Dataset) -> None:
    """PS3.3 C.12.1.5: the archive becomes the maker, and what was the maker has contributed."""
    was = Dataset()
    for keyword in EQUIPMENT[:4]:
        if keyword in result:
            setattr(was, keyword, result[keyword].value)
    _another_maker(result)
    result.ContributingEquipmentSequence = [*result.get("ContributingEquipmentSequence", []), was]


def _no_contributors(result: Dataset) -> None:
    if "ContributingEquipmentSequence" in result:
        del result.ContributingEquipmentSequence


def _no_derivation(result: Dataset) -> None:
    for keyword in ("SourceImageSequence", "DerivationDescription", "ImageComments"):
        if keyword in result:
            delattr(result, keyword)


def _private(result: Dataset) -> None:
    result.private_block(0x0099, "ARCHIVE", create=True).add_new(0x01, "LO", "routed")


def _described_as_ct_of_the_head(result: Dataset) -> None:
    result.SeriesDescription, result.BodyPartExamined = "5 mm axial head", "HEAD"
    result.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]


COERCIONS: tuple[Callable[[Dataset], None], ...] = (
    _study,
    _patient,
    _modality,
    _instance_uid,
    _series_uid,
    _study_uid,
    _another_maker,
    _no_equipment,
    _equipment_contributes,
    _no_contributors,
    _no_derivation,
    _private,
    _described_as_ct_of_the_head,
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that takes "Of Interest" for agreement, which our own key objects are titled."""
    with site(tmp_path_factory.mktemp("site"), feedback={"agree": ["113000,DCM", "126000,DCM"]}) as made:
        yield made


def is_recognised(role: str, coerced: Dataset, original: Dataset) -> bool:
    """Whether a mark of ours is left that proves it."""
    marks = [coerced.get("DeviceUID"), coerced.get("DeviceSerialNumber"), coerced.SOPInstanceUID]
    contributed = [one.get("DeviceUID") for one in coerced.get("ContributingEquipmentSequence", [])]
    ours = {original.DeviceUID, original.SOPInstanceUID}
    return role in DOCUMENTS or bool(ours & {*marks, *contributed}) or "project" in str(coerced.get("Manufacturer"))


@pytest.mark.parametrize("role", list(WRITERS))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.sampled_from(COERCIONS), unique=True),
    syntax=st.sampled_from(NATIVE),
    calling=st.sampled_from(["PACS", "ROUTER", "HOUNSFIELD", "CT1"]),
)
@example(changes=list(COERCIONS), syntax=ImplicitVRLittleEndian, calling="ROUTER")
@example(changes=[], syntax=ExplicitVRLittleEndian, calling="PACS")
def test_a_coerced_result_is_never_analysed_and_never_an_opinion(
    here: Site, role: str, changes: list[Callable[[Dataset], None]], syntax: str, calling: str
) -> None:
    original = here.result(role)
    coerced = deepcopy(original)
    for change in changes:
        change(coerced)
    here.send([coerced], calling=calling, syntax=syntax)
    assert len(here.jobs()) == 1
    assert here.feedback() == []
    series = here.bench.app.database.series.find(str(coerced.SeriesInstanceUID))
    assert series is not None
    assert series.state is SeriesState.SKIPPED
    if is_recognised(role, coerced, original):
        assert series.reason is Reason.OWN_RESULT
    else:
        assert series.reason in (Reason.OWN_RESULT, Reason.NOT_AN_IMAGE)


def test_results_that_an_archive_files_in_the_series_of_the_images_change_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        strayed = here.results()
        for one in strayed:
            one.SeriesInstanceUID, one.Modality = here.bench.series()[0].series_uid, "CT"
            _no_equipment(one)
        here.send(strayed)
        (series,) = here.bench.series()
        assert (series.state, series.revision, series.instances) == (SeriesState.CLOSED, 1, 12 + len(strayed))
        assert len(here.jobs()) == 1


def test_a_page_that_an_archive_compresses_and_calls_ct_is_ours(here: Site) -> None:
    page = here.result("sc")
    page.Modality = "CT"
    page.compress(RLELossless, generate_instance_uid=False)
    here.send([page], syntax=RLELossless)
    series = here.bench.app.database.series.find(str(page.SeriesInstanceUID))
    assert series is not None
    assert (series.state, series.reason) == (SeriesState.SKIPPED, Reason.OWN_RESULT)


@pytest.mark.parametrize("keep", ["SOPInstanceUID", "DeviceUID", "DeviceSerialNumber", "Manufacturer"])
def test_pages_that_a_gateway_turned_into_ct_images_are_ours_by_any_mark(here: Site, keep: str) -> None:
    """No archive should; one mark is enough all the same."""
    page = here.result("sc")
    slices = ct_series(9, name=f"gateway{keep}", ImageType=["DERIVED", "SECONDARY"])
    for number, one in enumerate(slices):
        setattr(one, keep, page[keep].value)
        if keep == "SOPInstanceUID" and number:
            one.SOPInstanceUID = generate_uid()
    here.send(slices[:1] if keep == "SOPInstanceUID" else slices, calling="GATEWAY")
    series = here.bench.app.database.series.find(str(slices[0].SeriesInstanceUID))
    assert series is not None
    assert (series.state, series.reason) == (SeriesState.SKIPPED, Reason.OWN_RESULT)
    assert len(here.jobs()) == 1


def test_a_rejection_note_of_ours_that_an_archive_changed_is_no_opinion_on_what_it_takes_back(here: Site) -> None:
    report = here.result("sr")
    rejection = Rejection(
        objects=(here.bench.app.files.path(str(report.SOPInstanceUID)),),
        profile="",
        words="",
        created=here.bench.clock.now(),
        timezone="UTC",
    )
    note = dcmread(BytesIO(rejection_note(rejection).content))
    for change in COERCIONS:
        change(note)
    here.send([note])
    assert here.feedback() == []
    series = here.bench.app.database.series.find(str(note.SeriesInstanceUID))
    assert series is not None
    assert (series.state, series.reason) == (SeriesState.SKIPPED, Reason.OWN_RESULT)


def honest(name: str) -> list[Dataset]:
    """Reformats by another product, in which our name occurs where it proves nothing."""
    contributor = Dataset()
    contributor.Manufacturer, contributor.ManufacturerModelName = "Hounsfield project", "hounsfield"
    reformats = ct_series(
        12,
        name=name,
        ImageType=["DERIVED", "PRIMARY", "AXIAL"],
        Manufacturer="Hounsfield",
        ManufacturerModelName="hounsfield",
    )
    for one in reformats:
        one.ContributingEquipmentSequence = [contributor]
    return reformats


def test_an_honest_ct_of_another_product_is_analysed(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        slices = honest("honest")
        assert {one.SOPClassUID for one in slices} == {CTImageStorage}
        here.send(slices, calling="WORKSTATION")
        (series,) = here.others()
        assert (series.state, series.instances) == (SeriesState.CLOSED, 12)
        assert len(here.jobs()) == 2


def test_an_honest_image_that_shares_its_uid_with_a_forged_result_stays_an_image(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        forged = here.result("sc")
        forged.SeriesInstanceUID = here.bench.series()[0].series_uid
        forged.SOPInstanceUID = here.image_uids()[0]
        here.send([forged])
        assert np.array_equal([one.revision for one in here.bench.series()], [1])
        assert {one.state for one in here.bench.series()} <= {SeriesState.CLOSED, SeriesState.HELD}
        assert len(here.jobs()) == 1
