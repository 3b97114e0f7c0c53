"""Telling people and worklists of outcomes: HL7 v2 messages and signed webhooks.

Never here: the truth about a job: a notification that is lost changes nothing in the job log but its own line.
"""
