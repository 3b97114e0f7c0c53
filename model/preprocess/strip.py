"""The step ``strip``: the brain without skull, face and background, relative to its own median.

It takes away what tells a network more about the head than about the brain, and made the largest difference
of all that was tried for the demonstration model.
"""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from hounsfield.model.preprocess.plane import FloatImage, Mask, Plane
from hounsfield.model.preprocess.steps import Hu, SamePixels

Positive = Annotated[float, Field(gt=0.0, le=1000.0)]


class Strip(SamePixels):
    """Two channels, both zero outside the brain.

    0: (HU - median of the brain) / ``contrast_hu``, clipped to +-``clip``; 1: the same smoothed by a Gaussian of
    ``smooth_mm``, divided by ``spread`` times the median absolute deviation inside the brain, clipped to +-``clip``.
    A slice without brain (vertex, neck, an open skull base with too little enclosed) gives zeros.
    """

    name: Literal["strip"] = "strip"
    bone_hu: Hu = 200.0
    gap_mm: Positive = 9.0
    """Openings in the skull up to this width count as closed."""
    rim_mm: Positive = 1.5
    """Partial volume with bone: left out."""
    smallest_mm2: Positive = 400.0
    contrast_hu: Positive = 30.0
    smooth_mm: Positive = 2.5
    spread: Positive = 4.0
    clip: Positive = 2.0

    def apply(self, plane: Plane) -> Plane:
        """Find the brain and measure against it."""
        plane.require_single_channel(self.name)
        plane = Plane(plane.floats, plane.spacing_mm)
        mask = self.brain_mask(plane)
        out = np.zeros((*plane.values.shape, 2), np.float32)
        inside = mask.astype(bool)
        if not inside.any():
            return Plane(out, plane.spacing_mm)
        relative = self._relative(plane.floats, inside)
        smooth = self._smoothed(relative, mask, plane.spacing_mm)
        deviation = float(np.median(np.abs(smooth[inside] - np.median(smooth[inside]))))
        scale = self.spread * max(deviation, SMALLEST_DEVIATION_HU)
        out[..., 0] = np.clip(relative / self.contrast_hu, -self.clip, self.clip) * mask
        out[..., 1] = np.clip(smooth / scale, -self.clip, self.clip) * mask
        return Plane(out, plane.spacing_mm)

    def brain_mask(self, plane: Plane) -> Mask:
        """Return what bone encloses, without bone, its rim, and small islands; shape of the plane, 0 or 1."""
        row_mm, column_mm = plane.spacing_mm
        bone = (plane.values > self.bone_hu).astype(np.uint8)
        barrier = cv2.morphologyEx(bone, cv2.MORPH_CLOSE, _disc(self.gap_mm / 2, row_mm, column_mm))
        rim = cv2.dilate(bone, _disc(self.rim_mm, row_mm, column_mm))
        inside = ((1 - _outside(np.asarray(barrier, np.uint8))) & (1 - np.asarray(rim, np.uint8))).astype(np.uint8)
        # diploe, sinuses and orbits are enclosed too, but air and fat are not brain
        soft = cv2.inRange(cv2.blur(plane.floats, (3, 3)), SOFT_TISSUE_HU[0], SOFT_TISSUE_HU[1]) // 255
        opened = cv2.morphologyEx(inside & np.asarray(soft, np.uint8), cv2.MORPH_OPEN, _disc(3.0, row_mm, column_mm))
        return _large_parts(np.asarray(opened, np.uint8), self.smallest_mm2 / (row_mm * column_mm))

    @staticmethod
    def _relative(values: FloatImage, inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> FloatImage:
        median = np.float32(np.median(values[inside]))
        return np.where(inside, values - median, np.float32(0))

    def _smoothed(self, relative: FloatImage, mask: Mask, spacing_mm: tuple[float, float]) -> FloatImage:
        """Smooth inside the mask only, so that the skull does not darken or brighten the rim."""
        across, down = self.smooth_mm / spacing_mm[1], self.smooth_mm / spacing_mm[0]
        total = cv2.GaussianBlur(relative, (0, 0), sigmaX=across, sigmaY=down)
        weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigmaX=across, sigmaY=down)
        return np.asarray(total / np.maximum(weight, 1e-3), np.float32) * mask


SOFT_TISSUE_HU = (-25.0, 110.0)
SMALLEST_DEVIATION_HU = 0.5
LARGE_PART = 0.15
"""An island smaller than this share of the largest one is not brain."""


def _disc(radius_mm: float, row_mm: float, column_mm: float) -> Mask:
    size = 2 * max(1, round(radius_mm / column_mm)) + 1, 2 * max(1, round(radius_mm / row_mm)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)


def _outside(barrier: Mask) -> Mask:
    """Return 1 where a path leads to the border without crossing the barrier."""
    framed = cv2.copyMakeBorder(barrier, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(framed, None, (0, 0), 2)
    return np.asarray(np.asarray(framed)[1:-1, 1:-1] == 2, np.uint8)


def _large_parts(mask: Mask, smallest_pixels: float) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    areas = np.asarray(stats)[1:, cv2.CC_STAT_AREA]
    keep = (areas >= smallest_pixels) & (areas >= LARGE_PART * areas.max())
    table = np.concatenate(([0], keep)).astype(np.uint8)
    return np.asarray(table[np.asarray(labels)], np.uint8)
