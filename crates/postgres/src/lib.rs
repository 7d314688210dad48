//! Postgres for dlt: connections, and rows as Arrow by binary COPY.
