"""Windows that are compared are read by their index, however many analyses there are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from support.facts import facts, pair_of, store

from hounsfield.storage.engine import open_database

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_question_about_a_pair_is_answered_from_its_index(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    store(database, facts(3))
    asked: list[tuple[str, Any]] = []
    pair = pair_of(facts(3))
    with database.transactions.read() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", lambda _c, _u, sql, values, *_: asked.append((sql, values)))
    database.facts.first(pair, 2)
    database.facts.last(pair, 2, AT)
    database.facts.between(pair, AT, AT, 2)
    database.facts.pairs()
    plans = []
    with database.transactions.read() as connection:
        for sql, values in [one for one in asked if "analysis_fact" in one[0]]:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            plans.append("; ".join(row.detail for row in rows))
    database.close()
    assert len(plans) == 4
    for plan in plans[:3]:
        assert "SEARCH analysis_fact USING INDEX ix_analysis_fact_pair (bundle_sha256=? AND scanner=?" in plan
        assert "TEMP B-TREE" not in plan
    assert "SCAN analysis_fact USING COVERING INDEX ix_analysis_fact_pair" in plans[3]
