"""Associations that we request (PS3.8 chapter 7): as whom, within which bounds, and why there is none.

Never here: services. What is sent or asked on an association stands with who needs it: daemon/delivery, daemon/query.
Associations that others request are those of daemon/reception.
"""
