"""The pages about the work: jobs, series, sites, models, settings. One module each: what it shows, and its routes.

Never here: SQL, and words for a state or a reason that the command line would say in other words.
"""
