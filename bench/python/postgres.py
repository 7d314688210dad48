"""Loads JSON Lines into Postgres by Python dlt.

usage: postgres.py FILE URL

Prints one line of JSON: the seconds that the run took, without the imports.
"""

import json
import sys
import time

import dlt
from dlt.common.json import json as fast_json

PIECE = 10_000


@dlt.resource(name="events", write_disposition="append")
def events(path):
    rows = []
    with open(path, "rb") as file:
        for line in file:
            rows.append(fast_json.loadb(line))
            if len(rows) == PIECE:
                yield rows
                rows = []
    yield rows


path, url = sys.argv[1:]
begun = time.perf_counter()
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(url), dataset_name="bench")
pipeline.run(events(path))
print(json.dumps({"seconds": time.perf_counter() - begun}))
