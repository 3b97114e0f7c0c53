"""Real senders: DCMTK's storescu, dcmsend and echoscu."""

from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pynetdicom import AE
from support.ct_factory import ct_series, ct_slice, write, write_series
from support.datasets import dataset_bytes
from support.peers import run_tool
from support.raw_scu import associated, store
from support.reception import receiving
from support.sending import dcmsend, storescu
from support.waiting import wait_until

from hounsfield.daemon.config.reception import Peer
from hounsfield.storage.engine import open_database

PROPOSE = {
    ImplicitVRLittleEndian: "-xi",
    ExplicitVRLittleEndian: "-xe",
    ExplicitVRBigEndian: "-xb",
    RLELossless: "-xr",
    JPEG2000Lossless: "-xv",
}
PREFIX = "1.2.840.10008.1.2"
REFUSED = {".1.99", ".4.53", ".4.55"}
NATIVE = {"", ".1", ".2"}


def sorted_bytes(paths: list[Path]) -> list[bytes]:
    return sorted(dataset_bytes(path) for path in paths)


@pytest.fixture(scope="module")
def reception(tmp_path_factory):
    with receiving(tmp_path_factory.mktemp("reception")) as running:
        yield running


def test_echo_is_answered(reception):
    done = run_tool("echoscu", "-v", "-aec", "HOUNSFIELD", "127.0.0.1", str(reception.port))
    assert (done.returncode, "Received Echo Response (Success)" in done.stderr + done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("syntax", PROPOSE, ids=lambda uid: uid.keyword)
def test_generated_slices_arrive_byte_for_byte(reception, tmp_path, syntax):
    paths = write_series(tmp_path, ct_series(3, name=syntax), syntax=syntax)
    before = len(reception.store.receipts)
    done = storescu(reception.port, paths, PROPOSE[syntax])
    assert done.returncode == 0, done.stderr
    received = reception.store.receipts[before:]
    assert sorted(reception.dataset(receipt.digest) for receipt in received) == sorted_bytes(paths)
    assert {receipt.transfer_syntax for receipt in received} == {syntax}


@pytest.mark.parametrize("name", ["Müller^Jürgen", "Yamada^Tarou=山田^太郎=やまだ^たろう"])
def test_names_of_any_script_pass_unchanged(reception, tmp_path, name):
    charset = "ISO_IR 100" if "ü" in name else ["", "ISO 2022 IR 87"]
    path = write(ct_slice(SpecificCharacterSet=charset, PatientName=name, name=name), tmp_path / "1.dcm")
    dcmsend(reception.port, [path])
    digest = reception.store.receipts[-1].digest
    assert reception.dataset(digest) == dataset_bytes(path)
    assert pydicom.dcmread(reception.spool.path(digest)).PatientName == name


def test_the_real_head_arrives_whole_over_two_senders(tmp_path, real_ct):
    paths = sorted((real_ct / "ge_head_ct").glob("*.dcm"))
    database = open_database(None, tmp_path)
    with receiving(tmp_path, store=database.series, own_results=database.jobs) as reception:
        dcmsend(reception.port, paths)
        done = storescu(reception.port, paths, "-xe")  # all again: counted, not doubled
        assert done.returncode == 0, done.stderr
        assert sorted(reception.stored()) == sorted_bytes(paths)
        wait_until(lambda: ended(database) == ["released", "released"])
    (series,) = database.series.page()
    instances = database.series.instances(series.id)
    assert (series.instances, series.duplicates, len(instances)) == (28, 28, 28)
    assert {instance.copies for instance in instances} == {2}
    assert {instance.calling_ae for instance in instances} == {"SCANNER"}
    database.close()


def ended(database) -> list[str]:
    from sqlalchemy import text

    with database.series._transactions.read() as connection:
        return sorted(connection.scalars(text("select ending from association")))


def real_files(folder: Path) -> dict[str, Path]:
    """The files of the transfer syntax collection, by the end of their syntax."""
    found = {}
    for path in sorted(folder.glob("*.dcm")):
        syntax = pydicom.dcmread(path, specific_tags=[], stop_before_pixels=True).file_meta.TransferSyntaxUID
        found.setdefault(str(syntax).removeprefix(PREFIX), path)
    return found


def test_every_transfer_syntax_is_stored_or_refused_in_negotiation(tmp_path, real_ct):
    files = real_files(real_ct / "transfer_syntaxes")
    assert len(files) >= 13
    with receiving(tmp_path) as reception:
        for ending, path in files.items():
            if ending in NATIVE:  # DCMTK chooses among them
                continue
            before = len(reception.store.receipts)
            run_tool("dcmsend", "-aec", "HOUNSFIELD", "--decompress-never", "127.0.0.1", str(reception.port), path)
            stored = reception.store.receipts[before:]
            assert len(stored) == (0 if ending in REFUSED else 1), ending
            if stored:
                assert stored[0].transfer_syntax == PREFIX + ending
                kept = pydicom.dcmread(reception.spool.path(stored[0].digest))
                assert kept.PixelData == pydicom.dcmread(path).PixelData, ending


def test_every_transfer_syntax_arrives_byte_for_byte(tmp_path, real_ct):
    files = real_files(real_ct / "transfer_syntaxes")  # DCMTK writes sequences anew, so the raw bytes are sent here
    with receiving(tmp_path) as reception:
        for ending, path in files.items():
            header = pydicom.dcmread(path, stop_before_pixels=True)
            instance, sop_class = header.SOPInstanceUID, header.SOPClassUID
            with associated(reception.port, PREFIX + ending, sop_class) as association:
                assert bool(association.accepted_contexts) is (ending not in REFUSED), ending
                if association.accepted_contexts:
                    assert store(association, dataset_bytes(path), instance, sop_class, sop_class) == 0x0000, ending
                    assert reception.dataset(reception.store.receipts[-1].digest) == dataset_bytes(path), ending


def test_deflated_is_refused_in_negotiation(tmp_path):
    entity = AE()
    entity.add_requested_context(CTImageStorage, DeflatedExplicitVRLittleEndian)
    with receiving(tmp_path) as reception:
        association = entity.associate("127.0.0.1", reception.port, ae_title="HOUNSFIELD")
        assert association.accepted_contexts == []
        assert [context.result for context in association.rejected_contexts] == [0x04]  # transfer syntax not supported


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-aec", "SOMEBODY"), "Called AE Title Not Recognized"),
        (("-aec", "HOUNSFIELD", "-aet", "STRANGER"), "Calling AE Title Not Recognized"),
    ],
)
def test_strangers_and_wrong_numbers_are_rejected(tmp_path, arguments, reason):
    with receiving(tmp_path, peers=(Peer(ae_title="CT1", host="127.0.0.1"),)) as reception:
        done = run_tool("echoscu", *arguments, "127.0.0.1", str(reception.port))
        assert "Association Rejected" in done.stderr
        assert reason in done.stderr
        known = run_tool("echoscu", "-aec", "HOUNSFIELD", "-aet", "CT1", "127.0.0.1", str(reception.port))
        assert known.returncode == 0, known.stderr
