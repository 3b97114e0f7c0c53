"""The command ``hounsfield``: one file per command group, how its output looks beside it, and what groups share.

Nothing heavy is imported before a command runs.

Never here: decisions that pages or the daemon need too, for nothing outside may import this folder (a contract of
import-linter).
"""
