"""Certificates are told of in time, and so are files that cannot be used."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.fakes import ManualClock
from support.tls import Files, authority

from hounsfield.daemon.alarms.certificates import CERTIFICATES, CertificateNews, CertificateProbe
from hounsfield.daemon.alarms.others import others_of
from hounsfield.daemon.config.reception import TlsSettings
from hounsfield.storage.components import Component

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    made = Files(tmp_path_factory.mktemp("tls"))
    signer = authority(now=NOW, days=100)
    made.write(signer, signer.server(["localhost"]))
    return made


@pytest.mark.parametrize(
    ("after", "expected"),
    [(DAY, []), (75 * DAY, ["tls.certificate", "tls.authority"]), (101 * DAY, ["tls.certificate", "tls.authority"])],
)
def test_certificates_that_run_out_within_thirty_days_are_told_of(
    files: Files, after: timedelta, expected: list[str]
) -> None:
    found = CertificateProbe(files.settings(), 30.0).conditions(NOW + after)
    assert [one.subject for one in found] == expected
    assert all("expire" in str(one.detail["words"]) for one in found)


def test_a_certificate_that_is_not_valid_yet_is_told_of(files: Files) -> None:
    found = CertificateProbe(files.settings(), 30.0).conditions(NOW - DAY)
    assert {str(one.detail["words"])[:19] for one in found} == {"is not valid before"}


def test_files_that_cannot_be_used_are_told_of_one_by_one(files: Files, tmp_path: Path) -> None:
    damaged = tmp_path / "authority.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nDOE^JANE\n")
    settings = files.settings(certificate=tmp_path / "gone.pem", key=tmp_path / "gone.key", authority=damaged)
    found = CertificateProbe(settings, 30.0).conditions(NOW)
    assert [one.subject for one in found] == ["tls.certificate", "tls.key", "tls.authority"]
    assert "No such file" in str(found[0].detail["problem"])
    assert "JANE" not in str(found)


def test_without_tls_there_is_nothing_to_tell() -> None:
    assert CertificateProbe(TlsSettings(), 30.0).conditions(NOW) == []


def test_a_receiver_tells_of_the_files_on_its_host_and_looks_every_few_minutes(files: Files) -> None:
    clock = ManualClock(NOW)
    news = CertificateNews(CertificateProbe(files.settings(), 30.0), clock)
    assert news.facts() == {CERTIFICATES: {}}
    clock.advance(75 * 86_400)
    (wrong,) = news.facts().values()
    assert isinstance(wrong, dict)
    assert list(wrong) == ["tls.certificate", "tls.authority"]
    json.dumps(wrong)  # a fact is JSON


def test_what_receivers_on_other_hosts_tell_is_told_with_their_host() -> None:
    def receiver(host: str, **facts: object) -> Component:
        return Component(
            name=f"receiver-1@{host}",
            role="receiver",
            host=host,
            pid=1,
            version="1",
            started_at=NOW,
            seen_at=NOW,
            facts=facts,
        )

    wrong = {"tls.certificate": {"words": "expires in 3 days"}}
    told = (
        receiver("here", certificates=wrong),
        receiver("there", certificates=wrong),
        receiver("well", certificates={}),
        receiver("old"),
        receiver("odd", certificates="?"),
    )
    others = others_of(SimpleNamespace(all=lambda: list(told)), "here")
    (found,) = CertificateProbe(TlsSettings(), 30.0, others).conditions(NOW)
    assert (found.subject, found.detail) == ("tls.certificate of there", {"words": "expires in 3 days"})
