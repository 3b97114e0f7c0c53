"""The command ``hounsfield``: one file per command group, nothing heavy imported before a command runs.

Never here: decisions that pages or the daemon need too, for nothing outside may import this folder (a contract of
import-linter).
"""
