"""The DICOM Conformance Statement, written from the code and the configuration in force (PS3.2 annex N).

Never here: claims that somebody types in. What is stated is read off the code, or a test compares it with the code.
"""
