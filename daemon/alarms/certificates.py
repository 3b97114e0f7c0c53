"""How long certificates are good."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hounsfield.daemon.alarms.words import moment
from hounsfield.daemon.config.sections import TlsSettings
from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.reception.certificates import AUTHORITY, CERTIFICATE, KEY, read_certificates, read_file
from hounsfield.storage.alarms import AlarmKind, Condition


class CertificateProbe:
    """How long what ``[tls]`` names is good; the files may be replaced at any time."""

    kinds = (AlarmKind.CERTIFICATE,)
    seconds = 300.0

    def __init__(self, settings: TlsSettings, least_days: float) -> None:
        self._settings = settings
        self._least = timedelta(days=least_days)

    def conditions(self, now: datetime) -> list[Condition]:
        """Return the settings whose certificate runs out soon, or cannot be used; nothing where TLS is off."""
        if self._settings.port is None:
            return []
        looks = (self._certificates(CERTIFICATE, self._settings.certificate, now), self._key())
        return [*looks[0], *looks[1], *self._certificates(AUTHORITY, self._settings.authority, now)]

    def _certificates(self, setting: str, path: Path | None, now: datetime) -> Iterator[Condition]:
        if path is None:
            return
        try:
            certificates = read_certificates(setting, path)
        except TlsUnusable as fault:
            yield _unusable(fault)
            return
        soonest = min(certificates, key=lambda one: one.not_after)
        early = [one for one in certificates if now < one.not_before]
        if soonest.left(now) < self._least or early:
            worst = early[0] if early else soonest
            detail = {
                "certificate": worst.subject,
                "expires_at": moment(worst.not_after),
                "words": worst.dates_in_words(now),
            }
            yield Condition(kind=AlarmKind.CERTIFICATE, subject=setting, detail=detail)

    def _key(self) -> Iterator[Condition]:
        if self._settings.key is None:
            return
        try:
            read_file(KEY, self._settings.key)
        except TlsUnusable as fault:
            yield _unusable(fault)


def _unusable(fault: TlsUnusable) -> Condition:
    detail = {"problem": fault.problem, "do": fault.remedy}
    return Condition(kind=AlarmKind.CERTIFICATE, subject=fault.setting, detail=detail)
