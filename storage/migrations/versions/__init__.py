"""One module per schema version, in order.

Never here: changes to a version that was released.
"""
