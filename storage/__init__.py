"""The two durable hand-overs: the spool of received files and the database of series and jobs.

Never here: DICOM beyond UIDs and bytes, decisions about patients, and imports of daemon or model.
"""
