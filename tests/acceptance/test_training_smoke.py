"""The short training of continuous integration: from generated heads to a bundle that passes its self-test."""

import subprocess
import sys
from pathlib import Path

import pytest

from hounsfield.model.bundle import open_bundle
from hounsfield.model.lint import lint
from hounsfield.model.selftest import selftest


@pytest.mark.timeout(400)
def test_a_smoke_training_ends_with_a_bundle_that_is_clean_and_passes_its_self_test(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    command = [sys.executable, "-m", "hounsfield.model.train.demo", "--smoke", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "held out: slice AUC" in done.stderr
    assert lint(folder) == []
    bundle = open_bundle(folder)
    assert bundle.manifest.clinical is False
    assert selftest(bundle).passed
