"""How long certificates are good."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hounsfield.daemon.alarms.others import Others, nobody
from hounsfield.daemon.alarms.words import moment, subject
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.reception import TlsSettings
from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.reception.certificates import AUTHORITY, CERTIFICATE, KEY, read_certificates, read_file
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.components import Facts

CERTIFICATES = "certificates"
"""The fact of a receiver that lists what is wrong with the files on its host: settings and details."""


class CertificateProbe:
    """How long what ``[tls]`` names is good, here and on other hosts; the files may be replaced at any time."""

    kinds = (AlarmKind.CERTIFICATE,)
    seconds = 300.0

    def __init__(self, settings: TlsSettings, least_days: float, others: Others = nobody) -> None:
        self._settings = settings
        self._least = timedelta(days=least_days)
        self._others = others

    def conditions(self, now: datetime) -> list[Condition]:
        """Return the settings whose certificate runs out soon, or cannot be used; nothing where TLS is off.

        Raise StorageError.
        """
        return [*self.own(now), *self._elsewhere(now)]

    def own(self, now: datetime) -> list[Condition]:
        """Return those of the files on this host; raises nothing."""
        if self._settings.port is None:
            return []
        looks = (self._certificates(CERTIFICATE, self._settings.certificate, now), self._key())
        return [*looks[0], *looks[1], *self._certificates(AUTHORITY, self._settings.authority, now)]

    def _elsewhere(self, now: datetime) -> Iterator[Condition]:
        told = {one.host: one.facts.get(CERTIFICATES) for one in self._others(now) if CERTIFICATES in one.facts}
        for host, wrong in told.items():
            for setting, detail in wrong.items() if isinstance(wrong, dict) else ():
                yield Condition(kind=AlarmKind.CERTIFICATE, subject=subject(f"{setting} of {host}"), detail=detail)

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


class CertificateNews:
    """What a receiver tells other hosts of its files, with its signs of life."""

    def __init__(self, probe: CertificateProbe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._look_at = clock.monotonic()
        self._wrong: Facts = {}

    def facts(self) -> Facts:
        """Return what is wrong; the files are read every few minutes."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._wrong = {one.subject: dict(one.detail) for one in self._probe.own(self._clock.now())}
            self._look_at = now + self._probe.seconds
        return {CERTIFICATES: self._wrong}
