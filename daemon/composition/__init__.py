"""Builders of the composition root, one module for each group of roles; only daemon/app.py puts them together."""
