//! Where we differ from Python dlt on purpose: every such place, with the reason. A difference that is not listed fails
//! the tests, and so does an entry that has come true no more.
//!
//! Left out of the comparison from the start (in `python/judge.py`): random ids, times, hashes, descriptions, how often a
//! schema changed on its way, and the place of the system's columns among a table's columns.

use crate::cases::Case;

/// Where a difference is known.
pub(crate) enum At {
    /// In this case.
    Case(&'static str),
    /// In every case with a run that replaces.
    Replacing,
}

/// A difference between what both loaded.
pub(crate) struct Known {
    pub(crate) at: At,
    /// Beginnings of the places that may differ (see `judge::Difference`).
    pub(crate) places: &'static [&'static str],
    pub(crate) reason: &'static str,
}

impl Known {
    /// Whether it is known of that case.
    pub(crate) fn is_of(&self, case: &Case) -> bool {
        match self.at {
            At::Case(name) => case.name == name,
            At::Replacing => case.runs.iter().any(|run| run.disposition == "replace"),
        }
    }
}

/// What we do with a case that ends Python dlt with an error, or that it loads into a dataset that contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ours {
    /// Load it.
    Loads,
    /// Refuse it: exit code 1 with a reason, and the dataset as it was.
    Refuses,
}

/// A case that Python dlt can't load.
pub(crate) struct RefusedByPython {
    pub(crate) case: &'static str,
    pub(crate) ours: Ours,
    pub(crate) reason: &'static str,
}

/// A case that only we refuse.
pub(crate) struct RefusedByUs {
    pub(crate) case: &'static str,
    /// What our message must contain.
    pub(crate) message: &'static str,
    pub(crate) reason: &'static str,
}

const AS_BEFORE: &str = "a schema that is again as it was before is stored anew as the newest version; Python dlt leaves the one of \
                         the run in between, by which a run that says nothing would replace the table";

/// Where a value is in a column that Python dlt does not have.
const IN_OTHER_COLUMNS: &[&str] = &["/rows/items", "/schema/tables/items", "/schema_columns/items", "/tables/items"];
/// And where that came with a second run.
const IN_LATER_COLUMNS: &[&str] =
    &["/rows/items", "/schema/tables/items", "/schema_columns/items", "/tables/items", "/version_count"];

const KEYS_MEET: &str =
    "of keys that meet in one name Python dlt keeps the last value; we keep all, under names of their own";
const NOT_THE_SAME: &str = "Python dlt turns the value into the column's type, where it is another value; we keep it as it is in the variant column";

const EMPTY_LOAD: &str =
    "of a run without rows Python dlt makes no load; we record it as one, and number those after it otherwise";

