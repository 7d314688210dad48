//! What a person says about a cursor, and its values: what [`crate::incremental`] works with.

mod config;
mod decimal;
mod moment;
mod path;
mod value;

pub use config::{Bound, Incremental, LastValue, OnMissing, RowOrder};
pub(crate) use decimal::without_exponent;
pub(crate) use moment::{Moment, date_text, parse_date};
pub(crate) use path::{CursorPath, Step};
pub(crate) use value::Cell;
pub use value::CursorValue;
