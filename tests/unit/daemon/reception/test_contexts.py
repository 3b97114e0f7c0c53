import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from hounsfield.daemon.reception.contexts import (
    CT_CLASSES,
    IMAGE_SYNTAXES,
    NATIVE_SYNTAXES,
    ContextOffer,
    accepted_classes,
    role_of,
)
from hounsfield.storage.states import InstanceRole

ROOT = "1.2.840.10008.5.1.4.1.1"
COMPANIONS = {
    "X-Ray Radiation Dose SR": f"{ROOT}.88.67",
    "Enhanced X-Ray Radiation Dose SR": f"{ROOT}.88.76",
    "Comprehensive 3D SR": f"{ROOT}.88.34",
    "Key Object Selection": f"{ROOT}.88.59",
    "Secondary Capture": f"{ROOT}.7",
    "Multi-frame True Color SC": f"{ROOT}.7.4",
    "Grayscale Softcopy PS": f"{ROOT}.11.1",
    "Blending Softcopy PS": f"{ROOT}.11.4",
}

EVERYTHING = [*accepted_classes("all-storage"), "1.2.840.10008.1.1", "1.2.3.4"]


@pytest.mark.parametrize("accept", ["ct", "ct+companions", "all-storage"])
def test_ct_is_always_accepted_and_echo_always_answered(accept):
    offered = {str(context.abstract_syntax): context for context in ContextOffer(accept).of(EVERYTHING)}
    assert offered.keys() >= CT_CLASSES
    assert "1.2.840.10008.1.1" in offered
    assert {str(s) for s in offered[f"{ROOT}.2"].transfer_syntax} == {str(s) for s in IMAGE_SYNTAXES}


def test_what_scanners_send_along_is_accepted_unless_only_ct_is():
    assert set(COMPANIONS.values()) <= set(accepted_classes("ct+companions"))
    assert set(accepted_classes("ct")) == CT_CLASSES


def test_other_modalities_are_accepted_only_on_request():
    mr = f"{ROOT}.4"
    assert mr not in accepted_classes("ct+companions")
    assert mr in accepted_classes("all-storage")
    assert set(accepted_classes("ct+companions")) < set(accepted_classes("all-storage"))


@pytest.mark.parametrize("accept", ["ct", "ct+companions", "all-storage"])
def test_deflated_is_never_offered(accept):
    offered = {str(syntax) for context in ContextOffer(accept).of(EVERYTHING) for syntax in context.transfer_syntax}
    assert DeflatedExplicitVRLittleEndian not in offered
    assert offered == {str(syntax) for syntax in IMAGE_SYNTAXES}


def test_every_syntax_of_the_contract_is_offered_for_images():
    numbers = ["", ".1", ".2", ".5"] + [f".4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)]
    assert {str(s) for s in IMAGE_SYNTAXES} == {f"1.2.840.10008.1.2{n}" for n in numbers}
    assert set(NATIVE_SYNTAXES) < set(IMAGE_SYNTAXES)


@pytest.mark.parametrize("uid", COMPANIONS.values(), ids=COMPANIONS.keys())
def test_companions_are_not_sources(uid):
    assert role_of(uid) is InstanceRole.COMPANION


@pytest.mark.parametrize(
    ("uid", "role"),
    [
        (f"{ROOT}.2", InstanceRole.SOURCE),
        (f"{ROOT}.2.2", InstanceRole.SOURCE),
        (f"{ROOT}.4", InstanceRole.SOURCE),
        (f"{ROOT}.66", InstanceRole.COMPANION),
        (f"{ROOT}.104.1", InstanceRole.COMPANION),
        ("1.2.3", InstanceRole.COMPANION),
    ],
)
def test_images_are_sources_and_everything_else_is_not(uid, role):
    assert role_of(uid) is role


def test_only_what_is_asked_for_is_built_and_each_class_once():
    ct = f"{ROOT}.2"
    built = ContextOffer("all-storage").of([ct, ct, "1.2.3.4"])
    assert [str(context.abstract_syntax) for context in built] == [ct]
