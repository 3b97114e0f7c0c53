"""Configuration: one TOML file, overridden by environment variables, read into frozen models.

Never here: reading while the daemon runs, and default values that lie anywhere else: what is not declared here cannot
be set.
"""
