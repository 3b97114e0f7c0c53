"""Proof that a destination keeps our results: storage commitment, C-FIND, or the folder read back."""
