from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.lint import lint
from hounsfield.model.selftest import selftest


def test_the_bundle_that_ships_is_clean_and_passes_its_self_test() -> None:
    assert (bundled() / "manifest.toml").is_file(), "model/bundled/ich-demo must be in the package"
    assert lint(bundled()) == []
    bundle = open_bundle(bundled())
    assert not bundle.manifest.clinical
    assert "not for clinical use" in bundle.manifest.banner
    assert selftest(bundle).passed
