"""Installed bundles for tests: several versions of one model that is never loaded."""

from pathlib import Path
from typing import Any

import numpy as np
from support.bundles import golden_hu, keras_archive, layer, manifest_fields

from hounsfield.daemon.bundles.installed import InstalledBundles
from hounsfield.daemon.bundles.installing import install
from hounsfield.model.bundle import Bundle, write_bundle
from hounsfield.model.selftest import golden_bytes


def write_version(folder: Path, **changes: Any) -> Bundle:
    """Write a bundle that lint has nothing to say against; ``changes`` are fields of its manifest."""
    files: dict[str, bytes | Path] = {
        "model.keras": keras_archive(layer("Conv2D")),
        "golden/slices.npz": golden_bytes(golden_hu(), np.array([0.5, 0.5]), np.full((5, 1), 0.5, np.float32)),
    }
    return write_bundle(folder, {**manifest_fields(), **changes}, files)


def install_version(home: Path, version: str, **changes: Any) -> Bundle:
    """Install a version below ``home``; its self-test is taken for passed."""
    source = home.with_name(f"{home.name}-source-{version}")
    write_version(source, version=version, **changes)
    return install(source, InstalledBundles(home / "bundles"), lambda _: None)


def damage(bundle: Bundle) -> bytes:
    """Change a file of an installed bundle, as a failing disk would; return what it held."""
    model = bundle.folder / "model.keras"
    before = model.read_bytes()
    model.chmod(0o644)
    model.write_bytes(b"other")
    return before
