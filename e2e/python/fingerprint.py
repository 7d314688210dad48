"""What a dataset holds, in a few numbers: equal for equal content, whatever the ids and the order of rows.

Reads {name: {"database" or "folder", "dataset"}} as JSON from standard input and prints {name: fingerprint}.
"""

import json
import os
import sys

import duckdb

IDS = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id")

VALIDITY = ("_dlt_valid_from", "_dlt_valid_to")


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def from_folder(folder, dataset):
    """A database in memory with all rows of the files of a folder, as somebody reads them who knows nothing of loads."""
    connection = duckdb.connect()
    connection.execute(f"CREATE SCHEMA {quote(dataset)}")
    for table in sorted(os.listdir(os.path.join(folder, dataset))):
        path = os.path.join(folder, dataset, table)
        if not os.path.isdir(path) or not os.listdir(path):
            continue
        rows = from_log(path)
        if rows is not None:
            connection.execute(f"CREATE TABLE {quote(dataset)}.{quote(table)} AS SELECT * FROM rows")
            continue
        reader = "read_parquet" if any(name.endswith(".parquet") for name in os.listdir(path)) else "read_json"
        connection.execute(
            f"CREATE TABLE {quote(dataset)}.{quote(table)} AS SELECT * FROM {reader}('{path}/*', union_by_name = true)"
        )
    return connection


def from_log(path):
    """The rows of a table that is kept with a log, as the library reads them that others keep such tables by; None for any other."""
    if os.path.isdir(os.path.join(path, "_delta_log")):
        from deltalake import DeltaTable

        return DeltaTable(path).to_pyarrow_table()
    metadata = os.path.join(path, "metadata")
    if not os.path.isdir(metadata):
        return None
    from pyiceberg.table import StaticTable

    newest = sorted(name for name in os.listdir(metadata) if name.endswith(".metadata.json"))
    return StaticTable.from_metadata(os.path.join(metadata, newest[-1])).scan().to_arrow()


def fingerprint(dataset, database=None, folder=None):
    connection = from_folder(folder, dataset) if folder else duckdb.connect(database, read_only=True)
    connection.execute(f"SET TimeZone = 'UTC'; SET schema = {quote(dataset)}")

    def one(sql):
        return [str(value) for value in connection.execute(sql).fetchone()]

    tables = {}
    for table, column, data_type in connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema = '{dataset}' ORDER BY ALL"
    ).fetchall():
        tables.setdefault(table, {})[column] = data_type
    schema = json.loads(connection.execute("SELECT schema FROM _dlt_version ORDER BY inserted_at DESC").fetchone()[0])

    def shown(column):
        # When a load began is another moment in each run; whether a version has ended is not.
        return f"t.{quote(column)} IS NULL" if column in VALIDITY else f"t.{quote(column)}::VARCHAR"

    def hashed(table):
        """SQL of a table's ids, each with the hash of its row and of all rows above it."""
        columns = [shown(column) for column in tables[table] if column not in IDS]
        parent = schema["tables"][table].get("parent")
        if parent is None:
            return f"SELECT t._dlt_id AS id, hash({', '.join(columns)}) AS h FROM {quote(table)} t"
        return (
            f"SELECT t._dlt_id AS id, hash(p.h, {', '.join(columns)}) AS h"
            f" FROM {quote(table)} t LEFT JOIN ({hashed(parent)}) p ON p.id = t._dlt_parent_id"
        )

    content = {}
    for table in tables:
        if table.startswith("_dlt_"):
            continue
        rows, ids, total = one(f"SELECT count(*), count(DISTINCT id), sum(h) FROM ({hashed(table)})")
        content[table] = {"rows": rows, "distinct_ids": ids, "hash": total}
        parent = schema["tables"][table].get("parent")
        if parent is not None:
            content[table]["orphans"] = one(
                f"SELECT count(*) FROM {quote(table)} WHERE _dlt_parent_id NOT IN (SELECT _dlt_id FROM {quote(parent)})"
            )[0]
        else:
            # Rows of each load that is on record, oldest first; then rows of loads that are not.
            content[table]["by_load"] = [
                str(row[0])
                for row in connection.execute(
                    f"SELECT count(t._dlt_id) FROM _dlt_loads l LEFT JOIN {quote(table)} t"
                    " ON t._dlt_load_id = l.load_id GROUP BY l.load_id ORDER BY l.load_id"
                ).fetchall()
            ]
            content[table]["of_unknown_loads"] = one(
                f"SELECT count(*) FROM {quote(table)} WHERE _dlt_load_id NOT IN (SELECT load_id FROM _dlt_loads)"
            )[0]
    system = {
        table: one(f"SELECT count(*) FROM {table}")[0] for table in ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state")
    }
    return {"tables": tables, "content": content, "system": system}


request = json.loads(sys.stdin.buffer.read())
print(json.dumps({name: fingerprint(**it) for name, it in request.items()}))
