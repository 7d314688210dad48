//! The sections that every tracker has.

use std::time::Duration;

use axum::http::HeaderName;
use dlt_engine::settings::{Key, Section, duration_of};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::Credentials;

use super::Part;
use crate::http::TlsFiles;
use crate::place::{JournalAddress, Records, StoreAddress};
use crate::projects::{DEFAULT, UnknownKey, is_project_name};
use crate::server::{Duty, LogFormat};

pub(super) const TOP: Part = Part {
    keys: &[
        Key::new("listen", "address and port to listen on; port 0 takes a free one (`--listen`)", "\"127.0.0.1:8080\""),
        Key::new("data", "folder that keeps everything; relative to the file that names it (`--data`)", "needed"),
        Key::new("token", "what opens the dashboard, 16 characters at least", "that of the data folder").secret(),
        Key::new(
            "id_key",
            "key by which ids of users, and names, are hashed, 16 characters at least; the same for all trackers whose events meet",
            "that of the data folder",
        )
        .secret(),
        Key::new(
            "duty",
            "what this process does: `all`, `receive` events that others load (`--no-load`), or `load` what others receive \
             (`dlt tracker load`)",
            "\"all\"",
        ),
        Key::new(
            "retain",
            "how long events and the quarantine are kept, by the day on which they arrived, or `forever`; what is older is counted by \
             the day and deleted",
            "\"90 days\"",
        ),
        Key::new("memory", "memory that all requests in progress may take; what is beyond gets 429", "\"128 MiB\""),
        Key::new("connections", "connections at a time; more get 429", "4096"),
        Key::new("threads", "threads that serve requests", "one for each core"),
    ],
    read: |top, options| {
        options.listen = top.text("listen")?.map_or_else(|| "127.0.0.1:8080".to_owned(), |found| found.value);
        options.token = top.text("token")?.map(|found| found.value);
        options.id_key = top.text("id_key")?.map(|found| found.value);
        let duties = [("all", Duty::All), ("receive", Duty::Receive), ("load", Duty::Load)];
        set(&mut options.duty, top.one_of("duty", &duties)?);
        set(&mut options.retention.raw, limit(top)?);
        set(&mut options.memory_bytes, size(top, "memory")?);
        set(&mut options.connections, count(top, "connections")?);
        set(&mut options.threads, count(top, "threads")?);
        Ok(())
    },
};

pub(super) const PROJECTS: Part = Part {
    keys: &[
        Key::new(
            "projects.unknown_key",
            "what becomes of events that come with no write key of this tracker: `default`, they belong to the project of that \
             name, or `refuse`, they get 400",
            "\"default\"",
        ),
        Key::new("projects.NAME.retain", "how long those of one project are kept", "as `retain` says"),
    ],
    read: |top, options| {
        let Some(mut section) = top.section("projects")? else { return Ok(()) };
        let words = [("default", UnknownKey::Default), ("refuse", UnknownKey::Refuse)];
        set(&mut options.unknown_key, section.one_of("unknown_key", &words)?);
        for (name, mut project) in section.named_sections() {
            if name != DEFAULT && !is_project_name(&name) {
                let error = project.origin().error(format!("`{name}` can't be the name of a project"));
                return Err(error.hint("it has lower-case letters, digits, `-` and `_`, 64 at most"));
            }
            if let Some(limit) = limit(&mut project)? {
                options.retention.projects.insert(name, limit);
            }
            project.finish()?;
        }
        section.finish()
    },
};

pub(super) const PUBLIC: Part = Part {
    keys: &[
        Key::new(
            "public.projects",
            "projects that have a page for everybody, `/public/NAME`, without a token (`--public`); events without a key are \
             of `default`",
            "none",
        ),
        Key::new(
            "public.least_ids",
            "different ids of which something is told at least; numbers are rounded down to multiples of it",
            "10",
        ),
    ],
    read: |top, options| {
        let Some(mut section) = top.section("public")? else { return Ok(()) };
        for found in section.texts("projects")? {
            if found.value != DEFAULT && !is_project_name(&found.value) {
                let error = found.origin.error(format!("`{}` can't be the name of a project", found.value));
                return Err(error.hint("name one, or `default` for events without a key"));
            }
            options.public.projects.push(found.value);
        }
        if let Some(found) = section.count("least_ids")? {
            if found.value < MIN_LEAST {
                let error = found.origin.error(format!("`public.least_ids` must be at least {MIN_LEAST}"));
                return Err(error.hint("in smaller groups everybody would be known"));
            }
            options.public.least_ids = found.value;
        }
        section.finish()
    },
};

/// In groups of less everybody knows each other.
const MIN_LEAST: u64 = 5;

