"""How long things are kept: what may go, what removes it, what is written down before.

Never here: the removal of what is unfinished, undelivered or unproven, however full the disk is.
"""
