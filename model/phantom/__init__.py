"""Generated head CT, with and without haemorrhage: for the demonstration, for tests and for the demonstration model.

Drawn from implicit surfaces. Needs numpy and OpenCV only.

Never here: data of patients; nothing is fitted to any data set, and it is no clinical simulator.
"""

from hounsfield.model.phantom.first import draw_first
from hounsfield.model.phantom.head import Difficulty, Phantom, Scan, Subtype
from hounsfield.model.phantom.rich import draw_rich
from hounsfield.model.phantom.series import PhantomSpec, render, write_series

__all__ = [
    "Difficulty",
    "Phantom",
    "PhantomSpec",
    "Scan",
    "Subtype",
    "draw_first",
    "draw_rich",
    "render",
    "write_series",
]
