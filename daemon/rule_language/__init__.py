"""What rules are written in: conditions on attributes, and expressions over ready words about a series.

Never here: what becomes of a series that meets a rule (daemon/assembly), and anything whose time a text from the
network could stretch.
"""
