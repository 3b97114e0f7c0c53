"""From findings to DICOM objects: report, pages, key objects, presentation states, and what takes results back.

Never here: thresholds and scores, which come as findings, and words that call a patient free of something.
"""
