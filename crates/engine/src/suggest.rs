//! The word that somebody probably meant.

/// The candidate that is nearest to `word`, if one is near enough to be what was meant.
///
/// ```
/// assert_eq!(dlt_engine::suggest("duckbd", ["duckdb", "postgres"]), Some("duckdb"));
/// assert_eq!(dlt_engine::suggest("mysql", ["duckdb", "postgres"]), None);
/// ```
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    let bound = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &folded(candidate)), candidate))
        .filter(|((slips, _), _)| *slips <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and the kind of dash are not what a typo is about.
fn folded(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' ', '.'], "_")
}

/// Slips, and letters that differ: of `data` and `data_selector`, the latter is nearer to `data_selectr`.
fn distance(left: &str, right: &str) -> (usize, usize) {
    let letters = strsim::damerau_levenshtein(left, right);
    // `primary` for `primary_key`, `paths` for `path`: a beginning counts as one slip.
    let shorter = left.chars().count().min(right.chars().count());
    let is_beginning = shorter >= 3 && (left.starts_with(right) || right.starts_with(left));
    (if is_beginning { letters.min(1) } else { letters }, letters)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn typos_and_what_is_no_typo() {
        let keys = ["primary", "name", "dataset", "path", "write_disposition", "primary_key", "table"];
        for (typed, meant) in [
            ("datset", Some("dataset")),
            ("write-disposition", Some("write_disposition")),
            ("WriteDisposition", Some("write_disposition")),
            ("primary", Some("primary")),
            ("write", Some("write_disposition")),
            ("paths", Some("path")),
            ("nmae", Some("name")),
            ("primary_keyz", Some("primary_key")),
            ("zebra", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(suggest(typed, keys), meant, "{typed}");
        }
    }
}
