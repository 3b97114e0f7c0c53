"""The pages about the work: jobs, series, sites, models, settings. One module each: what it shows, and its routes."""
