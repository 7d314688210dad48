//! The sql_database source of dlt: tables, views and queries of databases.
