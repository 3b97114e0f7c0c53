"""From one finding to DICOM objects: structured report, secondary capture; later classes join the registry."""
