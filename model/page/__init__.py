"""The summary page of one analysis: for the Secondary Capture and for the PNG preview."""

from hounsfield.model.page.content import PageContent, PageSlice
from hounsfield.model.page.layout import render_page
from hounsfield.model.page.png import write_png

__all__ = ["PageContent", "PageSlice", "render_page", "write_png"]