const fn at(case: &'static str, places: &'static [&'static str], reason: &'static str) -> Known {
    Known { at: At::Case(case), places, reason }
}

/// Whether a case by itself is known to end otherwise than with Python dlt.
pub(crate) fn is_known_to_differ(case: &Case) -> bool {
    let known = KNOWN.iter().any(|known| matches!(known.at, At::Case(name) if name == case.name));
    known || REFUSED_BY_PYTHON.iter().any(|refused| refused.case == case.name)
}

pub(crate) const KNOWN: &[Known] = &[
    at("names_that_all_become_x", IN_OTHER_COLUMNS, KEYS_MEET),
    at("keys_that_collide_in_one_row", IN_OTHER_COLUMNS, KEYS_MEET),
    at("colliding_keys_of_two_types", IN_OTHER_COLUMNS, KEYS_MEET),
    at("colliding_lists", IN_OTHER_COLUMNS, KEYS_MEET),
    at("colliding_dict_and_scalar", IN_OTHER_COLUMNS, KEYS_MEET),
    at("other_system_names_in_the_data", IN_OTHER_COLUMNS, KEYS_MEET),
    at(
        "colliding_keys_null_last",
        &["/rows/items"],
        "a null takes the place of a value in Python dlt, and of none in ours",
    ),
    at("integer_then_float", &["/rows/items"], "an integer would lose the sign of -0.0"),
    at("integer_then_text", &["/rows/items"], NOT_THE_SAME),
    at("float_then_integer", IN_OTHER_COLUMNS, "an integer that a double would round is kept in the variant column"),
    at("float_then_text", &["/rows/items"], NOT_THE_SAME),
    at("bool_then_integer", IN_OTHER_COLUMNS, NOT_THE_SAME),
    at("bool_then_float", IN_OTHER_COLUMNS, NOT_THE_SAME),
    at("bool_then_text", &["/rows/items"], NOT_THE_SAME),
    at("timestamp_then_others", IN_OTHER_COLUMNS, NOT_THE_SAME),
    at("timestamp_then_other_forms_of_text", &["/rows/items"], NOT_THE_SAME),
    at("a_second_run_with_coercible_values", IN_LATER_COLUMNS, NOT_THE_SAME),
    at("variants_over_runs", IN_LATER_COLUMNS, NOT_THE_SAME),
    at(
        "fractions",
        &["/rows/items", "/schema/tables/items/columns", "/tables/items"],
        "Python dlt cuts what is finer than a microsecond; we keep such a moment as text",
    ),
    Known {
        at: At::Case("insert_only_keeps_what_is_there"),
        places: &["/rows/items"],
        reason: "of a row that insert-only leaves out, Python dlt inserts those nested rows whose place in the list is new; \
                 we leave out the row with everything nested in it",
    },
    at("cdc_an_empty_load", &["/loads", "/rows/items"], EMPTY_LOAD),
    at("scd2_an_empty_load_ends_nothing", &["/loads", "/rows/items"], EMPTY_LOAD),
    at(
        "scd2_compound_keys_that_read_alike",
        &["/rows/items"],
        "Python dlt compares compound merge keys by their values strung together, so that a row ends that is of another key",
    ),
    Known {
        at: At::Replacing,
        places: &["/state/sources"],
        reason: "Python dlt leaves an empty entry for the source where it reset a state that was empty before",
    },
    Known {
        at: At::Replacing,
        places: &["/state/_state_version", "/states"],
        reason: "and stores that entry as a new version of the state; a replace as the first run has but one",
    },
    Known {
        at: At::Case("append_after_replace"),
        places: &["/schema/tables/items/write_disposition", "/version_count"],
        reason: AS_BEFORE,
    },
    Known { at: At::Case("replace_append_replace"), places: &["/version_count"], reason: AS_BEFORE },
    Known {
        at: At::Case("scd2_is_replaced"),
        places: &["/schema/tables/items/write_disposition", "/version_count"],
        reason: AS_BEFORE,
    },
    Known {
        at: At::Case("scd2_is_appended_to"),
        places: &["/schema/tables/items/write_disposition", "/version_count"],
        reason: AS_BEFORE,
    },
    Known {
        at: At::Case("floats"),
        places: &["/rows/items"],
        reason: "the sign of -0.0 is lost in the text of Python dlt's INSERT",
    },
    Known {
        at: At::Case("unicode_strings"),
        places: &["/rows/items"],
        reason: "Python dlt drops U+0000 from strings; we keep what came",
    },
    Known {
        at: At::Case("typed_json_markers_in_strings"),
        places: &["/rows/items", "/schema/tables/items/columns/c/data_type", "/tables/items/2"],
        reason: "strings that look like Python dlt's own typed JSON become bytes there, by accident of its working files",
    },
    Known {
        at: At::Case("a_parent_id_in_a_root_row"),
        places: &["/schema/normalizers/json/config"],
        reason: "a `_dlt_root_id` in the data switches Python dlt's propagation on",
    },
];

pub(crate) const REFUSED_BY_PYTHON: &[RefusedByPython] = &[
    RefusedByPython {
        case: "merge_of_a_table_that_was_appended_to",
        ours: Ours::Loads,
        reason: "Python dlt cannot add the column for root ids to a nested table in DuckDB; we add it and fill it in",
    },
    RefusedByPython {
        case: "merge_after_a_replace",
        ours: Ours::Loads,
        reason: "Python dlt cannot add the column for root ids to a nested table in DuckDB; we add it and fill it in",
    },
    RefusedByPython {
        case: "upsert_then_replace_then_upsert",
        ours: Ours::Loads,
        reason: "rows of a replace have random ids, and Python dlt looks for what is nested in them by ids made of keys: it \
                 stays behind without its row",
    },
    RefusedByPython {
        case: "delete_insert_then_upsert",
        ours: Ours::Loads,
        reason: "as above, with the random ids of delete-insert",
    },
    RefusedByPython {
        case: "scd2_old_versions_with_nested_rows",
        ours: Ours::Loads,
        reason: "of a row whose version is there already, Python dlt adds what is nested in it once more, without the row",
    },
    RefusedByPython {
        case: "a_key_of_two_underscores",
        ours: Ours::Loads,
        reason: "a key without a name ends Python dlt's normalizer",
    },
    RefusedByPython {
        case: "offsets_over_the_edge",
        ours: Ours::Loads,
        reason: "the moment is before Python's first year; it stays text",
    },
    RefusedByPython {
        case: "an_integer_beyond_64_bits_signed",
        ours: Ours::Loads,
        reason: "it is kept in a column of type wei, an integer of 38 digits that Python dlt reads and goes on with",
    },
    RefusedByPython { case: "an_integer_beyond_64_bits", ours: Ours::Loads, reason: "as above" },
    RefusedByPython {
        case: "integer_then_a_float_beyond_64_bits",
        ours: Ours::Loads,
        reason: "it goes to the variant column for floats; Python dlt makes an integer of it that fits no column",
    },
    RefusedByPython {
        case: "integer_then_text_beyond_64_bits",
        ours: Ours::Loads,
        reason: "the same with text, which goes to the variant column for text",
    },
    RefusedByPython {
        case: "float_then_text_without_a_number",
        ours: Ours::Loads,
        reason: "Python dlt makes NaN of the text and can't write it into its INSERT",
    },
    RefusedByPython { case: "float_then_text_of_infinity", ours: Ours::Loads, reason: "as above, with infinity" },
    RefusedByPython {
        case: "a_variant_meets_its_own_name",
        ours: Ours::Refuses,
        reason: "a variant of a variant has no name, for both",
    },
    RefusedByPython {
        case: "an_id_given_to_a_nested_row",
        ours: Ours::Loads,
        reason: "Python dlt leaves out the row's link to its parent; the dataset contradicts its schema",
    },
    RefusedByPython {
        case: "a_parent_id_in_some_root_rows",
        ours: Ours::Refuses,
        reason: "the column may not be null, for both",
    },
];

pub(crate) const REFUSED_BY_US: &[RefusedByUs] = &[RefusedByUs {
    case: "nan_and_infinity",
    message: "not JSON",
    reason: "NaN and Infinity are not JSON; Python makes nulls of them, which changes data silently",
}];
