"""Values that are more than a type: AE titles, addresses, time zones."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?)*\.?")
_SHA256 = re.compile(r"[0-9a-f]{64}|[0-9a-f]{2}(:[0-9a-f]{2}){31}")
_DEVICE = re.compile(r"auto|cpu|gpu(:\d{1,2})?")

AE_TITLE_ALLOWED = "an AE title: 1 to 16 characters of ASCII without backslash and control characters, not only spaces"
HOST_ALLOWED = "an IPv4 or IPv6 address or a host name"
PEER_HOST_ALLOWED = 'an IPv4 or IPv6 address, a network such as "10.1.0.0/16", or a host name'
TIMEZONE_ALLOWED = 'a time zone of the tz database such as "Europe/Berlin", "Asia/Tokyo" or "UTC"'
FINGERPRINT_ALLOWED = "64 hexadecimal digits, with or without colons: `openssl x509 -noout -fingerprint -sha256`"
DEVICE_ALLOWED = '"auto", "cpu", "gpu" or "gpu:N" with the number of the GPU'


def _fault(text: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{text}", {"text": text})


def check_ae_title(value: str) -> str:
    """Return an AE title without its insignificant spaces (PS3.5 6.2, VR AE)."""
    title = value.strip(" ")
    if not title:
        raise _fault("an AE title cannot be empty")
    if len(title) > 16:
        raise _fault(f"{len(title)} characters are too many")
    if any(not 0x20 <= ord(c) <= 0x7E or c == "\\" for c in title):
        raise _fault("it has a character that an AE title cannot have")
    return title


def check_host(value: str) -> str:
    """Return an address or host name; its existence is not asked here."""
    host = value.strip()
    if _is_address(host) or (_HOST_NAME.fullmatch(host) and not re.fullmatch(r"[\d.]+", host)):
        return host
    raise _fault("this is neither an address nor a host name")


def check_peer_host(value: str) -> str:
    """Return an address, network or host name that a sender comes from."""
    host = value.strip()
    if "/" in host:
        try:
            return str(ipaddress.ip_network(host, strict=False))
        except ValueError:
            raise _fault("this is not a network") from None
    return check_host(host)


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
        raise _fault("this machine knows no such time zone") from None
    return value


def check_device(value: str) -> str:
    """Return the name of a TensorFlow device, or ``auto``."""
    if not _DEVICE.fullmatch(value):
        raise _fault("this is not a device")
    return value


def check_fingerprint(value: str) -> str:
    """Return the SHA-256 fingerprint of a certificate as lowercase hexadecimal digits without colons."""
    text = value.strip().lower()
    if not _SHA256.fullmatch(text):
        raise _fault("this is not a SHA-256 fingerprint")
    return text.replace(":", "")


def absolute(path: Path) -> Path:
    """Return a path with ``~`` expanded and made absolute against the working directory."""
    return path.expanduser().absolute()


AETitle = Annotated[str, AfterValidator(check_ae_title)]
Host = Annotated[str, AfterValidator(check_host)]
PeerHost = Annotated[str, AfterValidator(check_peer_host)]
Timezone = Annotated[str, AfterValidator(check_timezone)]
Device = Annotated[str, AfterValidator(check_device)]
Fingerprint = Annotated[str, AfterValidator(check_fingerprint)]
AbsolutePath = Annotated[Path, AfterValidator(absolute)]
