"""Loads a database with Python dlt: argv is what to do.

  sqlite FILE                reads SQL from standard input and runs it on an SQLite file
  load DATABASE              reads a JSON request from standard input, and loads into the DuckDB file
                             {"credentials", "tables": [name], "level", "views", "incremental": cursor, "merge": bool, "backend"}
"""

import json
import sqlite3
import sys

import dlt


def sqlite(file):
    connection = sqlite3.connect(file)
    connection.executescript(sys.stdin.read())
    connection.commit()


def load(database):
    from dlt.sources.sql_database import sql_database

    request = json.load(sys.stdin)
    source = sql_database(
        request["credentials"],
        table_names=request["tables"],
        reflection_level=request.get("level", "full"),
        include_views=request.get("views", False),
        resolve_foreign_keys=request.get("references", False),
        backend=request.get("backend") or "sqlalchemy",
    )
    for resource in source.resources.values():
        if request.get("incremental"):
            resource.apply_hints(incremental=dlt.sources.incremental(request["incremental"]))
        if request.get("merge"):
            resource.apply_hints(write_disposition="merge")
    pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb(database), dataset_name="raw")
    pipeline.run(source)


globals()[sys.argv[1]](*sys.argv[2:])
