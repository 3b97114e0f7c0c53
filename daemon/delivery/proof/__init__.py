"""Proof that a destination keeps our results: storage commitment, C-FIND, or the folder read back.

Never here: proof that is assumed: that a peer answered success proves nothing.
"""
