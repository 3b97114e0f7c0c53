"""Alembic migrations, shipped in the package; ``hounsfield.storage.schema`` runs them.

Never here: tables of today: a migration names its columns itself, so that it means the same for ever.
"""
