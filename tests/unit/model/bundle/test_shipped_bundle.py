import re

import pytest

from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.headers import ENHANCED_CT
from hounsfield.model.lint import lint
from hounsfield.model.selftest import selftest
from hounsfield.model.train.demo.package import PREFERENCE, SCOPE, VERSION


@pytest.mark.heavy
def test_the_bundle_that_ships_is_clean_and_passes_its_self_test() -> None:
    assert (bundled() / "manifest.toml").is_file(), "model/bundled/ich-demo must be in the package"
    assert lint(bundled()) == []
    bundle = open_bundle(bundled())
    assert not bundle.manifest.clinical
    assert "not for clinical use" in bundle.manifest.banner
    assert selftest(bundle).passed


def test_the_bundle_that_ships_wants_the_series_that_a_training_would_write_down() -> None:
    manifest = open_bundle(bundled()).manifest
    assert manifest.version == VERSION
    assert manifest.scope == type(manifest.scope).model_validate(SCOPE)
    assert manifest.preference == type(manifest.preference).model_validate(PREFERENCE)
    assert set(manifest.scope.sop_classes) > ENHANCED_CT


@pytest.mark.parametrize(
    ("kernel", "choice"),
    [
        ("H30s", 0),
        ("Hr38h\\2", 0),
        ("J30s", 0),
        ("SOFT", 0),
        ("UB", 0),
        ("FC26", 0),
        ("H40s", 1),
        ("STANDARD", 1),
        ("STD+", 1),
        ("B30f", 1),
        ("FC03", 1),
        ("H60s", 2),
        ("Hr64h", 2),
        ("BONE", 2),
        ("BONEPLUS", 2),
        ("YB", 2),
        ("FC30", 2),
        ("", 2),
    ],
)
def test_the_bundle_that_ships_prefers_kernels_for_soft_tissue(kernel: str, choice: int) -> None:
    patterns = open_bundle(bundled()).manifest.preference.kernel
    assert next((k for k, one in enumerate(patterns) if re.search(one, kernel)), len(patterns)) == choice
