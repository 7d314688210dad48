//! What the tracker is measured beside: axum that parses each request and answers, and the same with a disk.
//!
//! `bare parse` reads the JSON and answers. `bare fsync FILE` also appends each body to a preallocated file and answers when
//! it is synced; what arrives while one sync runs shares the next one. Neither judges, scrubs, counts, bounds its memory,
//! recovers, or loads anything anywhere. Prints its address, and runs until it is ended.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::Value;
use tokio::sync::oneshot;

/// Size of the preallocated file. At its end the server begins anew.
const FILE_BYTES: u64 = 256 << 20;

/// A body that waits for the disk, and who is told.
type Job = (Bytes, oneshot::Sender<bool>);

struct Shared {
    disk: Option<mpsc::Sender<Job>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let disk = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["parse"] => None,
        ["fsync", file] => Some(disk(file)?),
        _ => return Err("usage: bare parse | bare fsync FILE".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let router = Router::new().route("/v1/{call}", post(take)).with_state(Arc::new(Shared { disk }));
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn take(State(shared): State<Arc<Shared>>, body: Bytes) -> impl IntoResponse {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let parsed: Result<Value, _> = serde_json::from_slice(&body);
    if !parsed.is_ok_and(|value| value.is_object()) {
        return (StatusCode::BAD_REQUEST, json, r#"{"success":false}"#);
    }
    if let Some(disk) = &shared.disk {
        let (done, kept) = oneshot::channel();
        if disk.send((body, done)).is_err() || !kept.await.unwrap_or(false) {
            return (StatusCode::SERVICE_UNAVAILABLE, json, r#"{"success":false}"#);
        }
    }
    (StatusCode::OK, json, r#"{"success":true}"#)
}

/// Starts the thread that writes: one write and one sync for all that waits.
fn disk(path: &str) -> Result<mpsc::Sender<Job>, Box<dyn Error>> {
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..FILE_BYTES >> 20 {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::spawn(move || {
        let (mut offset, mut group) = (0, Vec::new());
        while let Ok(first) = jobs.recv() {
            let waiting: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).collect();
            group.clear();
            for (body, _) in &waiting {
                group.extend_from_slice(&(body.len() as u64).to_le_bytes());
                group.extend_from_slice(body);
            }
            if offset + group.len() as u64 > FILE_BYTES {
                offset = 0;
            }
            let is_kept = file.write_all_at(&group, offset).and_then(|()| file.sync_data()).is_ok();
            offset += group.len() as u64;
            for (_, done) in waiting {
                let _ = done.send(is_kept);
            }
        }
    });
    Ok(sender)
}
