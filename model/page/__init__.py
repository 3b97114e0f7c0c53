"""The pages of one analysis: for the Secondary Captures and for the PNG preview.

Never here: patient names, and words that call a patient free of something.
"""

from hounsfield.model.page.content import FurtherScore, PageContent, PageSlice
from hounsfield.model.page.pages import render_pages
from hounsfield.model.page.png import write_png

__all__ = ["FurtherScore", "PageContent", "PageSlice", "render_pages", "write_png"]