pub(super) const STORE: Part = Part {
    keys: &[
        Key::new(
            "store.url",
            "what holds the tables: a database, `postgres://USER@HOST/DATABASE`, with a password in it or in `PGPASSWORD`; or Parquet \
             files, `filesystem:FOLDER`, `s3://BUCKET/PREFIX`, `gs://…`, `az://…` (`--store`)",
            "`tracker.duckdb` in the data folder",
        )
        .secret(),
        Key::new(
            "store.credentials.NAME",
            "[a key of the object store](destination-filesystem.md#credentials), such as `aws_access_key_id`",
            "what the cloud's own variables and files say",
        )
        .secret(),
    ],
    read: |top, options| {
        let Some(mut section) = top.section("store")? else { return Ok(()) };
        if let Some(found) = section.text("url")? {
            options.store = StoreAddress::parse(&found.value).map_err(|error| found.origin.relocated(&error))?;
        }
        if !options.store.is_in_files()
            && let Some(entry) = section.take("credentials")
        {
            let error = entry.key_origin.error("`store.credentials` is for an object store, and none is named");
            return Err(error.hint("name one: store.url = \"s3://BUCKET/PREFIX\""));
        }
        options.store = options.store.clone().credentials(Credentials::take(&mut section)?);
        section.finish()
    },
};

pub(super) const LIMITS: Part = Part {
    keys: &[
        Key::new("limits.request", "longest request, as sent and inflated; a longer one gets 400", "\"500 KiB\""),
        Key::new("limits.event", "longest event, as JSON; a longer one is quarantined", "\"32 KiB\""),
        Key::new("limits.batch_events", "most events of a batch; more get 400", "2500"),
        Key::new(
            "limits.requests_by_key",
            "requests that may come in a minute with one write key; more get 429",
            "any number",
        ),
        Key::new(
            "limits.requests_by_address",
            "requests that may come in a minute from one address, or one network (/64) of IPv6; more get 429. Addresses are not kept",
            "any number",
        ),
        Key::new(
            "limits.forwarded",
            "header in which a reverse proxy says the address of the sender, such as `X-Forwarded-For`; its last address counts. \
             Only behind a proxy that sets it: others could write there what they like",
            "the address of the connection",
        ),
    ],
    read: |top, options| {
        let Some(mut section) = top.section("limits")? else { return Ok(()) };
        set(&mut options.limits.request_bytes, size(&mut section, "request")?);
        set(&mut options.limits.event_bytes, size(&mut section, "event")?);
        set(&mut options.limits.batch_events, count(&mut section, "batch_events")?);
        options.rates.by_key = rate(&mut section, "requests_by_key")?;
        options.rates.by_address = rate(&mut section, "requests_by_address")?;
        if let Some(found) = section.text("forwarded")? {
            let name = HeaderName::try_from(&found.value);
            let wrong =
                |_| found.origin.error("`limits.forwarded` must be the name of a header, such as \"X-Forwarded-For\"");
            options.rates.forwarded = Some(name.map_err(wrong)?);
        }
        section.finish()
    },
};

pub(super) const JOURNAL: Part = Part {
    keys: &[
        Key::new(
            "journal.url",
            "stream that keeps the journal: `nats://USER:PASSWORD@HOST:4222,HOST:4222/STREAM`, `tls://…` to insist on TLS \
             (`--journal`)",
            "files in the data folder",
        )
        .secret(),
        Key::new("journal.replicas", "servers that keep each record, where the stream is made", "one"),
        Key::new("journal.ca", "file with the authority of the servers' certificates, as PEM", "those of the system"),
        Key::new("journal.certificate", "file with this tracker's own certificate, as PEM", "none"),
        Key::new("journal.key", "file with the key of that certificate", "none"),
        Key::new("journal.credentials", "file with a JWT and a seed, as `nsc` writes it", "none"),
        Key::new("journal.max_size", "most that may wait to be loaded; beyond it requests get 429", "\"8 GiB\""),
        Key::new("journal.segment_size", "size of one file of the journal", "\"16 MiB\""),
    ],
    read: |top, options| {
        let Some(mut section) = top.section("journal")? else { return Ok(()) };
        if let Some(found) = section.text("url")? {
            options.journal = JournalAddress::parse(&found.value).map_err(|error| found.origin.relocated(&error))?;
        }
        read_stream(&mut section, &mut options.journal)?;
        set(&mut options.journal_bytes, section.size("max_size")?);
        set(&mut options.segment_bytes, section.size("segment_size")?);
        section.finish()
    },
};

