"""The two durable hand-overs: the spool of received files and the database of series and jobs."""
