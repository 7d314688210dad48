//! Postgres for dlt: connections, and rows as Arrow by binary COPY.
//!
//! ```no_run
//! use dlt_postgres::{Address, Client, Query, ReadOptions};
//!
//! let address = Address::from_url("postgresql://loader@localhost/shop")?.completed(&|name| std::env::var(name).ok())?;
//! let mut client = Client::connect(&address)?;
//! let query = Query::prepare(&mut client, "SELECT * FROM orders", ReadOptions::default())?;
//! query.run(&mut client, &mut |batch| {
//!     println!("{} rows", batch.num_rows());
//!     Ok(())
//! })?;
//! # Ok::<(), dlt_engine::Error>(())
//! ```
//!
//! No message holds a password or the content of a cell.

mod address;
mod client;
mod failure;
mod numeric;
mod password_file;
mod read;
mod tls;
mod url;
pub mod write;

pub use address::Address;
pub use client::Client;
pub use failure::{READ_ONLY, explain, explain_refusal, is_of_data};
pub use postgres;
pub use read::{Batches, Lost, Query, ReadOptions};

/// Whether a text is a URL of Postgres, by how it begins.
pub fn is_url(text: &str) -> bool {
    url::has_scheme(text)
}
