"""The peers that other tests lean on do what those tests assume."""

from pathlib import Path

import pytest
from support.peers import dciodvfy, orthanc, run_tool
from support.postgres import PostgreSQL
from support.waiting import wait_until


def test_orthanc_keeps_what_dcmsend_sends_and_still_has_it_after_a_restart(tmp_path: Path, real_ct: Path) -> None:
    source = real_ct / "ge_head_ct" / "01.dcm"
    with orthanc(tmp_path / "pacs") as pacs:
        sent = run_tool("dcmsend", "-aec", pacs.ae_title, "127.0.0.1", str(pacs.dicom_port), source)
        assert sent.returncode == 0, sent.stderr
        (uid,) = wait_until(pacs.instances)
    with orthanc(tmp_path / "pacs", dicom_port=pacs.dicom_port, http_port=pacs.http_port) as again:
        assert again.file(uid)[128:132] == b"DICM"


def test_orthanc_refuses_an_association_that_calls_another_name(tmp_path: Path) -> None:
    with orthanc(tmp_path / "pacs") as pacs:
        refused = run_tool("echoscu", "-aec", "SOMEBODY", "127.0.0.1", str(pacs.dicom_port))
    assert refused.returncode != 0


def test_postgresql_gives_each_test_its_own_database(postgresql_cluster: PostgreSQL) -> None:
    postgresql_cluster.create_database("first")
    try:
        postgresql_cluster.execute("CREATE TABLE a (b integer)", "first")
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert postgresql_cluster.execute(tables, "first").strip() == "1"
        assert postgresql_cluster.execute(tables).strip() == "0"
    finally:
        postgresql_cluster.drop_database("first")


def test_dciodvfy_tells_a_broken_object(tmp_path: Path, real_ct: Path) -> None:
    errors, _warnings = dciodvfy(real_ct / "ge_head_ct" / "01.dcm")
    broken = tmp_path / "broken.dcm"
    source = (real_ct / "ge_head_ct" / "01.dcm").read_bytes()
    broken.write_bytes(source.replace(b"\x08\x00\x60\x00CS\x02\x00CT", b"\x08\x00\x60\x00CS\x00\x00", 1))
    assert len(dciodvfy(broken)[0]) > len(errors)


def test_wait_until_fails_when_the_deadline_passes() -> None:
    with pytest.raises(AssertionError, match="still 0"):
        wait_until(lambda: 0, seconds=0.05)
