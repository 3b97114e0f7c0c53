"""The DICOM Conformance Statement, written from the code and the configuration in force (PS3.2 annex N)."""
