"""Configuration: one TOML file, overridden by environment variables, read into frozen models."""
