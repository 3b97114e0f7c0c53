"""Web pages for admins, metrics and health. Reads the database; writes only what a signed-in person does.

Never here: received images, and patient data on a page unless a signed-in person asks and says why.
"""
