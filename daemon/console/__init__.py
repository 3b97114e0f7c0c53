"""Web pages for admins, metrics and health. Reads the database; writes only what a signed-in person does.

Nothing here opens a received image, and no patient data stand on a page unless a signed-in person asks and says why.
"""
