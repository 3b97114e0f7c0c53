"""The service's own log on standard error: structlog, for a person or as JSON, without patient data.

What other libraries log goes the same way, but only where and how bad: their texts may quote DICOM values.
"""

import hashlib
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from hounsfield.daemon.config.operation import LoggingSettings
from hounsfield.daemon.kept import kept

KEY_FILE = "log.key"
_KEY_BYTES = 32
_TALKATIVE = ("pynetdicom", "pydicom", "absl", "tensorflow")
"""Libraries that may set a level of their own; like all others they speak only from WARNING on."""
_HARMLESS_MODULES = frozenset({"pynetdicom.transport", "pynetdicom.ae", "pynetdicom.acse", "pynetdicom.fsm"})
"""They speak of connections and associations, not of data sets."""
_LONGEST_TEXT = 300


class UidHasher:
    """Keyed hashes that stand for UIDs in logs and metrics: the same UID the same hash, but not to be guessed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_home(cls, home: Path) -> "UidHasher":
        """Use the key file of ``home``, made at first use (mode 0600). Raises OSError where that is impossible."""
        return cls(kept(home / KEY_FILE, lambda: os.urandom(_KEY_BYTES)))

    def __call__(self, uid: str) -> str:
        """Return twelve hexadecimal digits after ``h:``."""
        digest = hashlib.blake2b(uid.encode("utf-8", "surrogateescape"), key=self._key, digest_size=6)
        return f"h:{digest.hexdigest()}"


def escape_controls(text: str) -> str:
    """Return ``text`` with everything unprintable escaped, so that no value can forge a line or move a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def where_it_failed(error: BaseException) -> str:
    """Return type and place of an exception, innermost call last; not its text, which may quote a data set."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " > ".join(f"{Path(frame.filename).stem}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {places}" if places else type(error).__name__


class LibraryFilter(logging.Filter):
    """Cuts what libraries log down to what cannot hold patient data."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; every record passes."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record.msg = f"{record.module}: {where_it_failed(error)}"
        elif record.name in _HARMLESS_MODULES:
            record.msg = record.getMessage()[:_LONGEST_TEXT]
        else:
            record.msg = f"{record.name} at {record.funcName}:{record.lineno} (text withheld: it may quote a data set)"
        record.args = ()
        record.exc_info = None
        record.exc_text = None
        record.stack_info = None
        return True


def _escape_values(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = escape_controls(value)
        elif not isinstance(value, (int, float, bool, type(None))):
            event[key] = escape_controls(str(value))
    return event


def _shorten_exception(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["failed"] = where_it_failed(error)
    return event


def configure(
    settings: LoggingSettings, stream: TextIO | None = None, context: Mapping[str, str] | None = None
) -> None:
    """Set up logging of this process: ``stream`` is standard error by default, ``context`` stands in every line."""
    output = stream or _own_standard_error()
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    renderer: structlog.typing.Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=output.isatty(), pad_event_to=0)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _adder(dict(context or {})),
        _shorten_exception,
        _escape_values,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    # pydicom's warnings quote values of the data set; what matters of them is checked and told by our own gates.
    warnings.filterwarnings("ignore", module="pydicom")
    _route_standard_logging(output, [*shared], renderer, level)
    threading.excepthook = _log_failed_thread


def _own_standard_error() -> TextIO:
    """Standard error under a descriptor of its own: it is heard while descriptor 2 is turned away from a library."""
    try:
        own = os.dup(sys.stderr.fileno())
    except (OSError, ValueError):  # it is closed, or no file
        return sys.stderr
    return os.fdopen(own, "w", encoding="utf-8", errors="backslashreplace", buffering=1)


def _log_failed_thread(failure: threading.ExceptHookArgs) -> None:
    """Instead of a traceback on standard error, whose last line may quote a data set."""
    if failure.exc_value is not None and failure.exc_type is not SystemExit:
        name = failure.thread.name if failure.thread is not None else "unknown"
        structlog.get_logger("hounsfield").error("a thread failed", thread=name, exc_info=failure.exc_value)


def _adder(context: dict[str, str]) -> structlog.typing.Processor:
    def add(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in context.items():
            event.setdefault(key, value)
        return event

    return add


def _route_standard_logging(
    output: TextIO, shared: list[structlog.typing.Processor], renderer: structlog.typing.Processor, level: int
) -> None:
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_ForLibraries())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("hounsfield").setLevel(level)
    logging.captureWarnings(True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class _ForLibraries(LibraryFilter):
    """Our own modules log through structlog; whatever comes through the standard library is a library's."""

    def filter(self, record: logging.LogRecord) -> bool:
        return True if record.name.startswith("hounsfield") else super().filter(record)
