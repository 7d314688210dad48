"""The judge of the differential tests: loads JSONL with Python dlt, and describes any dataset in a comparable form.

Reads one JSON request from standard input and prints one JSON answer:
  {"load": [{"name", "database", "dataset", "table", "pipeline", "runs": [{"file", "disposition"}]}]}  -> {name: error or null}
  {"describe": [{"name", "database", "dataset", "pipeline"}]}                                          -> {name: description}
Both keys may be there; loads come first. A description leaves out what no two loads share: ids, times, hashes.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys
import zlib
from datetime import datetime

import dlt
import duckdb
import pyarrow
import pyarrow.parquet
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.schema.utils import generate_version_hash

SYSTEM_COLUMNS = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_list_idx", "_dlt_root_id")


def parse_lines(path):
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            if line.strip():
                yield json.loads(line)


def is_postgres(database):
    return database.startswith("postgresql://")


def folder_of(database):
    """The folder of a dataset of files, whose database is `lake:FOLDER`."""
    return database.removeprefix("lake:") if database.startswith("lake:") else None


def destination(database):
    if folder_of(database):
        return dlt.destinations.filesystem(folder_of(database))
    return dlt.destinations.postgres(database) if is_postgres(database) else dlt.destinations.duckdb(database)


class PostgresConnection:
    """Looks like DuckDB's, as far as a description needs it."""

    def __init__(self, url):
        import psycopg2

        self.cursor = psycopg2.connect(url).cursor()

    def execute(self, sql, parameters=None):
        self.cursor.execute(sql.replace("?", "%s"), parameters)
        return self.cursor


def open_files(folder, dataset):
    """The files of a dataset as tables of a database in memory."""
    connection = duckdb.connect(":memory:")
    connection.execute(f"CREATE SCHEMA {quote(dataset)}")
    root = pathlib.Path(folder, dataset)
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        table = f"{quote(dataset)}.{quote(path.name)}"
        rows = [row for file in sorted(path.glob("*.jsonl")) for row in parse_lines(file)]
        if path.name == "_dlt_pipeline_state":
            # Rows of files have no ids.
            rows = [{"_dlt_id": base64.b64encode(bytes(10)).decode().rstrip("="), **row} for row in rows]
        if rows:
            types = {name: "BIGINT" if isinstance(value, int) else "VARCHAR" for name, value in rows[0].items()}
            connection.execute(f"CREATE TABLE {table} ({', '.join(f'{quote(name)} {types[name]}' for name in types)})")
            marks = ", ".join("?" * len(types))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", [[row.get(it) for it in types] for row in rows])
        files = sorted(str(file) for file in path.glob("*.parquet"))
        if files:
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM read_parquet(?, union_by_name = true)", [files])
    return connection


def load(case):
    outcomes = []
    for run in case["runs"]:
        pipeline = dlt.pipeline(
            case["pipeline"],
            destination=destination(case["database"]),
            dataset_name=case["dataset"],
        )
        try:
            contract = read_contract(run["options"].get("schema-contract"))
            file_format = "parquet" if folder_of(case["database"]) else None
            table = run["options"].get("table", case["table"])
            pipeline.run(resource(table, run), schema_contract=contract, loader_file_format=file_format)
            outcomes.append("loaded")
        except Exception as error:
            cause = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            if not case.get("goes_on"):
                return f"{type(cause).__name__}: {cause}"
            pipeline.abort_packages()
            outcomes.append(type(cause).__name__)
    return " ".join(outcomes) if case.get("goes_on") else None


def read_contract(text):
    """A mode, or modes of entities: `columns=freeze,data_type=discard_row`."""
    if text is None or "=" not in text:
        return text
    return dict(part.split("=") for part in text.split(","))


