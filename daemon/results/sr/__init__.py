"""The structured report: TID 1500 "Imaging Measurement Report" as Comprehensive 3D SR.

Never here: codes (daemon/results/codes.py) and words in a language (daemon/results/words.py).
"""
