"""The whole configuration and how it is loaded: TOML file first, environment variables win."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hounsfield.daemon.config.assembly import AssemblySettings, QuerySettings
from hounsfield.daemon.config.destinations import Destination, FeedbackSettings, Notifier, SiteSettings
from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.config.environment import (
    Environment,
    environment_problems,
    keys_from_environment,
    renamed_variables,
)
from hounsfield.daemon.config.fields import fault
from hounsfield.daemon.config.misfits import misfits
from hounsfield.daemon.config.operation import (
    AlarmSettings,
    ConsoleSettings,
    LoggingSettings,
    QueueSettings,
    RetentionSettings,
)
from hounsfield.daemon.config.origin import Origin
from hounsfield.daemon.config.problems import as_written, explain
from hounsfield.daemon.config.reception import DicomSettings, Peer, TlsSettings
from hounsfield.daemon.config.renames import current_names
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.config.storage import StorageSettings
from hounsfield.daemon.config.worker import BundleEntry, WorkerSettings
from hounsfield.daemon.errors import ConfigurationError, ConfigurationProblem


class Settings(BaseSettings):
    """Everything that can be configured, validated and frozen."""

    model_config = SettingsConfigDict(
        env_prefix="HOUNSFIELD_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    dicom: DicomSettings = Field(default_factory=DicomSettings)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    assembly: AssemblySettings = Field(default_factory=AssemblySettings)
    query: QuerySettings = Field(default_factory=QuerySettings)
    peer: tuple[Peer, ...] = ()
    destination: tuple[Destination, ...] = ()
    notify: tuple[Notifier, ...] = ()
    feedback: FeedbackSettings = Field(default_factory=FeedbackSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    bundle: tuple[BundleEntry, ...] = ()
    rule: tuple[Rule, ...] = ()
    drift: DriftSettings = Field(default_factory=DriftSettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    alarms: AlarmSettings = Field(default_factory=AlarmSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    queue: QueueSettings = Field(default_factory=QueueSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    site: SiteSettings = Field(default_factory=SiteSettings)

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @classmethod
    def settings_customise_sources(  # pydantic-settings calls it with all of these by name
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what is passed in, which :func:`load_settings` reads from the TOML file."""
        return Environment(settings_cls), init_settings

    @property
    def origin(self) -> Origin:
        """Which keys came from the file and which from the environment."""
        return self._origin

    @property
    def awaits_commitment(self) -> bool:
        """Whether a destination is asked for storage commitment, and so reports to us."""
        return any(destination.proof == "commitment" for destination in self.destination)

    @property
    def tls_host(self) -> str:
        """Address to listen on for TLS, with the default filled in."""
        return self.tls.host or self.dicom.host

    @model_validator(mode="after")
    def _hang_together(self) -> "Settings":
        for misfit in misfits(self):
            raise fault(misfit.wrong, misfit.allowed, at=misfit.key)
        return self


def load_settings(path: Path | None = None) -> Settings:
    """Read the file (none: the defaults) and the environment.

    Raises :class:`ConfigurationError`, which names every wrong key with its source and what is allowed.
    """
    values, renamed = ({}, ()) if path is None else current_names(read_toml(path), str(path))
    problems = environment_problems(Settings)
    origin = Origin(
        file=path,
        file_keys=frozenset(_flat_keys(values)),
        environment_keys=keys_from_environment(Settings),
        renamed=(*renamed, *renamed_variables()),
    )
    if problems:
        raise ConfigurationError(problems)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigurationError(as_written(explain(error, Settings, origin), origin)) from None
    settings._origin = origin
    return settings


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a file as they stand there. Raises :class:`ConfigurationError`."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        allowed = "give the path of a TOML file; `hounsfield config init` writes one"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8"
        problem, allowed = f"is not TOML: {reason}", "see https://toml.io for the format"
    raise ConfigurationError((ConfigurationProblem(source=str(path), key="", wrong=problem, allowed=allowed),))


def _flat_keys(values: dict[str, Any]) -> list[str]:
    keys = []
    for section, content in values.items():
        if isinstance(content, dict):
            keys += [f"{section}.{key}" for key in content]
        elif isinstance(content, list):
            keys += [
                f"{section}[{i}].{key}" for i, entry in enumerate(content) if isinstance(entry, dict) for key in entry
            ]
    return keys
