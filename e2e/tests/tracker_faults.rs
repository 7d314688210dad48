//! A tracker whose disk is full or fails, and one whose clock jumps: no event that was acknowledged is lost, none is there twice.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dlt_testkit::{Client, Disk, FailingDisk, Sandbox, Tracker};
use serde_json::{Value, json};

/// Events of a request.
const BATCH: usize = 500;

fn events(batch: usize) -> Vec<u8> {
    let event = |number: usize| {
        let text = format!("{:x}", (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(20);
        json!({"type": "track", "event": "e", "messageId": format!("m{number}"), "anonymousId": "a", "properties": {"text": text}})
    };
    let events: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(event).collect();
    json!({ "batch": events }).to_string().into_bytes()
}

/// Sends a batch; none where the connection broke.
fn send(tracker: &Tracker, batch: usize) -> Option<u16> {
    let mut client = Client::connect(tracker.address()).ok()?;
    client.post("/v1/batch", &events(batch)).ok().map(|(status, _)| status)
}

/// Sends until it is acknowledged, as clients do.
fn send_until_taken(tracker: &Tracker, batch: usize) {
    let begun = Instant::now();
    while send(tracker, batch) != Some(200) {
        assert!(begun.elapsed() < Duration::from_secs(60), "batch {batch} is not taken");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// All is there once.
fn reconcile(sandbox: &Sandbox, data: &str, batches: usize) {
    let told = sandbox.dlt(["tracker", "check", "--data", data]).unwrap().succeed().unwrap();
    let ids = "SELECT count(*) AS rows, count(DISTINCT message_id) AS ids FROM events";
    let run = sandbox.dlt(["tracker", "sql", ids, "--format", "json", "--data", data]).unwrap().succeed().unwrap();
    let row: Value = serde_json::from_str(&run.stdout).unwrap();
    let row = row.get(0).unwrap_or(&row);
    assert_eq!((&row["rows"], &row["ids"]), (&json!(batches * BATCH), &json!(batches * BATCH)), "{told}");
}

#[test]
#[expect(clippy::print_stderr, reason = "what is not tested is not passed over in silence")]
fn a_full_disk_loses_no_acknowledged_event() {
    if !Disk::is_allowed() {
        eprintln!("NOT TESTED: only root can mount a small disk");
        return;
    }
    let disk = Disk::mount(40).unwrap();
    let sandbox = Sandbox::new().unwrap();
    let data = disk.path().join("tracker");
    let tracker = Tracker::start(&sandbox, &data).unwrap();
    let mut refused = Vec::new();
    let mut sent = 0;
    while refused.is_empty() || sent < 20 {
        assert!(sent < 1_000, "the disk is never full");
        match send(&tracker, sent) {
            Some(200) => {}
            Some(429 | 503) => refused.push(sent),
            other => panic!("answered {other:?}"),
        }
        sent += 1;
    }
    // It says so, and goes on by itself when there is room again.
    disk.resize(600).unwrap();
    for batch in refused {
        send_until_taken(&tracker, batch);
    }
    send_until_taken(&tracker, sent);
    tracker.stop().unwrap();
    reconcile(&sandbox, data.to_str().unwrap(), sent + 1);
}

#[test]
#[expect(clippy::print_stderr, reason = "what is not tested is not passed over in silence")]
fn a_device_that_fails_behind_the_writes_loses_no_acknowledged_event() {
    if !FailingDisk::is_allowed() {
        eprintln!("NOT TESTED: only root can mount a device, and only where the system has some");
        return;
    }
    let disk = FailingDisk::mount().unwrap();
    let sandbox = Sandbox::new().unwrap();
    let data = disk.path().join("tracker");
    let tracker = Tracker::start(&sandbox, &data).unwrap();
    let mut sent = 0;
    while sent < 20 {
        send_until_taken(&tracker, sent);
        sent += 1;
    }
    disk.fail().unwrap();
    let mut refused = Vec::new();
    while refused.len() < 3 {
        assert!(sent < 1_000, "the device never fails");
        match send(&tracker, sent) {
            Some(200) => {}
            Some(429 | 503) => refused.push(sent),
            other => panic!("answered {other:?}"),
        }
        sent += 1;
    }
    disk.mend().unwrap();
    for batch in refused {
        send_until_taken(&tracker, batch);
    }
    send_until_taken(&tracker, sent);
    let told = tracker.stop().unwrap().stderr;
    assert!(told.contains("the journal can't be written"), "{told}");
    reconcile(&sandbox, data.to_str().unwrap(), sent + 1);
}

/// Builds a library that is loaded before all others.
fn preloaded(sandbox: &Sandbox, name: &str, source: String) -> PathBuf {
    let file = sandbox.write(format!("{name}.c"), source).unwrap();
    let library = sandbox.path(format!("{name}.so"));
    let compiled = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).args([&library, &file]).status().unwrap();
    assert!(compiled.success());
    library
}

/// A library by which writes and syncs below a folder fail with EIO, as a file orders: `n` none of them, `w` writes, `s` syncs, `b` both;
/// and each how-manieth. A write that fails has written its half. After a sync that failed, of what was written to the journal since
/// the last one each other write is gone, without another word: a system may drop the pages that it could not write.
fn disk_by_orders(sandbox: &Sandbox, folder: &Path) -> (PathBuf, PathBuf) {
    let orders = sandbox.write("orders", "n 0").unwrap();
    let source = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *FOLDER = "{FOLDER}", *ORDERS = "{ORDERS}";

struct saved { int fd; off64_t at; ssize_t bytes; char *before; struct saved *next; };
static struct saved *unsynced;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls;

#define REAL(type, name) static type real; if (!real) real = (type)dlsym(RTLD_NEXT, name)
typedef ssize_t (*pwrite_t)(int, const void *, size_t, off64_t);
typedef ssize_t (*write_t)(int, const void *, size_t);
typedef int (*sync_t)(int);

static int is_ours(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, FOLDER, strlen(FOLDER)) == 0;
}

static int fails(char what) {
    char text[32] = {0};
    int file = open(ORDERS, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    if (read(file, text, 31) < 0) text[0] = 'n';
    close(file);
    long each = atol(text + 1);
    if (each <= 0 || (text[0] != 'b' && text[0] != what)) return 0;
    return __sync_add_and_fetch(&calls, 1) % each == 0;
}

static ssize_t put(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite_t, "pwrite64");
    char path[4096];
    if (!is_ours(fd, path)) return real(fd, bytes, count, at);
    if (fails('w')) {
        if (real(fd, bytes, count / 2, at) < 0) { /* It fails as it is. */ }
        errno = EIO;
        return -1;
    }
    if (strstr(path, ".seg") && count < 1 << 20) {
        struct saved *saved = malloc(sizeof *saved);
        *saved = (struct saved){ fd, at, 0, malloc(count), NULL };
        saved->bytes = pread64(fd, saved->before, count, at);
        pthread_mutex_lock(&lock);
        saved->next = unsynced;
        unsynced = saved;
        pthread_mutex_unlock(&lock);
    }
    return real(fd, bytes, count, at);
}

static int sync_by(int fd, sync_t sync) {
    REAL(pwrite_t, "pwrite64");
    char path[4096];
    if (!is_ours(fd, path)) return sync(fd);
    int failed = fails('s');
    int done = failed ? -1 : sync(fd);
    int lost = failed;
    pthread_mutex_lock(&lock);
    for (struct saved **at = &unsynced; *at;) {
        struct saved *saved = *at;
        if (saved->fd != fd) { at = &saved->next; continue; }
        if (lost && saved->bytes > 0 && real(fd, saved->before, saved->bytes, saved->at) < 0) abort();
        if (failed) lost = !lost;
        *at = saved->next;
        free(saved->before);
        free(saved);
    }
    pthread_mutex_unlock(&lock);
    if (failed) errno = EIO;
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return put(fd, bytes, count, at); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return put(fd, bytes, count, at); }
ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write_t, "write");
    char path[4096];
    if (is_ours(fd, path) && fails('w')) { errno = EIO; return -1; }
    return real(fd, bytes, count);
}
int fsync(int fd) { REAL(sync_t, "fsync"); return sync_by(fd, real); }
int fdatasync(int fd) { REAL(sync_t, "fdatasync"); return sync_by(fd, real); }
"#;
    let source = source.replace("{FOLDER}", folder.to_str().unwrap()).replace("{ORDERS}", orders.to_str().unwrap());
    (preloaded(sandbox, "disk", source), orders)
}

