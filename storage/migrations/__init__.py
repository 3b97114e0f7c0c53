"""Alembic migrations, shipped in the package; ``hounsfield.storage.schema`` runs them."""
