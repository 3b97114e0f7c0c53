"""The application entity that requests associations, as what it is: one implementation has one UID (PS3.7 D.3.3.2)."""

import logging

from pynetdicom import AE, _config

from hounsfield.storage.spool_format import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


def requesting_entity(ae_title: str) -> AE:
    """Return an application entity with our Implementation Class UID and Version Name, not those of the library."""
    ae = AE(ae_title=ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return ae


def quiet_library() -> None:
    """Keep what peers send out of the library's texts; how an exchange ended is told in our own words."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