/// What only a stream has.
fn read_stream(section: &mut Section, journal: &mut JournalAddress) -> Result<()> {
    let Records::Nats(address) = &mut journal.0 else {
        for key in ["replicas", "ca", "certificate", "key", "credentials"] {
            if let Some(entry) = section.take(key) {
                let error = entry.key_origin.error(format!("`journal.{key}` is for a stream, and none is named"));
                return Err(error.hint("name one: journal.url = \"nats://HOST:4222/STREAM\""));
            }
        }
        return Ok(());
    };
    set(&mut address.replicas, count(section, "replicas")?);
    let mut file = |key| Ok(section.path(key)?.map(|found| found.value));
    address.authority = file("ca")?;
    address.credentials = file("credentials")?;
    address.certificate = match (file("certificate")?, file("key")?) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let error = Error::new(ErrorKind::Config, "`journal.certificate` and `journal.key` belong together");
            return Err(error.hint("name both files, or none"));
        }
    };
    Ok(())
}

pub(super) const LOAD: Part = Part {
    keys: &[Key::new(
        "load.interval",
        "how often events are loaded into the tables; many that wait are loaded before",
        "a second, or a minute into files",
    )],
    read: |top, options| {
        let Some(mut section) = top.section("load")? else { return Ok(()) };
        options.load_interval = section.duration("interval")?.or(options.load_interval);
        section.finish()
    },
};

pub(super) const TLS: Part = Part {
    keys: &[
        Key::new(
            "tls_cert",
            "file with the certificate to speak TLS with, in PEM, and behind it those of the authorities between; relative to the \
             file that names it (`--tls-cert`)",
            "plain HTTP",
        ),
        Key::new(
            "tls_key",
            "file with the certificate's private key, in PEM (`--tls-key`)",
            "needed with a certificate",
        ),
    ],
    read: |top, options| {
        options.tls = match (top.path("tls_cert")?, top.path("tls_key")?) {
            (Some(certificate), Some(key)) => Some(TlsFiles::new(certificate.value, key.value)),
            (None, None) => None,
            (Some(found), None) => {
                return Err(found.origin.error("`tls_cert` needs `tls_key`, the file with its key"));
            }
            (None, Some(found)) => {
                return Err(found.origin.error("`tls_key` needs `tls_cert`, the file with its certificate"));
            }
        };
        Ok(())
    },
};

pub(super) const LOG: Part = Part {
    keys: &[Key::new(
        "log.format",
        "how it says what happens, on standard error: `text`, warnings and errors for people, or `json`, an object a line, which also \
         tells of starts, ends and what was deleted (`--log-format`)",
        "\"text\"",
    )],
    read: |top, options| {
        let Some(mut section) = top.section("log")? else { return Ok(()) };
        let words = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        set(&mut options.log_format, section.one_of("format", &words)?);
        section.finish()
    },
};

pub(super) const TIMEOUTS: Part = Part {
    keys: &[
        Key::new("timeouts.body", "how long a body may take to arrive, and the peer to read an answer", "\"10 s\""),
        Key::new("timeouts.idle", "how long a connection may wait before its next request", "\"75 s\""),
        Key::new("timeouts.drain", "how long requests in progress may take when the tracker stops", "\"5 s\""),
    ],
    read: |top, options| {
        let Some(mut section) = top.section("timeouts")? else { return Ok(()) };
        set(&mut options.body_timeout, section.duration("body")?);
        set(&mut options.idle_timeout, section.duration("idle")?);
        set(&mut options.drain, section.duration("drain")?);
        section.finish()
    },
};

/// How long rows are kept: a day at least, as days go whole; the inner `None` is without end.
fn limit(section: &mut Section) -> Result<Option<Option<Duration>>> {
    let Some(found) = section.text("retain")? else { return Ok(None) };
    match (found.value.trim(), duration_of(&found.value)) {
        ("forever", _) => Ok(Some(None)),
        (_, Some(limit)) if limit >= Duration::from_secs(24 * 60 * 60) => Ok(Some(Some(limit))),
        _ => {
            let name = section.full_name("retain");
            Err(found.origin.error(format!("`{name}` must be \"forever\", or a day or more, such as \"90 days\"")))
        }
    }
}

/// What is said takes the place of the default.
fn set<T>(place: &mut T, said: Option<T>) {
    if let Some(value) = said {
        *place = value;
    }
}

fn size(section: &mut Section, key: &'static str) -> Result<Option<usize>> {
    Ok(section.size(key)?.map(saturated))
}

/// A number of at least 1: of none nothing would be served.
fn count(section: &mut Section, key: &'static str) -> Result<Option<usize>> {
    let Some(found) = section.count(key)? else { return Ok(None) };
    if found.value == 0 {
        return Err(found.origin.error(format!("`{}` must be at least 1", section.full_name(key))));
    }
    Ok(Some(saturated(found.value)))
}

fn rate(section: &mut Section, key: &'static str) -> Result<Option<u32>> {
    Ok(count(section, key)?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
}

fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
