"""An authority and certificates for tests of TLS: ECDSA P-256, unencrypted keys. Not how a hospital issues them."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hounsfield.daemon.reception.fingerprints import fingerprint

_BEFORE = timedelta(hours=1)
"""Certificates count from an hour ago: the clock of a scanner may lag."""

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key, both in PEM form."""

    certificate: bytes
    key: bytes
    fingerprint: str


class TrialAuthority:
    """Signs certificates that are valid from an hour before ``now`` for ``lifetime``, as it is itself."""

    def __init__(self, name: str, now: datetime, lifetime: timedelta) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._dates = now - _BEFORE, now + lifetime
        self._name = _name(name)
        usage = _key_usage(signs_certificates=True)
        builder = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._certificate = builder.add_extension(usage, critical=True).sign(self._key, SHA256())
        self.issued = _issued(self._certificate, self._key)

    def server(self, hosts: Sequence[str], key: PrivateKey | None = None) -> Issued:
        """Return a certificate of a server that is reached by ``hosts``: names and addresses."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._sign("hounsfield for tests", ExtendedKeyUsageOID.SERVER_AUTH, key, names)

    def client(self, name: str, key: PrivateKey | None = None) -> Issued:
        """Return a certificate of a client that calls itself ``name`` (at most 64 characters)."""
        return self._sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, key)

    def _sign(
        self,
        name: str,
        purpose: x509.ObjectIdentifier,
        key: PrivateKey | None,
        names: x509.SubjectAlternativeName | None = None,
    ) -> Issued:
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(name), key)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return _issued(builder.sign(self._key, SHA256()), key)

    def _builder(self, subject: x509.Name, key: PrivateKey) -> x509.CertificateBuilder:
        """Return what all have in common, the two key identifiers included (RFC 5280 4.2.1.1 and 4.2.1.2)."""
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._dates[0])
            .not_valid_after(self._dates[1])
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(issuer, critical=False)
        )


def _issued(certificate: x509.Certificate, key: PrivateKey) -> Issued:
    return Issued(
        certificate=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        fingerprint=fingerprint(certificate.public_bytes(Encoding.DER)),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
