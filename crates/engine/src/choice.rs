//! Which columns of the data are loaded, and under which names.

use crate::naming::Naming;
use serde::{Deserialize, Serialize};

/// Which columns of a resource are loaded, and under which names. Columns are named as in the data or as in the table; a
/// field of an object is named by its path: `address.city`, or `address__city`. Of nested tables none can be chosen alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnChoice {
    /// Only these; empty: all.
    pub included: Vec<String>,
    /// All but these.
    pub excluded: Vec<String>,
    /// Keys at the top of a row, and what they are called instead.
    pub renamed: Vec<(String, String)>,
}

impl ColumnChoice {
    /// Whether all columns are loaded under their own names.
    pub fn is_everything(&self) -> bool {
        self.included.is_empty() && self.excluded.is_empty() && self.renamed.is_empty()
    }

    /// What a key at the top of a row is called.
    pub(crate) fn renamed<'a>(&'a self, key: &'a str, naming: Naming) -> &'a str {
        let is_meant = |old: &str| old == key || naming.normalize_key(old) == naming.normalize_key(key);
        let exact = self.renamed.iter().find(|(old, _)| old == key);
        exact.or_else(|| self.renamed.iter().find(|(old, _)| is_meant(old))).map_or(key, |(_, new)| new)
    }

    /// Whether a column of the root table is left out, or an object or list in its place. `path` are normalized names.
    pub(crate) fn leaves_out(&self, path: &[&str], naming: Naming) -> bool {
        let parts = |name: &String| -> Vec<String> {
            name.split('.').flat_map(|part| part.split("__")).map(|part| naming.normalize_key(part)).collect()
        };
        let begins_with =
            |long: &[String], short: &[&str]| long.len() >= short.len() && long.iter().zip(short).all(|(a, b)| a == b);
        let flat: Vec<&str> = path.iter().flat_map(|part| part.split("__")).collect();
        if self.excluded.iter().any(|name| parts(name) == flat) {
            return true;
        }
        let is_within = |name: &String| {
            let name = parts(name);
            let inner = flat.len() > name.len() && name.iter().zip(&flat).all(|(a, b)| a == b);
            inner || begins_with(&name, &flat)
        };
        !self.included.is_empty() && !self.included.iter().any(is_within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_chosen_by_key_name_and_path() {
        let naming = Naming::new(64);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let some = ColumnChoice { included: names(&["userId", "address.city"]), ..ColumnChoice::default() };
        for (path, is_left_out) in [
            (vec!["user_id"], false),
            (vec!["address"], false),
            (vec!["address", "city"], false),
            (vec!["address", "street"], true),
            (vec!["name"], true),
            (vec!["user_id", "deep"], false),
        ] {
            assert_eq!(some.leaves_out(&path, naming), is_left_out, "{path:?}");
        }
        let others = ColumnChoice { excluded: names(&["userId", "address__city"]), ..ColumnChoice::default() };
        for (path, is_left_out) in [
            (vec!["user_id"], true),
            (vec!["address"], false),
            (vec!["address", "city"], true),
            (vec!["address", "street"], false),
        ] {
            assert_eq!(others.leaves_out(&path, naming), is_left_out, "{path:?}");
        }
        let renamed = ColumnChoice { renamed: vec![("userId".into(), "id".into())], ..ColumnChoice::default() };
        assert_eq!((renamed.renamed("userId", naming), renamed.renamed("user_id", naming)), ("id", "id"));
        assert_eq!(renamed.renamed("other", naming), "other");
        assert!(!renamed.is_everything() && ColumnChoice::default().is_everything());
    }
}
