"""The whole statement, in the order of the template (PS3.2 annex N)."""

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.annexes import annexes
from hounsfield.daemon.conformance.configuration import configuration
from hounsfield.daemon.conformance.document import CONTENTS, Document, Section
from hounsfield.daemon.conformance.implementation import implementation_model
from hounsfield.daemon.conformance.network import general, specifications
from hounsfield.daemon.conformance.overview import cover, introduction, overview
from hounsfield.daemon.conformance.samples import samples
from hounsfield.daemon.conformance.security import security
from hounsfield.daemon.conformance.services import services
from hounsfield.daemon.conformance.statuses import status_codes
from hounsfield.daemon.product import software_version


def statement(settings: Settings) -> Document:
    """Return the statement of this program under these settings."""
    version = software_version()
    return Document(
        title="Hounsfield DICOM Conformance Statement",
        cover=cover(settings, version),
        sections=(
            overview(settings),
            Section(CONTENTS, "Table of Contents"),
            introduction(version),
            implementation_model(settings),
            services(settings),
            configuration(settings),
            Section(
                "7",
                "Network and Media Communication Details",
                (),
                (general(settings), specifications(settings), status_codes()),
            ),
            security(settings),
            *annexes(samples()),
        ),
    )
