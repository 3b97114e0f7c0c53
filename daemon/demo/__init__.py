"""The demonstration: a daemon, a small PACS and a few series on this machine, and what becomes of them.

Never here: anything that the service needs. The demonstration uses the commands and ports that everybody has.
"""
