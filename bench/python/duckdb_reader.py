"""DuckDB alone doing the work of a load: its own JSON reader, the id columns, child tables, a checkpoint.

usage: duckdb_reader.py SHAPE FILE DATABASE

Prints one line of JSON: the seconds from the first statement to the end of the checkpoint (starting Python and
opening the database are left out).
"""

import json
import pathlib
import sys
import time

import duckdb

EVENTS = [
    "create table events as"
    " select *, 'one-load' as _dlt_load_id, substr(md5(id::varchar), 1, 14) as _dlt_id from read_json_auto('{file}')"
]

DOCS = [
    "create temp table input as"
    " select *, substr(md5(id::varchar), 1, 14) as _dlt_id from read_json_auto('{file}')",
    """create table docs as
    select id, title, "updatedAt" as updated_at, total, "open",
        owner.id as owner__id, owner.name as owner__name,
        owner.geo.lat as owner__geo__lat, owner.geo.lon as owner__geo__lon,
        'one-load' as _dlt_load_id, _dlt_id
    from input""",
    """create table docs__items as
    select item.sku as sku, item.qty as qty, item.price as price, item."addedAt" as added_at,
        item.attr.color as attr__color, parent as _dlt_parent_id, place - 1 as _dlt_list_idx,
        substr(md5(concat(parent, '_docs__items_', place - 1)), 1, 14) as _dlt_id
    from (select _dlt_id as parent, unnest(items) as item, generate_subscripts(items, 1) as place from input)""",
    """create table docs__tags as
    select tag as value, parent as _dlt_parent_id, place - 1 as _dlt_list_idx,
        substr(md5(concat(parent, '_docs__tags_', place - 1)), 1, 14) as _dlt_id
    from (select _dlt_id as parent, unnest(tags) as tag, generate_subscripts(tags, 1) as place from input)""",
]


# Every key is to be a column, and a row may be long.
FLAT = (
    "create table {table} as"
    " select *, 'one-load' as _dlt_load_id, substr(md5(id::varchar), 1, 14) as _dlt_id"
    " from read_json_auto('{file}', sample_size=-1, map_inference_threshold=-1, maximum_object_size=200000000)"
)

DOCUMENT = [
    "create temp table input as select *, substr(md5(id::varchar), 1, 14) as _dlt_id"
    " from read_json_auto('{file}', maximum_object_size=1000000000)",
    "create table document as select id, name, 'one-load' as _dlt_load_id, _dlt_id from input",
    """create table document__items as
    select item.sku as sku, item.qty as qty, item.price as price, parent as _dlt_parent_id, place - 1 as _dlt_list_idx,
        substr(md5(concat(parent, '_document__items_', place - 1)), 1, 14) as _dlt_id
    from (select _dlt_id as parent, unnest(items) as item, generate_subscripts(items, 1) as place from input)""",
]

DEEP_LEVELS = 10


def deep():
    yield "create temp table level0 as select id, l, substr(md5(id::varchar), 1, 14) as _dlt_id from read_json_auto('{file}')"
    yield "create table deep as select id, 'one-load' as _dlt_load_id, _dlt_id from level0"
    name = "deep"
    for level in range(1, DEEP_LEVELS + 1):
        name += "__l"
        value = "l" if level < DEEP_LEVELS else "leaf"
        yield f"""create temp table level{level} as
            select item.d as d, item.{value} as {value}, parent as _dlt_parent_id, place - 1 as _dlt_list_idx,
                substr(md5(concat(parent, '_{name}_', place - 1)), 1, 14) as _dlt_id
            from (select _dlt_id as parent, unnest(l) as item, generate_subscripts(l, 1) as place from level{level - 1})"""
        kept = "*" if value == "leaf" else "* exclude (l)"
        yield f"create table {name} as select {kept} from level{level}"


def statements(shape, file):
    """What makes the tables of a shape; the events and docs as they are known, the others by the same rules."""
    if shape == "tables":
        return [FLAT.format(table=path.stem, file=path) for path in sorted(pathlib.Path(file).iterdir())]
    if shape == "files":
        return [FLAT.format(table=shape, file=f"{file}/*.jsonl")]
    known = {"events": EVENTS, "docs": DOCS, "document": DOCUMENT, "deep": list(deep())}
    return [statement.format(file=file, table=shape) for statement in known.get(shape, [FLAT])]


def main() -> None:
    shape, file, database = sys.argv[1:]
    connection = duckdb.connect(database)
    begun = time.perf_counter()
    for statement in statements(shape, file):
        connection.execute(statement)
    connection.execute("checkpoint")
    seconds = time.perf_counter() - begun
    connection.close()
    print(json.dumps({"seconds": seconds, "version": duckdb.__version__}))


main()
