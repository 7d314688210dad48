//! Files as a destination of dlt: Parquet, JSONL and CSV in folders and object stores.
