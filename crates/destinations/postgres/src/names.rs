//! Names in SQL: quoting, and where a dataset is.

use dlt_engine::{Error, ErrorKind, Result};

/// Bytes of a name. Of a longer one Postgres would keep as many, and say nothing.
pub(crate) const MAX_NAME: usize = 63;

/// A dataset: a schema of the database.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    dataset: String,
}

impl Place {
    pub(crate) fn new(dataset: &str) -> Result<Self> {
        if dataset.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a dataset needs a name"));
        }
        check_name("dataset", dataset)?;
        Ok(Self { dataset: dataset.to_owned() })
    }

    pub(crate) fn dataset(&self) -> &str {
        &self.dataset
    }

    /// The dataset beside this one that Python dlt merges by way of.
    pub(crate) fn staging(&self) -> Self {
        Self { dataset: format!("{}_staging", self.dataset) }
    }

    /// The dataset, quoted for SQL.
    pub(crate) fn schema(&self) -> String {
        quote(&self.dataset)
    }

    /// A table of the dataset, quoted for SQL.
    pub(crate) fn table(&self, table: &str) -> String {
        format!("{}.{}", self.schema(), quote(table))
    }

    /// The number by which loads into this dataset exclude each other.
    pub(crate) fn lock(&self) -> i64 {
        // FNV-1a: the same in every version and on every machine.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in b"dlt load of ".iter().chain(self.dataset.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash.cast_signed()
    }
}

/// Refuses a name that Postgres would cut.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.len() <= MAX_NAME {
        return Ok(());
    }
    let message = format!("the name of {what} `{name}` has {} bytes, and Postgres keeps {MAX_NAME}", name.len());
    Err(Error::new(ErrorKind::Config, message).hint("give it a shorter name, or one of ASCII letters"))
}

/// An identifier for SQL.
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_in_bytes() {
        assert!(Place::new(&"x".repeat(63)).is_ok());
        assert!(Place::new(&"x".repeat(64)).is_err());
        assert!(Place::new(&"ä".repeat(32)).is_err());
        assert_eq!(Place::new("a\"b").unwrap().table("T"), "\"a\"\"b\".\"T\"");
        assert_eq!(Place::new("shop").unwrap().lock(), Place::new("shop").unwrap().lock());
        assert_ne!(Place::new("shop").unwrap().lock(), Place::new("shop2").unwrap().lock());
    }
}
