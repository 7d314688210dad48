//! Where we differ from Python dlt on purpose: every such place, with the reason. A difference that is not listed fails
//! the tests, and so does an entry that has come true no more.

/// A case that both load, with different results.
pub(crate) struct Known {
    pub(crate) case: &'static str,
    /// Beginnings of the places that may differ (see `judge::Difference`).
    pub(crate) places: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// What we do with a case that ends Python dlt with an error.
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

pub(crate) const KNOWN: &[Known] = &[];

pub(crate) const REFUSED_BY_PYTHON: &[RefusedByPython] = &[];

pub(crate) const REFUSED_BY_US: &[RefusedByUs] = &[];
