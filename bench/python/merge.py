"""A merge into a table that is there: by DuckDB alone, or by Python dlt.

usage: merge.py sql|python STRATEGY FILE DATABASE
       merge.py grow - ROWS DATABASE
       merge.py content STRATEGY - DATABASE

`sql` does in one transaction what the strategy is for, with ids and a load id, and ends after its checkpoint. `grow` adds
rows to a table of appends. Prints one line of JSON: seconds (without starting Python and importing) and version, or what
the table holds.
"""

import json
import os
import sys
import time

import duckdb

WHAT, STRATEGY, FILE, DATABASE = sys.argv[1:]
FIELDS = ["id", "name", "city", "amount", "note", "seen"]
STAGED = (
    "create temp table staged as select id, name, city, amount, note, seen, 'one-load' as _dlt_load_id,"
    " substr(md5(concat_ws('|', id, name, city, amount, note, seen)), 1, 14) as _dlt_id"
    f" from read_json_auto('{FILE}', columns = {{id: 'BIGINT', name: 'VARCHAR', city: 'VARCHAR', amount: 'DOUBLE',"
    " note: 'VARCHAR', seen: 'TIMESTAMPTZ'})"
)
COLUMNS = ", ".join([*FIELDS, "_dlt_load_id", "_dlt_id"])
INSERT = f"insert into bench.rows ({COLUMNS}) select {COLUMNS} from staged"
STATEMENTS = {
    "delete-insert": [STAGED, "delete from bench.rows where id in (select id from staged)", INSERT],
    "upsert": [
        STAGED,
        "merge into bench.rows d using staged s on d.id = s.id when matched then update set "
        + ", ".join(f"{column} = s.{column}" for column in [*FIELDS, "_dlt_load_id", "_dlt_id"])
        + f" when not matched then insert ({COLUMNS}) values ("
        + ", ".join(f"s.{column}" for column in [*FIELDS, "_dlt_load_id", "_dlt_id"])
        + ")",
    ],
    "scd2": [
        STAGED,
        "update bench.rows set _dlt_valid_to = '2030-01-01 00:00:00+00' where _dlt_valid_to is null"
        " and _dlt_id not in (select _dlt_id from staged) and id in (select id from staged)",
        f"insert into bench.rows ({COLUMNS}, _dlt_valid_from) select {COLUMNS}, '2030-01-01 00:00:00+00' from staged"
        " where _dlt_id not in (select _dlt_id from bench.rows where _dlt_valid_to is null)",
    ],
    "append": [STAGED, INSERT],
}


def by_sql():
    begun = time.perf_counter()
    connection = duckdb.connect(DATABASE)
    for statement in ["begin", *STATEMENTS[STRATEGY], "commit", "checkpoint"]:
        connection.execute(statement)
    connection.close()
    return {"seconds": time.perf_counter() - begun, "version": duckdb.__version__}


def by_python():
    import dlt
    import orjson

    def rows():
        with open(FILE, "rb") as lines:
            batch = [orjson.loads(line) for line in lines]
        yield batch

    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    disposition = "append" if STRATEGY == "append" else {"disposition": "merge", "strategy": STRATEGY}
    keys = {"merge_key": "id"} if STRATEGY == "scd2" else {} if STRATEGY == "append" else {"primary_key": "id"}
    pipeline = dlt.pipeline("bench", destination=dlt.destinations.duckdb(DATABASE), dataset_name="bench")
    begun = time.perf_counter()
    resource = dlt.resource(rows, name="rows", write_disposition=disposition, **keys)
    pipeline.run(resource, loader_file_format="parquet")
    return {"seconds": time.perf_counter() - begun, "version": dlt.__version__}


def grow():
    with duckdb.connect(DATABASE) as connection:
        connection.execute(
            f"insert into bench.rows ({COLUMNS}) select i + 10000000, 'name ' || i, 'city', i / 4, 'note', now(), 'one-load',"
            f" substr(md5(i::varchar), 1, 14) from range({int(FILE)}) t(i)"
        )
    return {}


def content():
    active = ", count(*) filter (_dlt_valid_to is null)" if STRATEGY == "scd2" else ""
    with duckdb.connect(DATABASE, read_only=True) as connection:
        sql = f"select count(*), count(distinct id), sum(id), round(sum(amount)), max(seen)::varchar{active} from bench.rows"
        return {"content": [str(value) for value in connection.execute(sql).fetchone()]}


print(json.dumps({"sql": by_sql, "python": by_python, "grow": grow, "content": content}[WHAT]()))
