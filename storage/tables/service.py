"""The service itself: its processes, what is wrong with it, who may sign in, and what people have chosen."""

from sqlalchemy import Column, Index, Integer, String, Table

from hounsfield.storage.tables.columns import Digest, Json, UtcDateTime, Word, metadata, row_id

# Which version of an installed bundle is the one that new jobs get: the newest row of its name counts.
bundle_choice = Table(
    "bundle_choice",
    metadata,
    row_id(),
    Column("name", String(255), nullable=False, index=True),
    # None: nothing of this name is used from now on.
    Column("version", String(255)),
    Column("sha256", Digest),
    # How it came about: activated, rolled back, deactivated.
    Column("kind", Word, nullable=False),
    Column("chosen_at", UtcDateTime, nullable=False),
    Column("person", String(128), nullable=False),
    sqlite_autoincrement=True,
)

# What a person has stopped: intake, inference, delivery.
pause = Table(
    "pause",
    metadata,
    Column("name", Word, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("note", String(255), nullable=False, default=""),
    Column("person", String(128), nullable=False, default=""),
)

# The processes of the service, as each says of itself every few seconds; those that ended stay for a while.
component = Table(
    "component",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("role", Word, nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    # How often it was started under this name.
    Column("starts", Integer, nullable=False),
    # Numbers and words for the metrics: counters since its start, and how things stand.
    Column("facts", Json, nullable=False),
)

# What is wrong, each with a beginning and an end; open ones are those without an end.
alarm = Table(
    "alarm",
    metadata,
    row_id(),
    Column("kind", Word, nullable=False),
    # What it is about: name of a scanner, destination, bundle, certificate; empty where there is only one.
    Column("subject", String(255), nullable=False),
    Column("detail", Json, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    # What the webhook was told of: nothing yet, the beginning, the end.
    Column("told", Word, nullable=False),
    Index("ix_alarm_ended_at", "ended_at"),
    sqlite_autoincrement=True,
)
Index(
    "uq_alarm_open",
    alarm.c.kind,
    alarm.c.subject,
    unique=True,
    sqlite_where=alarm.c.ended_at.is_(None),
    postgresql_where=alarm.c.ended_at.is_(None),
)

# Who may sign in to the console.
account = Table(
    "account",
    metadata,
    Column("name", String(64), primary_key=True),
    # argon2id, with its parameters and salt.
    Column("password", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# Who is signed in. The token itself is only in the browser.
sign_in = Table(
    "sign_in",
    metadata,
    Column("token_sha256", Digest, primary_key=True),
    Column("person", String(128), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# What holds for the site as a whole, whichever host asks: the identity of its spool.
site_fact = Table(
    "site_fact",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(255), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)
