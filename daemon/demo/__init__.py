"""The demonstration: a daemon, a small PACS and a few series on this machine, and what becomes of them."""
