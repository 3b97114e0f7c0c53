"""Writing a page as PNG."""

import os
from pathlib import Path

import cv2

from hounsfield.model.page.canvas import Picture


def write_png(path: Path, page: Picture) -> None:
    """Write an RGB page (height, width, 3) as PNG; the file appears whole or not at all. Raises OSError."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(page, cv2.COLOR_RGB2BGR))
    if not done:
        raise OSError("the page could not be encoded as PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    partial.write_bytes(encoded.tobytes())
    partial.replace(path)
