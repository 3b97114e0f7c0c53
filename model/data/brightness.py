"""What a rule without any learning achieves: blood is bright. A CNN on generated data can lose to it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.preprocess.plane import Plane
from hounsfield.model.preprocess.steps import FieldOfView, Padding
from hounsfield.model.preprocess.strip import Strip

RULES = (
    "mean HU of the brain",
    "share of the brain above 50 HU",
    "share of the brain from 50 to 100 HU",
    "99th percentile of the smoothed brain",
    "smoothed brain more than 12 HU above its median, area",
    "largest region of that kind, area",
)
BRIGHT_HU, CLOT_HU, ABOVE_MEDIAN_HU, SMOOTH_MM = 50.0, 100.0, 12.0, 2.5


def brightness(hu: NDArray[np.integer], pixel_spacing_mm: tuple[float, float]) -> NDArray[np.float32]:
    """Return one number per rule in :data:`RULES` for one slice; higher is more suspicious.

    The rules may use the same brain mask as the model (step ``strip``), which makes them stronger than rules on
    the whole head.
    """
    plane = FieldOfView().apply(Padding().apply(Plane(hu.astype(np.float32), pixel_spacing_mm)))
    mask = Strip().brain_mask(plane)
    inside = mask.astype(bool)
    if not inside.any():
        return np.zeros(len(RULES), np.float32)
    sigma = SMOOTH_MM / plane.spacing_mm[0]
    weight = np.maximum(np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)), 1e-3)
    smooth = np.asarray(cv2.GaussianBlur(plane.values * mask, (0, 0), sigma)) / weight
    brain = plane.values[inside]
    region = (smooth > np.median(brain) + ABOVE_MEDIAN_HU) & inside
    values = (
        brain.mean(),
        (brain > BRIGHT_HU).mean(),
        ((brain > BRIGHT_HU) & (brain < CLOT_HU)).mean(),
        np.percentile(smooth[inside], 99),
        region.sum(),
        _largest(region),
    )
    return np.array(values, np.float32)


def _largest(region: NDArray[np.bool_]) -> int:
    count, _, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=4)
    return int(np.asarray(stats)[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
