"""The layouts of data sets: each turns a configuration into a listing of files and of what tables say about them.

Never here: reading of pixels, and judgement of what was found.
"""

from hounsfield.model.data.layouts.registry import list_files

__all__ = ["list_files"]