def resource(table, run):
    options, disposition = run["options"], run["disposition"]
    if "merge-strategy" in options:
        disposition = {"disposition": disposition, "strategy": options["merge-strategy"]}
        for option in ("row-version-column-name", "active-record-timestamp", "boundary-timestamp", "source-filter"):
            if option in options:
                value = options[option]
                disposition[option.replace("-", "_")] = None if value == "none" else value
        if "validity-column-names" in options:
            disposition["validity_column_names"] = options["validity-column-names"].split(",")
    keys = {
        option.replace("-", "_"): options[option].split(",") for option in ("primary-key", "merge-key") if option in options
    }
    # A key of one column is given as its name, which is how its digests are made.
    keys = {name: columns[0] if len(columns) == 1 else columns for name, columns in keys.items()}
    columns = {}
    if "hard-delete-column" in options:
        columns.setdefault(options["hard-delete-column"], {})["hard_delete"] = True
    if "dedup-sort-column" in options:
        columns.setdefault(options["dedup-sort-column"], {})["dedup_sort"] = "desc"
    for declared in options.get("column-type", "").split(";"):
        if declared:
            column, data_type, *numbers = re.split(r"[=(,)]", declared.rstrip(")"))
            precision = dict(zip(("precision", "scale"), map(int, numbers)))
            columns.setdefault(column, {}).update(data_type=data_type, **precision)
    if "resource-contract" in options:
        keys["schema_contract"] = read_contract(options["resource-contract"])
    if "max-nesting" in options:
        keys["max_table_nesting"] = int(options["max-nesting"])
    rows = parse_lines(run["file"])
    if "arrow" in options:
        rows = as_arrow(rows, run["file"])
    made = dlt.resource(rows, name=table, write_disposition=disposition, columns=columns, **keys)
    if "incremental" in options:
        made.apply_hints(incremental=incremental(options))
    return made


def incremental(options):
    known = ("initial-value", "end-value", "last-value-func", "lag", "row-order", "range-start", "range-end", "on-cursor-value-missing")
    given = {option.replace("-", "_"): options[option] for option in known if option in options}
    for option in ("initial_value", "end_value", "lag"):
        if option in given:
            given[option] = number_or_text(given[option])
    return dlt.sources.incremental(options["incremental"], **given)


