"""Names of the numbers that are kept of what a model was shown, as they are stored and reported."""

from typing import Final

INPUTS: Final = (
    "hu_median",
    "hu_spread",
    "noise_hu",
    "bone_share",
    "thickness_mm",
    "step_mm",
    "pixel_mm",
    "slices",
    "tilt_degrees",
    "lossy",
    "kernel",
)
