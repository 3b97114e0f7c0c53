"""Data sets: layouts, labels, cleaning, and the prepared form that training and evaluation read.

Never here: the one way from HU to a tensor, which is model/preprocess, and a path that a table or a header made up.
"""
