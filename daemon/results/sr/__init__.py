"""The structured report: TID 1500 "Imaging Measurement Report" as Comprehensive 3D SR."""
