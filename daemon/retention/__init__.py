"""How long things are kept: what may go, what removes it, what is written down before."""
