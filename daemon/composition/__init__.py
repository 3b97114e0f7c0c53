"""Builders of the composition root, one module for each group of roles; only daemon/app.py puts them together.

Never here: work. A builder gives parts to each other and imports them when it is called, so that no process pays for
another role's libraries.
"""
