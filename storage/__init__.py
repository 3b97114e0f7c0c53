"""The two durable hand-overs: the spool of received files and the database of series and jobs.

Where to look:

- words and rows: ``states``, ``records``, ``rows``, ``tables``, ``people``, ``errors``
- the database itself: ``engine`` opens it; ``transactions``, ``server_connections``, ``server_clock``,
  ``statements``, ``narrowing``, ``doorbell``, ``snapshot_doorbell``
- its schema: ``schema``, ``migrations``, ``queue_schema``, ``rehearsal``, ``going_back``; as a file: ``upkeep``;
  from one engine to the other: ``copying``, ``copy_table``
- series and jobs: ``ports`` has their plugs. ``series_store`` over ``registration``, ``series_changes``,
  ``passed_over``, ``forgetting``; ``job_store`` over ``job_changes``, ``job_claims``, ``job_results``,
  ``job_queries``, ``events``; which job is next: ``claim_order``, ``turns``, ``subjects``, ``retractions``; who is
  told: ``wake_ups``, ``wake_up_store``
- plugs with their rows, and the same on SQL: ``accounts``, ``account_store``; ``alarms``, ``alarm_store``;
  ``analysis_facts``, ``analysis_facts_store``; ``bundle_choice``, ``bundle_choice_store``; ``commitments``,
  ``commitment_store``; ``components``, ``component_store``; ``control``, ``control_store``; ``destination_state``,
  ``destination_state_store``; ``feedback``, ``feedback_store``; ``log_book``, ``log_book_store`` over
  ``log_book_lists`` and ``log_book_counts``; ``operations``, ``operation_log``; ``peer_records``, ``peer_store``;
  ``purging``, ``purge_store``; ``recall``, ``recall_store``; ``site_facts``, ``site_fact_store``;
  ``spool_writers``, ``spool_writer_store``
- files: ``spool``, ``intake``, ``slot``, ``spool_format``, ``spool_files``, ``spool_cache``, ``spool_lock``,
  ``writer_book``, ``writer_folders``; ``results``; ``durable``, ``file_systems``, ``identity``
- what hosts agree by: ``locks``, ``advisory_lock``, ``database_lock``, ``election``

Never here: DICOM beyond UIDs and bytes, decisions about patients, and imports of daemon or model.
"""
