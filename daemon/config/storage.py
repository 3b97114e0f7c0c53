"""The section about where everything lies: folders and the database."""

from pathlib import Path

from hounsfield.daemon.config.fields import Section, setting
from hounsfield.daemon.config.values import AbsolutePath


class StorageSettings(Section):
    """Where everything is kept."""

    home: AbsolutePath = setting(
        Path("hounsfield-home"),
        "Folder of the database, and of all that storage.shared and storage.spool do not place elsewhere; relative to "
        "the working directory. With several hosts each has its own, on a disk of its own.",
    )
    shared: AbsolutePath | None = setting(
        None,
        "Folder of spool, results, previews, bundles, archive and of the key of the log's hashes. Several hosts that "
        "work on one database need the same one, on NFS or another shared file system.",
        example="/srv/hounsfield",
        default_text="storage.home",
    )
    database_url: str | None = setting(
        None,
        "Database. PostgreSQL needs the extra `postgres`; leave its password out here and use PGPASSFILE.",
        allowed='a URL: "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE"',
        example="sqlite:////var/lib/hounsfield/hounsfield.db",
        default_text="hounsfield.db in storage.home",
        pattern=r"^(sqlite|postgresql)(\+[a-z0-9_]+)?://",
        secret=True,
    )
    spool: AbsolutePath | None = setting(
        None,
        "Folder of received images, on a local or shared file system that keeps what was fsynced.",
        example="/var/lib/hounsfield/spool",
        default_text="spool in storage.shared",
    )
    cache: AbsolutePath | None = setting(
        None,
        "Folder on a disk of this host for copies of received images, which workers read more than once; for spools on "
        "a network. Everything in it may be deleted at any time.",
        example="/var/cache/hounsfield",
        default_text="no copies",
    )
    cache_bytes: int = setting(
        20 * 2**30, "Room for these copies; those not used for longest go.", unit="bytes", ge=2**20, le=2**50
    )

    @property
    def shared_folder(self) -> Path:
        """Folder of what all hosts need: results, previews, bundles, archive, key of the log's hashes."""
        return self.shared or self.home

    @property
    def spool_folder(self) -> Path:
        """Folder of received images."""
        return self.spool or self.shared_folder / "spool"

    @property
    def spool_key(self) -> str:
        """The key that places the spool."""
        return "storage.spool" if self.spool else self.shared_key

    @property
    def shared_key(self) -> str:
        """The key that places results."""
        return "storage.shared" if self.shared else "storage.home"

    @property
    def database_file(self) -> Path | None:
        """File of the embedded database; None for a database server."""
        url = self.resolved_database_url
        return Path(url.partition("///")[2]) if url.startswith("sqlite") else None

    @property
    def resolved_database_url(self) -> str:
        """URL of the database, with the default filled in."""
        return self.database_url or f"sqlite:///{self.home / 'hounsfield.db'}"
