"""Python dlt loading the same file into DuckDB.

usage: python_dlt.py events|docs FILE FOLDER tuned|default

`default` changes nothing. `tuned` is the fastest setting found: Parquet load files, a normalize worker for each of
two cores, extract files small enough for both to have work, larger buffers, no compression of intermediate files.
Prints one line of JSON: the seconds of extract, normalize and load together (importing dlt is left out).
"""

import json
import os
import sys
import time

SHAPE, FILE, FOLDER, SETTING = sys.argv[1:]

if SETTING == "tuned":
    os.environ.update(
        {
            "NORMALIZE__WORKERS": "2",
            "DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
            "DATA_WRITER__FILE_MAX_ITEMS": "100000",
            "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": {"events": "100000", "docs": "25000"}[SHAPE],
            "DATA_WRITER__DISABLE_COMPRESSION": "true",
        }
    )

import dlt  # noqa: E402  (reads the settings above)
import orjson  # noqa: E402


def rows():
    batch = []
    with open(FILE, "rb") as lines:
        for line in lines:
            batch.append(orjson.loads(line))
            if len(batch) == 1000:
                yield batch
                batch = []
    if batch:
        yield batch


def main() -> None:
    os.chdir(FOLDER)
    pipeline = dlt.pipeline("bench", destination=dlt.destinations.duckdb("python.duckdb"), dataset_name="bench")
    begun = time.perf_counter()
    pipeline.extract(
        dlt.resource(rows, name=SHAPE), loader_file_format="parquet" if SETTING == "tuned" else None
    )
    pipeline.normalize()
    pipeline.load()
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "version": dlt.__version__}))


# Normalize workers are processes that import this file again: only the first may run the pipeline.
if __name__ == "__main__":
    main()