/// Clients that send batch after batch, and again what was not acknowledged, until they are told to end.
#[derive(Default)]
struct Load {
    /// Where the tracker is; nowhere while it is dead.
    address: Mutex<Option<SocketAddr>>,
    next: AtomicUsize,
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    is_over: AtomicBool,
    /// The test failed, and nobody takes what is left.
    is_broken: AtomicBool,
}

/// Has clients end with the test.
struct EndOf<'a>(&'a Load);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.is_broken.store(std::thread::panicking(), Ordering::SeqCst);
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

impl Load {
    fn run(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let batch = self.next.fetch_add(1, Ordering::SeqCst);
            while !self.send(batch) {
                if self.is_broken.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn send(&self, batch: usize) -> bool {
        let Some(address) = *self.address.lock().unwrap() else { return false };
        let Ok(mut client) = Client::connect(address) else { return false };
        match client.post("/v1/batch", &events(batch)) {
            Ok((200, _)) => true,
            Ok((429 | 503, _)) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                false
            }
            Ok((status, body)) => panic!("answered {status}: {}", String::from_utf8_lossy(&body)),
            Err(_) => false,
        }
    }

    /// Waits until a number has grown by so much.
    fn wait(&self, number: &AtomicUsize, by: usize, what: &str) {
        let (begun, before) = (Instant::now(), number.load(Ordering::SeqCst));
        while number.load(Ordering::SeqCst) < before + by {
            assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn writes_and_syncs_that_fail_lose_no_acknowledged_event() {
    let mut sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    let (library, orders) = disk_by_orders(&sandbox, &data);
    let order = |text: &str| {
        let next = orders.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, &orders).unwrap();
    };
    sandbox.set_env("LD_PRELOAD", library.as_os_str());
    let load = Load::default();
    let start = || {
        let arguments = ["--set", "journal.segment_size=1 MiB"].map(str::to_owned);
        let tracker = Tracker::start_as(&sandbox, "serve", &data, &arguments).unwrap();
        *load.address.lock().unwrap() = Some(tracker.address());
        tracker
    };
    let tracker = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| load.run());
        }
        let _ends = EndOf(&load);
        let mut tracker = start();
        for (text, is_killed) in [
            ("s 3", false),
            ("w 3", false),
            ("s 2", true),
            ("b 5", false),
            // Nothing works any more.
            ("b 1", false),
            ("b 1", true),
            ("w 2", true),
            ("s 1", false),
        ] {
            load.wait(&load.acknowledged, 10, &format!("before {text}, nothing is taken"));
            order(text);
            load.wait(&load.refused, 6, &format!("with {text}, nothing is refused"));
            if is_killed {
                *load.address.lock().unwrap() = None;
                tracker.kill().unwrap();
                order("n 0");
                tracker = start();
            }
            order("n 0");
        }
        load.wait(&load.acknowledged, 10, "in the end, nothing is taken");
        tracker
    });
    let told = tracker.stop().unwrap().stderr;
    assert!(told.contains("Input/output error"), "{told}");
    sandbox.remove_env("LD_PRELOAD");
    let batches = load.acknowledged.load(Ordering::SeqCst);
    assert_eq!(batches, load.next.load(Ordering::SeqCst), "each was acknowledged in the end");
    reconcile(&sandbox, "tracker", batches);
}

