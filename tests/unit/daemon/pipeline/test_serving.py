"""A bundle that does not load is not served: it takes neither the worker nor the other bundles with it."""

from typing import Any

import pytest

from hounsfield.daemon.config.sections import WorkerSettings
from hounsfield.daemon.pipeline import serving
from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.errors import BundleError


@pytest.mark.parametrize("trouble", [BundleError("changed"), RuntimeError("nobody thought of this"), MemoryError()])
def test_a_bundle_that_does_not_load_is_left_out(trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr(serving, "Predictor", broken)
    assert serving.serve([open_bundle(bundled())], WorkerSettings()) == {}
