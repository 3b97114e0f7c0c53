"""What the storage package raises.

::

    StorageError
    ├── DatabaseUnavailable     the database did not take the transaction: nothing was written, try again later
    ├── SchemaError             the database's schema is not the one this program needs
    ├── SpoolError              a received file could not be made durable, or cannot be read back
    │   └── SpoolFull           no space, or no quota, is left for received files
    └── ResultFileError         a finished result object could not be made durable, or was changed

No message holds a UID, a name or another value from an instance.
"""


class StorageError(Exception):
    """Base of everything that storage raises on purpose."""


class DatabaseUnavailable(StorageError):
    """The database did not take the transaction: it is down, locked or full. Nothing was written; try again later."""


class SchemaError(StorageError):
    """The database's schema is not the one this program needs; the message says what to do."""


class SpoolError(StorageError):
    """A received file could not be made durable, or cannot be read back."""


class SpoolFull(SpoolError):
    """No space (or quota) is left for received files."""


class ResultFileError(StorageError):
    """A finished result object could not be made durable, or its bytes are not what was recorded."""
