"""A bundle that does not load is not served: it takes neither the worker nor the other bundles with it.

One that lets no heatmaps be made is served without.
"""

from typing import Any

import pytest

from hounsfield.daemon.config.sections import WorkerSettings
from hounsfield.daemon.pipeline import serving
from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.errors import BundleError, ExplanationError
from hounsfield.model.selftest import SelfTest


@pytest.mark.parametrize("trouble", [BundleError("changed"), RuntimeError("nobody thought of this"), MemoryError()])
def test_a_bundle_that_does_not_load_is_left_out(trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr(serving, "Predictor", broken)
    assert serving.serve([open_bundle(bundled())], WorkerSettings()) == {}


def test_a_bundle_without_heatmaps_is_served_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loaded:
        device = "/device:CPU:0"

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def warm_up(self) -> float:
            return 0.0

    def refuses(_: Any) -> None:
        raise ExplanationError("no way")

    passed = SelfTest(passed=True, largest_difference=0.0, tolerance=0.1, slices=1, device="", seconds=0.0)
    monkeypatch.setattr(serving, "Predictor", Loaded)
    monkeypatch.setattr(serving, "selftest", lambda *_: passed)
    monkeypatch.setattr(serving, "explainer_for", refuses)
    bundle = open_bundle(bundled())
    assert serving.serve([bundle], WorkerSettings())[bundle.sha256].explainer is None
