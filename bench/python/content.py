"""What a load left behind, in figures that must be the same whoever loaded.

usage: content.py SHAPE DATABASE

Prints one line of JSON: row counts of all tables of the data, sums and ranges of some columns, and how many row ids
are not unique (which must be none).
"""

import json
import sys

import duckdb

SUMS = {
    "events": {
        "amount": "select round(sum(amount), 2) from {events}",
        "scores": "select count(score) from {events}",
        "sessions": "select count(distinct \"{session_id}\") from {events}",
        "tests": "select count(*) from {events} where \"{is_test}\"",
        "last": "select max(\"{created_at}\")::timestamptz::varchar from {events}",
    },
    "docs": {
        "price": "select round(sum(price), 2) from {docs__items}",
        "latitude": "select round(sum(owner__geo__lat), 2) from {docs}",
        "third_tags": "select count(*) from {docs__tags} where _dlt_list_idx = 2",
        "tags": "select count(distinct value) from {docs__tags}",
        "orphans": "select count(*) from {docs__items} where _dlt_parent_id not in (select _dlt_id from {docs})",
    },
    "wide": {
        "number": "select sum(c1), sum(c298) from {wide}",
        "texts": "select count(distinct c297), max(length(c3)) from {wide}",
    },
    "sparse": {
        "number": "select sum(k1), count(k1), sum(k1499) from {sparse}",
        "texts": "select count(k0), max(k0), count(k1498) from {sparse}",
    },
    "tables": {"number": "select sum(c1), sum(c38), max(c39) from {t000}"},
    "files": {"number": "select sum(id), sum(c1), count(distinct c3) from {files}"},
    "texts": {"length": "select sum(length(body)), min(body[1]), max(body[-1]) from {texts}"},
    "document": {"price": "select round(sum(price), 2), sum(qty), count(distinct sku) from {document__items}"},
    "deep": {"leaf": "select sum(leaf), min(d), max(d) from {deep__l__l__l__l__l__l__l__l__l__l}"},
}


def main() -> None:
    shape, database = sys.argv[1:]
    connection = duckdb.connect(database, read_only=True)
    connection.execute("set timezone = 'UTC'")

    def one(statement):
        row = connection.execute(statement).fetchone()
        return row[0] if len(row) == 1 else row

    found = connection.execute(
        "select schema_name, table_name from duckdb_tables() where not temporary and table_name not like '\\_dlt%' escape '\\'"
    ).fetchall()
    tables = {table: f'"{schema}"."{table}"' for schema, table in found}
    columns = {row[0] for row in connection.execute("select column_name from duckdb_columns()").fetchall()}
    # DuckDB's own reader keeps the names of the input.
    words = {"session_id": "sessionId", "is_test": "isTest", "created_at": "createdAt"}
    names = {snake: snake if snake in columns else camel for snake, camel in words.items()}
    print(
        json.dumps(
            {
                "rows": {table: one(f"select count(*) from {name}") for table, name in sorted(tables.items())},
                "figures": {key: str(one(text.format(**tables, **names))) for key, text in SUMS[shape].items()},
                "double_ids": sum(
                    one(f"select count(*) - count(distinct _dlt_id) from {name}") for name in tables.values()
                ),
            },
            sort_keys=True,
        )
    )


main()
