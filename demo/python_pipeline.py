"""A pipeline of Python dlt over the same webhook payloads, as its documentation would have one write it.

usage: python_pipeline.py FOLDER
"""

import json
import pathlib
import sys

import dlt


def payloads(file):
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


# Normalizing may start processes that read this file again: only the first one runs the pipeline.
if __name__ == "__main__":
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl"))
    pipeline = dlt.pipeline("github_webhooks", destination="duckdb", dataset_name="webhooks")
    print(pipeline.run([dlt.resource(payloads(file), name=file.stem) for file in files]))
    for table, rows in pipeline.dataset().row_counts().fetchall():
        print(f"  {table:<50} {rows:>4} rows")
