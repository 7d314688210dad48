"""DuckDB alone doing the work of a load: its own JSON reader, the id columns, child tables, a checkpoint.

usage: duckdb_reader.py events|docs FILE DATABASE

Prints one line of JSON: the seconds from the first statement to the end of the checkpoint (starting Python and
opening the database are left out).
"""

import json
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


def main() -> None:
    shape, file, database = sys.argv[1:]
    connection = duckdb.connect(database)
    begun = time.perf_counter()
    for statement in {"events": EVENTS, "docs": DOCS}[shape]:
        connection.execute(statement.format(file=file))
    connection.execute("checkpoint")
    seconds = time.perf_counter() - begun
    connection.close()
    print(json.dumps({"seconds": seconds, "version": duckdb.__version__}))


main()
