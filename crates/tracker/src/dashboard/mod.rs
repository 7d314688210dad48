//! The dashboard: what was received, as pages for a browser, and the same numbers as JSON and CSV.
//!
//! A [`Page`] is a list of [`Section`]s, and a section is a table, some with a chart of it. Every form of a page (`html`,
//! `json`, `csv`) is made of the same table, so no form can show other numbers.
//!
//! ```text
//! URL ──► filter ──► panels ──► Page ──► html (with chart) │ json │ csv
//!                    sections: what is counted over the survey, or a question
//!                    in SQL in the words of the store's dialect
//! ```

mod chart;
mod csv;
mod filter;
mod html;
mod json;
mod page;
mod panels;
pub(crate) mod public;

pub(crate) use csv::csv;
pub(crate) use filter::Filter;
pub(crate) use html::{Around, InPublic, login, message, page as html, public as public_html};
pub(crate) use json::{json, public as public_json};
pub(crate) use page::{Page, Section};
pub(crate) use panels::{Offered, View, read};
pub use public::Public;

/// The style sheet of all pages.
pub(crate) const STYLE: &str = include_str!("dashboard.css");
