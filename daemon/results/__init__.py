"""From one finding to DICOM objects: structured report, secondary capture; later classes join the registry.

Never here: thresholds and scores, which come as findings, and words that call a patient free of something.
"""
