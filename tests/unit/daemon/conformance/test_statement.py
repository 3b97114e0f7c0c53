"""The statement: what it says of attributes, configurations and itself."""

import re
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.config.assembly import QuerySettings
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.reception import DicomSettings, Peer, TlsSettings
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.annexes import OBJECTS
from hounsfield.daemon.conformance.configuration import configuration
from hounsfield.daemon.conformance.document import Bullets, Document, Paragraph, Table
from hounsfield.daemon.conformance.markdown import to_markdown
from hounsfield.daemon.conformance.network import specifications
from hounsfield.daemon.conformance.samples import samples
from hounsfield.daemon.conformance.security import security
from hounsfield.daemon.conformance.statement import statement
from hounsfield.daemon.reception.admission import Rejection
from hounsfield.daemon.reception.status import Status

ROOT = Path(__file__).parents[4]
RUNNER = CliRunner(env={"NO_COLOR": "1", "HOUNSFIELD_CONFIG": None})
REMAKE = "run: hounsfield conformance --out docs/conformance.md"


@cache
def made() -> Document:
    return statement(Settings())


def attribute(role: str, tag: str) -> tuple[str, ...]:
    """Return type, presence, source and value of an attribute at the top of an object."""
    places = (f"{OBJECTS[role]}: ", "All objects: ")
    rows = [
        row
        for section in made().walk()
        for block in section.blocks
        if isinstance(block, Table) and block.caption.startswith(places)
        for row in block.rows
        if row[0] == tag and not row[1].startswith(">")
    ]
    (found,) = rows
    return found[3:]


def texts(document: Document) -> list[str]:
    found: list[str] = []
    for section in document.walk():
        for block in section.blocks:
            match block:
                case Paragraph():
                    found.append(block.text)
                case Bullets():
                    found += block.items
                case Table():
                    found += [cell for row in block.rows for cell in row]
    return found


def test_the_document_is_what_the_program_says() -> None:
    written = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert written == to_markdown(made()), REMAKE


def test_sections_are_numbered_in_the_order_of_the_template() -> None:
    numbers = [section.number for section in made().walk()]
    assert len(set(numbers)) == len(numbers)
    tops = [section.number for section in made().sections]
    assert tops == ["1", "2", "3", "4", "5", "6", "7", "8", "A.A", "A.B", "A.C", "A.D", "A.E"]
    for section in made().walk():
        for place, below in enumerate(section.sections, start=1):
            assert below.number == f"{section.number}.{place}"


def test_every_section_that_a_text_refers_to_is_there_and_no_section_is_empty() -> None:
    numbers = {section.number for section in made().walk()}
    referred = {found for text in texts(made()) for found in re.findall(r"\b(?:see|See|of|in) (\d\.\d[\d.]*\d)", text)}
    assert referred
    assert referred <= numbers
    assert [one.number for one in made().walk() if not (one.blocks or one.sections)] == ["2"]


def test_captions_name_one_table_each() -> None:
    captions = [block.caption for one in made().walk() for block in one.blocks if isinstance(block, Table)]
    assert len(set(captions)) == len(captions)


@pytest.mark.parametrize(
    ("role", "tag", "expected"),
    [
        ("sr", "(0010,0010)", ("2", "VNAP", "COPY", "")),
        ("sc", "(0020,000D)", ("1", "ALWAYS", "COPY", "")),
        ("sr", "(0008,0060)", ("1", "ALWAYS", "FIXED", "SR")),
        ("sc", "(0008,0060)", ("1", "ALWAYS", "CONFIG", "")),
        ("sr", "(0040,A493)", ("1", "ALWAYS", "FIXED", "UNVERIFIED")),
        ("sr", "(0008,0080)", ("3", "ANAP", "CONFIG", "")),
        ("sr", "(0008,0018)", ("1", "ALWAYS", "AUTO", "")),
        ("sc", "(0018,0015)", ("3", "ALWAYS", "COPY", "HEAD where the image has none")),
        ("pr", "(0028,1053)", ("1C", "ALWAYS", "COPY", "")),
        ("pr", "(0070,0084)", ("3", "EMPTY", "", "")),
        ("ko", "(0008,1111)", ("2", "EMPTY", "", "")),
        ("rejection", "(0040,A043)", ("1C", "ALWAYS", "FIXED", '(113037, DCM, "Rejected for Patient Safety Reasons")')),
    ],
)
def test_attributes_are_told_by_where_they_come_from(role: str, tag: str, expected: tuple[str, ...]) -> None:
    assert attribute(role, tag) == expected


