"""Writes the rows of JSON Lines into Parquet by DuckDB, or counts the rows of Parquet files.

usage: copy_to.py write FILE OUT | copy_to.py count PATTERN

Prints one line of JSON: seconds (starting Python is left out) and rows, or rows and the sum of ids.
"""

import json
import sys
import time

import duckdb

if sys.argv[1] == "write":
    begin = time.perf_counter()
    rows = duckdb.execute(
        f"copy (select *, 'one-load' as _dlt_load_id, substr(md5(id::varchar), 1, 14) as _dlt_id"
        f" from read_json_auto('{sys.argv[2]}')) to '{sys.argv[3]}' (format parquet)"
    ).fetchone()[0]
    print(json.dumps({"seconds": time.perf_counter() - begin, "rows": rows}))
else:
    rows, ids = duckdb.execute(f"select count(*), sum(id)::bigint from read_parquet('{sys.argv[2]}')").fetchone()
    print(json.dumps({"rows": rows, "ids": ids}))
