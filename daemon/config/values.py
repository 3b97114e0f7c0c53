"""Values that are more than a type: AE titles, addresses, time zones."""

import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from annotated_types import Ge, Le
from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from hounsfield.daemon.config.fields import Allowed, fault

_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?)*\.?")
_SHA256 = re.compile(r"[0-9a-f]{64}|[0-9a-f]{2}(:[0-9a-f]{2}){31}")
_DEVICE = re.compile(r"auto|cpu|gpu(:\d{1,2})?")
_DOCUMENT_TITLE = re.compile(r"([!-+\--\[\]-~]{1,64}) ?, ?([!-+\--\[\]-~]{1,16})")
_LONGEST_NAMED = 40

AE_TITLE_ALLOWED = "an AE title: 1 to 16 characters of ASCII without backslash and control characters, not only spaces"
HOST_ALLOWED = "an IPv4 or IPv6 address or a host name"


def check_ae_title(value: str) -> str:
    """Return an AE title without its insignificant spaces (PS3.5 6.2, VR AE)."""
    title = value.strip(" ")
    if not title:
        raise fault("an AE title cannot be empty")
    if len(title) > 16:
        raise fault(f"{len(title)} characters are too many")
    if any(not 0x20 <= ord(c) <= 0x7E or c == "\\" for c in title):
        raise fault("it has a character that an AE title cannot have")
    return title


def check_document_title(value: str) -> str:
    """Return a document title as CODE,SCHEME: a code value and its Coding Scheme Designator (PS3.3 8.1, 8.2)."""
    parts = _DOCUMENT_TITLE.fullmatch(value.strip())
    if parts is None:
        raise fault("this is not a code and its scheme")
    return f"{parts[1]},{parts[2]}"


def check_host(value: str) -> str:
    """Return an address or host name; its existence is not asked here."""
    host = value.strip()
    if _is_address(host) or (_HOST_NAME.fullmatch(host) and not re.fullmatch(r"[\d.]+", host)):
        return host
    raise fault("this is neither an address nor a host name")


def check_peer_host(value: str) -> str:
    """Return an address, network or host name that a sender comes from."""
    host = value.strip()
    if "/" in host:
        try:
            return str(ipaddress.ip_network(host, strict=False))
        except ValueError:
            raise fault("this is not a network") from None
    return check_host(host)


def check_peer_hosts(value: object) -> tuple[str, ...]:
    """Return the addresses, networks and host names of a sender, each once; one text counts as a list of one."""
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
        raise fault("this is neither a text nor a list of texts")
    if not entries:
        raise fault("the list is empty")
    return tuple(dict.fromkeys(_named(entry, len(entries)) for entry in entries))


def _named(entry: str, entries: int) -> str:
    """Check one entry; of several, the fault says which."""
    try:
        return check_peer_host(entry)
    except PydanticCustomError as wrong:
        if entries == 1:
            raise
        raise fault(f"of {json.dumps(entry[:_LONGEST_NAMED])}: {wrong.message()}") from None


def is_loopback(host: str) -> bool:
    """Whether a host can be reached from this machine only."""
    if host.rstrip(".").lower() == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_timezone(value: str) -> str:
    """Return the name of a time zone that this machine knows."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise fault("this machine knows no such time zone") from None
    return value


def check_device(value: str) -> str:
    """Return the name of a TensorFlow device, or ``auto``."""
    if not _DEVICE.fullmatch(value):
        raise fault("this is not a device")
    return value


def check_fingerprint(value: str) -> str:
    """Return the SHA-256 fingerprint of a certificate as lowercase hexadecimal digits without colons."""
    text = value.strip().lower()
    if not _SHA256.fullmatch(text):
        raise fault("this is not a SHA-256 fingerprint")
    return text.replace(":", "")


def absolute(path: Path) -> Path:
    """Return a path with ``~`` expanded and made absolute against the working directory."""
    return path.expanduser().absolute()


AETitle = Annotated[str, AfterValidator(check_ae_title), Allowed(AE_TITLE_ALLOWED)]
DocumentTitle = Annotated[str, AfterValidator(check_document_title)]
Host = Annotated[str, AfterValidator(check_host), Allowed(HOST_ALLOWED)]
Port = Annotated[int, Ge(1), Le(65535)]
"""Of somebody else."""
ListeningPort = Annotated[int, Ge(0), Le(65535)]
"""Of ours; 0 takes any free one."""
PeerHosts = Annotated[
    tuple[str, ...],
    BeforeValidator(check_peer_hosts),
    Allowed(
        'an IPv4 or IPv6 address, a network such as "10.1.0.0/16", a host name, or a list of them such as '
        '["10.1.2.3", "10.2.0.0/16"]'
    ),
]
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$"),
    Allowed("1 to 64 letters, digits, '.', '-' and '_'"),
]
"""Of a rule, a destination, or who is notified: it stands in the job log."""
Timezone = Annotated[
    str,
    AfterValidator(check_timezone),
    Allowed('a time zone of the tz database such as "Europe/Berlin", "Asia/Tokyo" or "UTC"'),
]
Device = Annotated[
    str,
    AfterValidator(check_device),
    Allowed('"auto", "cpu", "gpu" or "gpu:N" with the number of the GPU'),
]
Fingerprint = Annotated[
    str,
    AfterValidator(check_fingerprint),
    Allowed("64 hexadecimal digits, with or without colons: `openssl x509 -noout -fingerprint -sha256`"),
]
AbsolutePath = Annotated[Path, AfterValidator(absolute), Allowed("a path")]
PemFile = Annotated[Path, AfterValidator(absolute), Allowed("a path of a PEM file")]