/// A library by which the clock of a process is wrong by as many seconds as a file says.
fn clock(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let offset = sandbox.write("offset", "0").unwrap();
    let source = format!(
        r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at) {{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, at);
    if (id == CLOCK_REALTIME) {{
        char text[32] = {{0}};
        int file = open("{}", O_RDONLY);
        if (file >= 0) {{ if (read(file, text, 31) > 0) at->tv_sec += atol(text); close(file); }}
    }}
    return done;
}}
"#,
        offset.display()
    );
    let library = preloaded(sandbox, "clock", source);
    (library, offset)
}

#[test]
fn a_clock_that_jumps_loses_and_doubles_nothing() {
    let mut sandbox = Sandbox::new().unwrap();
    let (library, offset) = clock(&sandbox);
    sandbox.set_env("LD_PRELOAD", library.as_os_str());
    let data = sandbox.path("tracker");
    let mut tracker = Tracker::start(&sandbox, &data).unwrap();
    let day = 86_400_i64;
    let jumps = [0, 40 * day, -40 * day, 3, -3, 400 * day, 0];
    for (batch, seconds) in jumps.into_iter().enumerate() {
        std::fs::write(&offset, seconds.to_string()).unwrap();
        send_until_taken(&tracker, batch);
        // What was sent before is known, whatever the clock says.
        send_until_taken(&tracker, batch / 2);
        if batch % 3 == 2 {
            tracker.kill().unwrap();
            tracker = Tracker::start(&sandbox, &data).unwrap();
        }
    }
    tracker.stop().unwrap();
    sandbox.remove_env("LD_PRELOAD");
    reconcile(&sandbox, "tracker", jumps.len());
    let moments = "SELECT count(*) AS rows, count(DISTINCT date_trunc('day', received_at)) AS days FROM events";
    let run =
        sandbox.dlt(["tracker", "sql", moments, "--format", "json", "--data", "tracker"]).unwrap().succeed().unwrap();
    let row: Value = serde_json::from_str(&run.stdout).unwrap();
    let row = row.get(0).unwrap_or(&row);
    assert!(row["days"].as_u64().is_some_and(|days| days >= 4), "the clock did jump: {row}");
}