def test_every_attribute_of_every_object_is_stated() -> None:
    stated = {row[0] for table in tables("attribute") for row in table.rows}
    written = {f"({element.tag.group:04X},{element.tag.element:04X})" for one in samples() for element in one.dataset}
    assert written <= stated
    assert not any(element.tag.is_private for one in samples() for element in one.dataset.iterall())


def tables(column: str) -> list[Table]:
    blocks = [block for section in made().walk() for block in section.blocks]
    return [block for block in blocks if isinstance(block, Table) and column in block.columns]


def test_no_value_of_the_generated_images_is_taken_for_one_of_ours() -> None:
    everything = to_markdown(made())
    for generated in ("First^", "Second^", "99SOURCE", "99BUNDLE", "2.25.77", "A order", "Another site", "D maker"):
        assert generated not in everything


def test_statuses_and_rejections_are_all_there() -> None:
    comments = made().table("Statuses that the Storage SCP returns").column("Error Comment (0000,0902)")
    assert comments == [status.comment for status in Status]
    assert len(made().table("Association requests that are rejected").rows) == len(Rejection)


def configured() -> Settings:
    return Settings(
        dicom=DicomSettings(ae_title="A|B<i>", host="10.0.0.1", accept="ct", check_called_ae=False),
        tls=TlsSettings(port=2762, certificate=Path("/secret/place.pem"), key=Path("/k"), authority=Path("/a")),
        query=QuerySettings(host="10.0.0.2", port=104, ae_title="PACS", timeout_seconds=4.5),
        peer=(Peer(ae_title="CT1", host=("10.1.0.0/16",), certificate="ab" * 32, max_associations=3),),
        destination=(
            Destination(
                name="archive", ae_title="PACS", host="10.0.0.2", port=104, proof="commitment", results=("sc",)
            ),
            Destination(name="inbox", kind="folder", folder=Path("/secret/inbox")),
        ),
    )


def without_annexes(settings: Settings) -> Document:
    """Return what depends on the configuration, without the objects, which take a second to make."""
    sections = (configuration(settings), specifications(settings), security(settings))
    return Document(title="", cover=(), sections=sections)


def test_the_configuration_in_force_is_what_it_speaks_of() -> None:
    document = without_annexes(configured())
    assert document.table("Senders that are known ([[peer]])").rows == (
        ("CT1", "10.1.0.0/16", "over TLS with its own certificate only", "3"),
    )
    assert document.table("Destinations ([[destination]])").column("at") == ["10.0.0.2:104", ""]
    sent = document.table("Presentation contexts that are proposed to send results")
    assert sent.column("UID") == ["1.2.840.10008.5.1.4.1.1.7"]
    accepted = document.table("Presentation contexts that are accepted")
    assert dict(zip(accepted.column("UID"), accepted.column("role"), strict=True))["1.2.840.10008.1.20.1"] == "SCU"
    assert len(accepted.rows) == 5
    assert document.table("Ports that are listened on").column("port") == ["11112", "2762"]
    assert any("4.5 s" in text for text in texts(document))
    assert any("They may call any AE title" in text for text in texts(document))
    written = to_markdown(document)
    assert "/secret" not in written
    assert "A\\|B\\<i\\>" in written


@pytest.mark.parametrize(
    ("dicom", "words"),
    [
        ({"learning": True}, "while dicom.learning is on"),
        ({"allow_any_peer": True}, "from anywhere"),
        ({}, "on this machine"),
    ],
)
def test_who_is_accepted_is_said(dicom: dict[str, bool], words: str) -> None:
    document = without_annexes(Settings(dicom=DicomSettings(**dicom)))
    assert any(words in text for text in texts(document))


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command write a small document: the whole one is made by other tests."""
    small = Document(title="Small", cover=(), sections=())
    monkeypatch.setattr("hounsfield.daemon.conformance.statement.statement", lambda _: small)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(("format_", "begins"), [("html", "<!doctype html>"), ("markdown", "# Small")])
def test_the_command_writes_a_file_and_says_so(tmp_path: Path, format_: str, begins: str) -> None:
    file = tmp_path / "statement"
    result = RUNNER.invoke(app, ["conformance", "--format", format_, "--out", str(file)])
    assert (result.exit_code, result.stdout) == (0, f"{file} written\n"), result.stderr
    assert file.read_text().startswith(begins)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("_small")
def test_the_command_names_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["conformance", "--out", str(tmp_path / "no" / "file")])
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "hounsfield.toml"
    file.write_text("[dicom]\nport = 'high'\n")
    result = RUNNER.invoke(app, ["conformance", "--config", str(file)])
    assert result.exit_code == 3
    assert "dicom.port" in result.stderr
