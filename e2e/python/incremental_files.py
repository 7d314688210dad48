"""Loads what is new of files with Python dlt: argv is what to do, the DuckDB file, and what to read.

  write FOLDER            writes run0.parquet … run2.parquet
  rows DATABASE FILE      rows of a Parquet file that are new by the column `at`, as Arrow
  files DATABASE FOLDER   JSONL files that are new by their time of change
  bucket DATABASE URL SERVER  the same of a bucket of an S3 server
  ids DATABASE            prints the ids of table `events`, in order
"""

import datetime
import decimal
import json
import sys

import dlt
import duckdb
import pyarrow
import pyarrow.parquet


def at(day, micros=0):
    return datetime.datetime(2024, 1, day, 12, 0, 0, micros, tzinfo=datetime.timezone.utc)


# Ids and times; rows with one time come again, and one of it late.
RUNS = [
    [(1, at(1)), (2, at(3, 250)), (3, at(3, 250))],
    [(2, at(3, 250)), (3, at(3, 250)), (4, at(3, 250)), (5, at(2)), (6, at(4))],
    [(6, at(4)), (7, at(4)), (8, at(9, 1)), (4, at(3, 250))],
    [(8, at(9, 1)), (7, at(4)), (9, at(9, 1))],
]


def write(folder):
    schema = pyarrow.schema(
        [
            ("id", pyarrow.int64()),
            ("at", pyarrow.timestamp("us", "UTC")),
            ("wall", pyarrow.timestamp("us")),
            ("day", pyarrow.date32()),
            ("price", pyarrow.decimal128(20, 9)),
            ("x", pyarrow.float64()),
            ("name", pyarrow.string()),
            ("raw", pyarrow.binary()),
            ("flag", pyarrow.bool_()),
            ("clock", pyarrow.time64("us")),
        ]
    )
    for number, rows in enumerate(RUNS):
        columns = [
            [id for id, _ in rows],
            [time for _, time in rows],
            [time.replace(tzinfo=None, microsecond=id) for id, time in rows],
            [time.date() for _, time in rows],
            [decimal.Decimal(id) / 1000000000 for id, _ in rows],
            [float(id) * 1e15 if id % 2 else None for id, _ in rows],
            [f"näme {id}\n" for id, _ in rows],
            [bytes([id, 255]) for id, _ in rows],
            [id % 2 == 0 for id, _ in rows],
            [datetime.time(id, 0, 0, id % 3) for id, _ in rows],
        ]
        table = pyarrow.table(columns, schema=schema)
        pyarrow.parquet.write_table(table, f"{folder}/run{number}.parquet")


def pipeline(database):
    return dlt.pipeline("new_rows", destination=dlt.destinations.duckdb(database), dataset_name="new_rows")


def rows(database, file):
    events = dlt.resource([pyarrow.parquet.read_table(file)], name="events")
    events.apply_hints(incremental=dlt.sources.incremental("at"))
    pipeline(database).run(events)


def files(database, folder):
    from dlt.sources.filesystem import filesystem, read_jsonl

    found = filesystem("file://" + folder, file_glob="*.jsonl", incremental=dlt.sources.incremental("modification_date"))
    pipeline(database).run((found | read_jsonl()).with_name("events"))


def bucket(database, url, server):
    from dlt.common.configuration.specs import AwsCredentials
    from dlt.sources.filesystem import filesystem, read_jsonl

    credentials = AwsCredentials("key", "secret", region_name="us-east-1", endpoint_url=server)
    new = dlt.sources.incremental("modification_date")
    found = filesystem(url, credentials, file_glob="**/*.jsonl", incremental=new)
    pipeline(database).run((found | read_jsonl()).with_name("events"))


def ids(database):
    connection = duckdb.connect(database, read_only=True)
    print(json.dumps([row[0] for row in connection.execute("SELECT id FROM new_rows.events ORDER BY id").fetchall()]))


globals()[sys.argv[1]](*sys.argv[2:])
