//! dlt's own events, of this program and of Python dlt: every contract has them.

use std::path::Path;
use std::sync::LazyLock;

use super::{Contract, Fields, Shape};

/// What this program sends, which its telemetry declares, and what Python dlt sends beside.
const FILES: [(&str, &str); 2] = [
    ("telemetry.toml", include_str!("../../../../contract/telemetry.toml")),
    ("python-dlt.toml", include_str!("../../../../contract/python-dlt.toml")),
];

static BUILT_IN: LazyLock<Contract> = LazyLock::new(|| {
    let mut contract = Contract::default();
    for (name, text) in FILES {
        // A test reads them.
        contract.fill_from(&Contract::parse(text, Path::new(name)).unwrap_or_default());
    }
    // Versions of dlt differ in what they send of an event.
    contract.events.values_mut().for_each(|event| make_optional(&mut event.fields));
    contract
});

impl Contract {
    /// dlt's own events. Nothing is put aside by it.
    pub(crate) fn built_in() -> &'static Self {
        &BUILT_IN
    }
}

fn make_optional(fields: &mut Fields) {
    for field in fields.values_mut() {
        field.is_optional = true;
        let mut shape = &mut field.shape;
        while let Shape::List(item) = shape {
            shape = item;
        }
        if let Shape::Object(fields) = shape {
            make_optional(fields);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_files_can_be_read() {
        for (name, text) in FILES {
            assert!(!Contract::parse(text, Path::new(name)).unwrap().events.is_empty(), "{name}");
        }
        let contract = Contract::built_in();
        assert!(!contract.is_closed && contract.events.len() > 20);
        assert!(contract.events["pipeline_extract"].fields.contains_key("extract_data"));
        assert!(contract.events["pipeline_extract"].fields.contains_key("transaction_id"), "both files count");
    }
}
