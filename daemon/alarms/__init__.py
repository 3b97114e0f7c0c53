"""What is wrong with the service and what it depends on: looked for by probes, told once when it begins and ends.

Never here: repairs. A probe looks and says what it saw; it changes nothing, and it names no patient.
"""
