"""CSV and Parquet files for DuckDB's readers, and what they make of them.

usage: readers.py make JSONL FOLDER
       readers.py load csv|parquet PATTERN DATABASE
       readers.py content DATABASE

`make` leaves events.csv and events.parquet. `load` makes the table bench.events, with ids and a load id, and ends after its
checkpoint. Prints one line of JSON: seconds (starting Python is left out), or what the table holds.
"""

import json
import sys
import time

import duckdb

READ = {"csv": "read_csv_auto", "parquet": "read_parquet"}

what, *words = sys.argv[1:]
begun = time.perf_counter()
told = {}
if what == "make":
    source, folder = words
    duckdb.execute(f"create table events as from read_json_auto('{source}')")
    duckdb.execute(f"copy events to '{folder}/events.csv' (header)")
    duckdb.execute(f"copy events to '{folder}/events.parquet' (format parquet)")
elif what == "load":
    kind, pattern, database = words
    connection = duckdb.connect(database)
    connection.execute("create schema bench")
    connection.execute(
        "create table bench.events as select *, 'one-load' as _dlt_load_id,"
        f" substr(md5(id::varchar), 1, 14) as _dlt_id from {READ[kind]}('{pattern}')"
    )
    connection.execute("checkpoint")
    connection.close()
else:
    with duckdb.connect(words[0], read_only=True) as connection:
        rows, ids = connection.execute("select count(*), sum(id)::bigint from bench.events").fetchone()
    told = {"rows": rows, "ids": ids}
print(json.dumps({"seconds": time.perf_counter() - begun, "content": told}))
