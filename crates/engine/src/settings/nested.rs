//! The settings of tables that stand within sections of sources, for the entries of a registry.

use super::Key;

/// What an [`crate::incremental::Incremental`] is read from.
pub const INCREMENTAL_KEYS: &[Key] = &[
    Key::new(
        "cursor_path",
        "a key as in the data, or a path: `updated.at`, `events[0].time`, `events[*].time`, `\"a key\"`, `$['a.key']`. Of rows in \
         columns (CSV, Parquet): a column, or a path into structs",
        "needed",
    ),
    Key::new("initial_value", "where the first run begins", "with everything"),
    Key::new(
        "end_value",
        "where to end. With it, exactly the range from `initial_value` is loaded; the stored position is neither used nor moved",
        "open",
    ),
    Key::new("last_value_func", "which of two values is the later one: `max` or `min`", "`max`"),
    Key::new(
        "range_start",
        "`closed`: rows that have just the start's value are loaded, unless they were; `open`: they are not",
        "`closed`",
    ),
    Key::new("range_end", "`open`: rows that have just the end's value are not loaded; `closed`: they are", "`open`"),
    Key::new(
        "lag",
        "how far to go back behind the position: seconds for times, days for dates, the number itself for numbers; never behind \
         `initial_value`. The rows of that range come again: merge them",
        "none",
    ),
    Key::new(
        "on_cursor_value_missing",
        "rows without a value, or with null: `raise` ends the run, `include` loads them with every run, `exclude` leaves them out",
        "`raise`",
    ),
    Key::new("row_order", "`asc` or `desc`: reading stops early, see below", "the order is unknown"),
    Key::new(
        "primary_key",
        "the fields that tell rows apart which have the start's value; none (`[]`) turns that off; no option of the command line",
        "the resource's primary key, else the whole row",
    ),
    Key::new(
        "allow_external_schedulers",
        "the range comes from a scheduler; no option of the command line",
        "`DLT_ALLOW_EXTERNAL_SCHEDULERS`, else no",
    ),
];

/// What a [`crate::schema::Contract`] is read from, where it is a table.
pub const CONTRACT_KEYS: &[Key] = &[
    Key::new("tables", "new tables, nested ones too", "`evolve`"),
    Key::new("columns", "new columns of a table that is there", "`evolve`"),
    Key::new(
        "data_type",
        "values that their column cannot hold and that would make a variant column; a declared type that is not the column's",
        "`evolve`",
    ),
];

/// What [`crate::schema::ColumnHints`] are read from.
pub const COLUMN_KEYS: &[Key] = &[
    Key::new("name", "the column, where columns are a list", "needed there"),
    Key::new(
        "data_type",
        "`text`, `double`, `bool`, `timestamp`, `bigint`, `binary`, `json`, `decimal`, `wei`, `date` or `time`",
        "what the data shows",
    ),
    Key::new(
        "precision, scale",
        "bits of a `bigint`, digits and decimals of a `decimal`, digits after the second of a `timestamp`: see \
         [DuckDB](destination-duckdb.md)",
        "the type's",
    ),
    Key::new("timezone", "`false`: a `timestamp` is a reading of the clock, without a zone", "`true`"),
    Key::new("nullable", "`false`: a row without a value ends the run, with its line", "`true`; `false` of keys"),
    Key::new("primary_key, merge_key, hard_delete", "for [merges](write-dispositions.md)", "`false`"),
    Key::new("dedup_sort", "`asc` or `desc`: for [merges](write-dispositions.md)", "none"),
    Key::new(
        "unique, partition, cluster, sort",
        "stored with the schema for those who read it; DuckDB does nothing with them",
        "`false`",
    ),
    Key::new("description", "for people; stored with the schema", "none"),
];

/// What [`crate::versions::Scd2`] is read from.
pub const SCD2_KEYS: &[Key] = &[
    Key::new(
        "row_version_column_name",
        "the column of the data that has another value in another version of a row; it needs a value in every row",
        "`_dlt_id`, a digest of the row as it came, with everything nested in it, without keys that begin with `_dlt`",
    ),
    Key::new(
        "validity_column_names",
        "the columns for begin and end of validity",
        "`_dlt_valid_from`, `_dlt_valid_to`",
    ),
    Key::new(
        "active_record_timestamp",
        "the end of validity of versions that are valid now: a date or a moment; `none` is null",
        "null",
    ),
    Key::new(
        "boundary_timestamp",
        "when versions of this load begin, and others end. It is stored and holds for later loads until `none` takes it back",
        "when the load began",
    ),
];