def number_or_text(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text

def as_arrow(rows, path):
    """The rows as an Arrow table, which is left beside their file as Parquet."""
    table = pyarrow.Table.from_pylist(list(rows))
    pyarrow.parquet.write_table(table, path + ".parquet")
    return [table]


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def digest(text, length):
    return base64.b64encode(hashlib.shake_128(text.encode()).digest(length)).decode().rstrip("=")


def is_generated_id(value):
    if len(value) != 14:
        return False
    try:
        return len(base64.b64decode(value + "==", validate=True)) == 10
    except ValueError:
        return False


def read_tables(connection, dataset):
    sql = (
        "SELECT table_name, column_name, data_type, is_nullable = 'YES' FROM information_schema.columns"
        " WHERE table_schema = ? ORDER BY table_name, ordinal_position"
    )
    if isinstance(connection, PostgresConnection):
        # Types with all of their numbers, and what has an index of its own.
        sql = """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN EXISTS (
                     SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indkey::text = a.attnum::text
                 ) THEN ' unique' ELSE '' END, NOT a.attnotnull
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
                 WHERE n.nspname = ? AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
                 ORDER BY c.relname COLLATE "C", a.attnum"""
    columns = [list(row) for row in connection.execute(sql, [dataset]).fetchall()]
    tables = {}
    for table, column, data_type, nullable in columns:
        tables.setdefault(table, []).append([column, data_type, nullable])
    for columns in tables.values():
        columns.sort(key=lambda it: it[0].startswith("_dlt_"))
    return tables


def read_rows(connection, dataset, table, columns):
    # Everything as text: DuckDB writes each value exactly, and one way only.
    listed = ", ".join(f"CAST({quote(column)} AS VARCHAR)" for column, _, _ in columns)
    rows = connection.execute(f"SELECT {listed} FROM {quote(dataset)}.{quote(table)}").fetchall()
    names = [column for column, _, _ in columns]
    return [dict(zip(names, row)) for row in rows]


def order_of(columns):
    """Names of columns in order; those of the system last, for their place follows from which row was the first."""
    return sorted(columns, key=lambda column: column.startswith("_dlt_"))


def clean_schema(schema):
    """The stored schema without hashes, versions, descriptions, and the notes of whose a name is."""
    cleaned = {
        key: value
        for key, value in schema.items()
        if key not in ("version", "version_hash", "previous_hashes", "tables", "description")
    }
    cleaned["tables"] = {}
    for name, table in schema["tables"].items():
        # A format that a run of Python dlt is told becomes a hint of its tables; ours is a setting of the destination.
        ours = ("description", "x-original-keys", "x-original-name", "file_format")
        table = {key: value for key, value in table.items() if key not in ours}
        table["columns"] = {
            # A declared column that says nothing of it may be null.
            column: {"nullable": True} | {key: value for key, value in hints.items() if key != "description"}
            for column, hints in table["columns"].items()
        }
        cleaned["tables"][name] = table
    return cleaned


def tell_loads(rows, schema, load_ids):
    """Moments of validity that are those of loads become the numbers of the loads; ids that are versions are kept."""
    times = sorted(float(it) for it in load_ids)
    for table, table_rows in rows.items():
        columns = schema["tables"].get(table, {}).get("columns", {})
        for name, column in columns.items():
            for row in table_rows:
                if ("x-valid-from" in column or "x-valid-to" in column) and row.get(name) is not None:
                    row[name] = name_of(row[name], times)
                # Rows of before have ids of another kind.
                has_begun = any("x-valid-from" in it and row.get(begin) for begin, it in columns.items())
                if name == "_dlt_id" and "x-row-version" in column and has_begun:
                    row["/version"] = row["_dlt_id"]


def name_of(moment, times):
    """The load of that time, which Python dlt's load ids tell only nearly."""
    text = moment.replace(" ", "T")
    seconds = datetime.fromisoformat(text + ":00" if text[-3] in "+-" else text).timestamp()
    near = [number for number, time in enumerate(times) if abs(time - seconds) < 0.01]
    return f"load {near[0]}" if len(near) == 1 else moment


def attach(rows, schema, problems):
    """Nested rows under their parents; returns the root tables' rows."""
    by_id = {}
    for table, table_rows in rows.items():
        # A version of a row that comes back has its id again.
        has_versions = any("x-row-version" in it for it in schema["tables"].get(table, {}).get("columns", {}).values())
        for row in table_rows:
            row_id = row.get("_dlt_id")
            if row_id is None or row_id in by_id and not has_versions:
                problems.append(f"{table}: an id that is missing or not unique")
            by_id.setdefault(row_id, []).append(row)
    # In any table: `{"a": {"b": []}}` and `{"a": [{"b": []}]}` fill one table from two, of which the schema names one.
    roots = {}
    for table, table_rows in rows.items():
        parent = schema["tables"].get(table, {}).get("parent")
        if parent is None:
            roots[table] = table_rows
            continue
        for row in table_rows:
            parent_rows = by_id.get(row["_dlt_parent_id"])
            if parent_rows is None:
                problems.append(f"{table}: a row without its parent")
                continue
            expected = digest(f"{row['_dlt_parent_id']}_{table}_{row['_dlt_list_idx']}", 10)
            if row["_dlt_id"] != expected and is_generated_id(row["_dlt_id"]):
                problems.append(f"{table}: an id that does not follow from the parent's")
            for parent_row in parent_rows:
                parent_row.setdefault("/nested", {}).setdefault(table, []).append(row)
    return roots


def clean_row(row, load_ids, problems, is_root):
    cleaned = {}
    for key, value in row.items():
        if key == "/nested":
            nested = cleaned["/nested"] = {}
            for table, rows in value.items():
                rows.sort(key=lambda it: int(it["_dlt_list_idx"]))
                if [int(it["_dlt_list_idx"]) for it in rows] != list(range(len(rows))):
                    problems.append(f"{table}: list positions that are not 0, 1, 2 …")
                nested[table] = [clean_row(it, load_ids, problems, False) for it in rows]
        elif value is None:
            continue
        elif key == "_dlt_load_id" and is_root:
            if value not in load_ids:
                problems.append("a row of a load that _dlt_loads does not name")
            cleaned["/load"] = sorted(load_ids).index(value) if value in load_ids else None
        elif key == "_dlt_id":
            if not is_generated_id(value):
                cleaned[key] = value
        elif key in SYSTEM_COLUMNS and (not is_root or is_generated_id(value)):
            continue
        else:
            cleaned[key] = value
    return cleaned


def decode_state(text):
    try:
        return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
    except ValueError:
        return json.loads(text)


def cut_digests(state):
    """Digests of rows in one form: the short one is the beginning of the long one. They have no order."""
    for key, value in state.items():
        if key == "unique_hashes":
            state[key] = sorted(digest[:12] for digest in value)
        elif isinstance(value, dict):
            cut_digests(value)


def describe(case):
    dataset, problems = NamingConvention().normalize_identifier(case["dataset"]), []
    if is_postgres(case["database"]):
        connection = PostgresConnection(case["database"])
    elif folder_of(case["database"]):
        connection = open_files(folder_of(case["database"]), dataset)
    else:
        connection = duckdb.connect(case["database"], read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    tables = read_tables(connection, dataset)
    if "_dlt_version" not in tables:
        datasets = connection.execute("SELECT DISTINCT table_schema FROM information_schema.tables").fetchall()
        return {"problems": [f"no dataset {dataset} but {datasets}"], "tables": tables}
    versions = connection.execute(
        f"SELECT version, version_hash, schema FROM {quote(dataset)}._dlt_version ORDER BY inserted_at, version"
    ).fetchall()
    stored = json.loads(versions[-1][2])
    if generate_version_hash(stored) != versions[-1][1] or stored["version_hash"] != versions[-1][1]:
        problems.append("the stored schema's hash is not the hash of the stored schema")
    loads = connection.execute(
        f"SELECT load_id, schema_name, status, schema_version_hash FROM {quote(dataset)}._dlt_loads ORDER BY load_id"
    ).fetchall()
    known_hashes = {row[1] for row in versions}
    problems += ["a load of a schema version that is not stored" for row in loads if row[3] not in known_hashes]
    load_ids = {row[0] for row in loads}
    if len(load_ids) != len(loads):
        problems.append("a load id twice in _dlt_loads")
    states = connection.execute(
        f"SELECT state, _dlt_load_id, _dlt_id, version FROM {quote(dataset)}._dlt_pipeline_state ORDER BY version"
    ).fetchall()
    for _, load_id, row_id, _ in states:
        if load_id not in load_ids or not is_generated_id(row_id):
            problems.append("a state row of an unknown load, or without an id")
    state = decode_state(states[-1][0]) if states else {}
    state.pop("_version_hash", None)
    cut_digests(state.get("sources", {}))
    rows = {
        table: read_rows(connection, dataset, table, columns)
        for table, columns in tables.items()
        if not table.startswith("_dlt_")
    }
    tell_loads(rows, stored, load_ids)
    roots = attach(rows, stored, problems)
    described = {
        table: sorted(
            (clean_row(row, load_ids, problems, True) for row in table_rows),
            key=lambda row: json.dumps(row, sort_keys=True),
        )
        for table, table_rows in roots.items()
    }
    return {
        "tables": tables,
        "rows": described,
        "schema": clean_schema(stored),
        "schema_columns": {name: order_of(table["columns"]) for name, table in stored["tables"].items()},
        "loads": [[row[1], row[2]] for row in loads],
        "version_count": len(versions),
        "version": versions[-1][0],
        "states": [row[3] for row in states],
        "state": state,
        "problems": sorted(set(problems)),
    }


def main():
    # Names of files, never of this machine's encoding; surrogates in a bad name must not end the judge.
    request = json.loads(sys.stdin.buffer.read())
    answer = {"load": {}, "describe": {}}
    for case in request.get("load", []):
        answer["load"][case["name"]] = load(case)
    for case in request.get("describe", []):
        try:
            answer["describe"][case["name"]] = describe(case)
        except Exception as error:
            answer["describe"][case["name"]] = {"problems": [f"not a readable dataset: {error!r}"]}
    print(json.dumps(answer))


main()
