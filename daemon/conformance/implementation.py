"""Implementation model (PS3.2 N.4) and which application entity offers which service (N.5.1)."""

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.document import Bullets, Figure, Paragraph, Section, Table

RECEPTION, DELIVERY, QUERY = "Reception", "Delivery", "Query"

_FLOW = """\
  sender (scanner, PACS)                                  destination (PACS, viewer)
        |                                                      ^       ^       |
        | C-STORE, C-ECHO                     C-STORE, C-ECHO  |       |       | N-EVENT-REPORT
        v                                                      |       |       | (storage commitment)
  +-----------+     +-----------+     +-----------+     +------------+ |       |
  | Reception | --> | assembly, | --> | inference | --> |  Delivery  | |       |
  |    AE     |     |  Query AE |     |           |     |     AE     | |       |
  +-----------+     +-----------+     +-----------+     +------------+ |       |
        ^                 |                              N-ACTION, C-FIND      |
        |                 | C-FIND                                             |
        |                 v                                                    |
        |             archive                                                  |
        +----------------------------------------------------------------------+"""


def implementation_model(settings: Settings) -> Section:
    """Section 4."""
    return Section(
        "4",
        "Implementation Model",
        (),
        (
            Section(
                "4.1",
                "Application Entities and Data Flow",
                (
                    Figure(_FLOW),
                    Paragraph(
                        "The application entities are processes of one service. Unless a setting gives them another "
                        f"title, all of them call themselves {settings.dicom.ae_title} (dicom.ae_title)."
                    ),
                ),
                (_definitions(),),
            ),
            Section("4.2", "Sequencing of Real-World Activities", _sequence()),
        ),
    )


def _definitions() -> Section:
    return Section(
        "4.1.1",
        "Functional Definitions of Application Entities",
        (
            Bullets(
                (
                    f"{RECEPTION} AE: listens, answers C-ECHO, and stores what it accepts. An image is acknowledged "
                    "once it survives a loss of power. It also takes reports of storage commitment.",
                    f"{QUERY} AE: asks one archive how many images a series has, to tell a series that is whole from "
                    "one that is still coming.",
                    f"{DELIVERY} AE: sends finished results, asks destinations whether they answer, for storage "
                    "commitment, for what they hold and for the patient of a study.",
                )
            ),
        ),
    )


def _sequence() -> tuple[Bullets]:
    return (
        Bullets(
            (
                "A series is received on one or more associations, in any order. It is taken as received when nothing "
                "new came for assembly.quiet_seconds, sooner where all associations were released.",
                "Series that no bundle or rule asks for are kept and skipped. Nothing is sent about them.",
                "Every other series gets a result: flagged, not flagged, or not analysed with the reason. Some are "
                "held before, until a person has looked at them.",
                "A result is written completely before it is first sent, and is sent byte for byte the same ever "
                "after. A changed result has other SOP Instance UIDs.",
                "Results go to each destination by itself, urgent ones first. One that is out of "
                "reach keeps no other waiting.",
                "After C-STORE a destination is asked for proof where its setting proof says so.",
                'A result that a person takes back is followed by a key object selection (113037, DCM, "Rejected for '
                'Patient Safety Reasons") that names its objects.',
            )
        ),
    )


def mapping_of_services() -> Section:
    """Section 5.1."""
    rows = (
        ("Verification", "SCP", RECEPTION),
        ("Verification", "SCU", DELIVERY),
        ("Storage of images and what scanners send along", "SCP", RECEPTION),
        ("Storage of results", "SCU", DELIVERY),
        ("Storage Commitment, requests (N-ACTION)", "SCU", DELIVERY),
        ("Storage Commitment, reports (N-EVENT-REPORT)", "SCU", f"{DELIVERY} and {RECEPTION}"),
        ("Query, number of images of a series", "SCU", QUERY),
        ("Query, what a destination holds and whose study it is", "SCU", DELIVERY),
    )
    return Section(
        "5.1",
        "Mapping of Services to Application Entities",
        (Table("Services and application entities", ("service", "role", "application entity"), rows),),
    )
