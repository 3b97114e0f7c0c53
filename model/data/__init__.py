"""Data sets: layouts, labels, cleaning, and the prepared form that training and evaluation read."""
