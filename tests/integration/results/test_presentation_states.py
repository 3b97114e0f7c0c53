"""Presentation states before DCMTK: it takes them as valid and shows the image as they say."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.peers import run_tool
from support.reports import ct_slice, encoded, enhanced_instance, finding, of_frames, received, request

from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import Mark, ReportRequest
from hounsfield.model.findings import Analysis

RAMP = np.linspace(-40, 120, 256).round().astype(np.int16).reshape(16, 16)
"""HU around the brain window (0 to 80)."""


def _single() -> ReportRequest:
    image = received(ct_slice(1, PixelData=(RAMP + 1024).tobytes(), RescaleIntercept="-1024"))
    mark = Mark(sop_instance_uid=str(image.SOPInstanceUID), column=3, row=4, radius=2)
    return request(sources=(image,), analysis=Analysis(findings=(finding([0.9], [image], 0.9),)), marks=(mark,))


def _frames() -> ReportRequest:
    (image,) = enhanced_instance(6)
    analysis = of_frames([0.1, 0.2, 0.95, 0.9, 0.3, 0.1], image, 0.93)
    mark = Mark(sop_instance_uid=str(image.SOPInstanceUID), frame=3, column=3, row=4, radius=2)
    return request(sources=(image,), analysis=analysis, marks=(mark,))


@pytest.mark.parametrize("wanted", [_single, _frames], ids=["single frames", "frames of one instance"])
def test_dcmtk_finds_no_fault_in_a_presentation_state(wanted: Callable[[], ReportRequest], tmp_path: Path) -> None:
    file = tmp_path / "state.dcm"
    file.write_bytes(build(wanted(), ("pr",))[0].content)
    checked = run_tool("dcmpschk", file)
    assert checked.returncode == 0
    assert "Test passed" in checked.stderr


def test_the_image_is_shown_in_a_brain_window(tmp_path: Path) -> None:
    image, state, shown = (tmp_path / name for name in ("image.dcm", "state.dcm", "shown.pgm"))
    image.write_bytes(encoded(ct_slice(1, PixelData=(RAMP + 1024).tobytes(), RescaleIntercept="-1024")))
    state.write_bytes(build(_single(), ("pr",))[0].content)
    assert run_tool("dcmp2pgm", "-p", state, image, shown).returncode == 0
    raw = shown.read_bytes()
    grey = np.frombuffer(raw[-256:], np.uint8).reshape(16, 16).astype(int)
    assert set(grey[RAMP < 0]) == {0}
    assert set(grey[RAMP > 80]) == {255}
    middle = (RAMP > 1) & (RAMP < 79)
    assert np.abs(grey[middle] - RAMP[middle] / 80 * 255).max() < 4
