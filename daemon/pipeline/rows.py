"""Rows of the database about finished objects."""

from hounsfield.daemon.results.request import BuiltObject
from hounsfield.storage.records import ResultObject


def row_of(built: BuiltObject, sha256: str, profile: str) -> ResultObject:
    """Return the row of an object whose file has this digest; ``profile`` is the key of the one it was made for."""
    return ResultObject(
        role=built.role,
        sop_class_uid=built.sop_class_uid,
        sop_instance_uid=built.sop_instance_uid,
        sha256=sha256,
        size=len(built.content),
        profile=profile,
    )
