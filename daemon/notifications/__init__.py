"""Telling people and worklists of outcomes: HL7 v2 messages and signed webhooks."""
