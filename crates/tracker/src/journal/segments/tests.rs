#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::faulty::FaultyDisk;
use super::*;
use crate::journal::Kind;
use crate::journal::model::{self, Machine};

fn event(text: &str) -> NewRecord {
    NewRecord { kind: Kind::Event, payload: text.as_bytes().to_vec() }
}

fn open(dir: &Path, options: SegmentOptions, loaded: u64) -> SegmentJournal {
    SegmentJournal::open(Arc::new(OsFilesystem), dir, options, loaded).unwrap()
}

fn append(journal: &SegmentJournal, texts: &[&str]) -> Result<u64, AppendError> {
    journal.append(texts.iter().map(|text| event(text)).collect())?.blocking_recv().unwrap()
}

fn read(journal: &SegmentJournal, after: u64) -> Vec<(u64, String)> {
    let batch = journal.reader(after).read(journal.durable(), usize::MAX).unwrap();
    assert_eq!(batch.missing, vec![]);
    batch.entries.into_iter().map(|entry| (entry.sequence, String::from_utf8(entry.payload.into()).unwrap())).collect()
}

#[test]
fn what_is_appended_is_numbered_and_read_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    assert_eq!(append(&journal, &["a", "b"]), Ok(1));
    assert_eq!(append(&journal, &["c"]), Ok(3));
    drop(journal);
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    assert_eq!(append(&journal, &["d"]), Ok(4));
    let numbered = |pairs: &[(u64, &str)]| pairs.iter().map(|(n, text)| (*n, (*text).to_owned())).collect::<Vec<_>>();
    assert_eq!(read(&journal, 0), numbered(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]));
    assert_eq!(read(&journal, 2), numbered(&[(3, "c"), (4, "d")]));
    assert!(is_begun(&OsFilesystem, dir.path()).unwrap());
}

#[test]
fn a_loaded_segment_is_removed_and_the_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = SegmentOptions { segment_bytes: 256, ..SegmentOptions::default() };
    let journal = open(dir.path(), options, 0);
    for _ in 0..20 {
        append(&journal, &["0123456789012345678901234567890123456789"]).unwrap();
    }
    let before = segment::list(&OsFilesystem, dir.path()).unwrap().readable.len();
    assert!(before >= 5, "{before} segments");
    // One is gone already.
    std::fs::remove_file(segment::path(dir.path(), 2)).unwrap();
    journal.release(20).unwrap();
    assert_eq!(segment::list(&OsFilesystem, dir.path()).unwrap().readable.len(), 1);
    assert_eq!(append(&journal, &["next"]), Ok(21));
    drop(journal);
    let journal = open(dir.path(), options, 20);
    assert_eq!(append(&journal, &["again"]), Ok(22));
}

/// The names of the files that are no segments, and which of all files hold a text.
fn files(dir: &Path, text: &str) -> (Vec<String>, Vec<String>) {
    let mut names = OsFilesystem.list(dir).unwrap();
    names.sort();
    let holds =
        |name: &String| memchr::memmem::find(&std::fs::read(dir.join(name)).unwrap(), text.as_bytes()).is_some();
    let holding = names.iter().filter(|name| holds(name)).cloned().collect();
    (names.into_iter().filter(|name| !name.ends_with(".seg")).collect(), holding)
}

const LINE: &str = "0123456789012345678901234567890123456789";

#[test]
fn the_file_of_a_released_segment_becomes_another_one() {
    let dir = tempfile::tempdir().unwrap();
    let options = SegmentOptions { segment_bytes: 256, ..SegmentOptions::default() };
    let journal = open(dir.path(), options, 0);
    for _ in 0..60 {
        append(&journal, &[LINE]).unwrap();
    }
    journal.release(60).unwrap();
    let kept = |journal: &SegmentJournal| {
        journal.let_go();
        files(dir.path(), "").0.into_iter().filter(|name| name.starts_with("free-")).count()
    };
    assert_eq!(kept(&journal), 8, "not more than that");
    let texts: Vec<String> = (61..80).map(|number| number.to_string()).collect();
    for text in &texts {
        append(&journal, &[text]).unwrap();
    }
    assert!(kept(&journal) < 8);
    let expected: Vec<(u64, String)> = (61..).zip(texts).collect();
    assert_eq!(read(&journal, 60), expected, "and nothing of what its file held");
    // As after a kill: nobody closes it.
    let (journal, killed) = (open(dir.path(), options, 60), journal);
    assert_eq!(read(&journal, 60), expected);
    assert_eq!(kept(&journal), 0, "what was kept for a moment");
    drop(killed);
    assert_eq!(append(&journal, &["next"]), Ok(80));
}

#[test]
fn what_was_released_is_gone_after_a_loss_of_power() {
    for seed in 0..20 {
        let disk = FaultyDisk::seeded(seed);
        let journal = on_disk(&disk, 0);
        for _ in 0..200 {
            append(&journal, &[LINE]).unwrap();
        }
        journal.release(200).unwrap();
        disk.crash();
        let disk = disk.reboot();
        let segments = segment::list(&disk, Path::new(DIR)).unwrap().readable;
        assert_eq!(segments.len(), 1, "seed {seed}");
        drop(journal);
    }
}

#[test]
fn files_that_nobody_needs_go() {
    let dir = tempfile::tempdir().unwrap();
    let options = SegmentOptions { segment_bytes: 256, ..SegmentOptions::default() };
    let journal = open(dir.path(), options, 0);
    for _ in 0..20 {
        append(&journal, &[LINE]).unwrap();
    }
    journal.release(20).unwrap();
    assert!(!files(dir.path(), "").0.is_empty());
    journal.shared.free.let_go(Duration::ZERO);
    assert_eq!(files(dir.path(), LINE).1.len(), 1, "the segment that is being written");
}

#[test]
fn no_file_outlives_a_deletion_request_with_what_it_is_about() {
    let dir = tempfile::tempdir().unwrap();
    let options = SegmentOptions { segment_bytes: 256, ..SegmentOptions::default() };
    let journal = open(dir.path(), options, 0);
    for _ in 0..20 {
        append(&journal, &["somebody 9012345678901234567890123456789"]).unwrap();
    }
    // Their files become segments again, which are written in part.
    journal.release(20).unwrap();
    for _ in 0..4 {
        append(&journal, &["short"]).unwrap();
    }
    assert!(files(dir.path(), "somebody").1.iter().any(|name| name.ends_with(".seg")));
    let request = NewRecord { kind: Kind::Deletion, payload: b"{}".to_vec() };
    let number = journal.append(vec![request]).unwrap().blocking_recv().unwrap().unwrap();
    append(&journal, &["later"]).unwrap();
    journal.release(number).unwrap();
    assert_eq!(files(dir.path(), "somebody").1, Vec::<String>::new());
    assert_eq!(read(&journal, number), [(number + 1, "later".to_owned())]);
}

#[test]
fn a_journal_removed_by_hand_goes_on_above_what_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions::default(), 500);
    assert_eq!(append(&journal, &["a"]), Ok(501));
}

/// Pieces of a segment end anywhere, also in a damaged record or before one that is longer than a piece.
#[test]
fn a_long_segment_is_read_piece_by_piece_and_what_is_damaged_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions { segment_bytes: 2 << 20, ..SegmentOptions::default() }, 0);
    let long = "l".repeat(300 << 10);
    let texts: Vec<String> = (1..=3000).map(|n| if n == 2000 { long.clone() } else { format!("<{n:0200}>") }).collect();
    append(&journal, &Vec::from_iter(texts.iter().map(String::as_str))).unwrap();
    let file = segment::path(dir.path(), 1);
    let mut bytes = std::fs::read(&file).unwrap();
    for damaged in [1, 777, 778, 3000] {
        let mark = format!("<{damaged:0200}>");
        let at = memchr::memmem::find(&bytes, mark.as_bytes()).unwrap();
        bytes[at] = b'?';
    }
    std::fs::write(&file, bytes).unwrap();
    for max_bytes in [1, 5_000, 100_000, usize::MAX] {
        let (mut reader, mut seen, mut missing) = (journal.reader(0), Vec::new(), Vec::new());
        while reader.position() < 3000 {
            let batch = reader.read(3000, max_bytes).unwrap();
            assert!(!batch.is_empty() && batch.last == reader.position());
            seen.extend(batch.entries.into_iter().map(|entry| {
                assert_eq!(entry.payload, texts[entry.sequence as usize - 1].as_bytes());
                entry.sequence
            }));
            missing.extend(batch.missing.into_iter().flatten());
        }
        assert_eq!(missing, [1, 777, 778, 3000], "{max_bytes}");
        assert!(seen.is_sorted() && seen.len() == 2996, "{max_bytes}: {}", seen.len());
    }
}

#[test]
fn a_large_hole_is_told_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    append(&journal, &["a"]).unwrap();
    drop(journal);
    let journal = open(dir.path(), SegmentOptions::default(), 20_000);
    append(&journal, &["b", "c"]).unwrap();
    drop(journal);
    let journal = open(dir.path(), SegmentOptions::default(), 25_000);
    append(&journal, &["d"]).unwrap();
    let mut reader = journal.reader(0);
    let mut found = Vec::new();
    let mut missing = 0;
    while reader.position() < 25_001 {
        let before = reader.position();
        let batch = reader.read(25_001, usize::MAX).unwrap();
        assert!(batch.missing_count() <= 10_000 && batch.count() == batch.last - before, "{batch:?}");
        found.extend(batch.entries.iter().map(|entry| entry.sequence));
        missing += batch.missing_count();
    }
    assert_eq!((found, missing), (vec![1, 20_001, 20_002, 25_001], 25_001 - 4));
}

#[test]
fn more_than_may_wait_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = SegmentOptions { max_bytes: 1, ..SegmentOptions::default() };
    let journal = open(dir.path(), options, 0);
    assert_eq!(append(&journal, &["a"]), Err(AppendError::Full { limit: 1 }));
    drop(journal);
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    journal.close();
    assert_eq!(append(&journal, &["a"]), Err(AppendError::Closed));
}

#[test]
fn what_waits_is_bounded_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let options = SegmentOptions { max_waiting_bytes: 200, ..SegmentOptions::default() };
    let journal = open(dir.path(), options, 0);
    // While the queue is held nothing leaves it, so the second request meets the first.
    let long = "x".repeat(150);
    let mut answers = Vec::new();
    let mut refused = 0;
    for _ in 0..500 {
        match journal.append(vec![event(&long)]) {
            Ok(answer) => answers.push(answer),
            Err(AppendError::Busy) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0, "500 requests at once never met a full queue");
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
    assert_eq!(append(&journal, &["later"]).map(|first| first + refused), Ok(501));
}

#[test]
fn a_record_larger_than_a_segment_gets_a_larger_segment() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions { segment_bytes: 128, ..SegmentOptions::default() }, 0);
    let long = "y".repeat(10_000);
    append(&journal, &[&long]).unwrap();
    assert_eq!(read(&journal, 0), vec![(1, long)]);
}

#[test]
fn many_senders_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answers: Vec<_> = (0..100).map(|_| journal.append(vec![event("{}")]).unwrap()).collect();
                for answer in answers {
                    answer.blocking_recv().unwrap().unwrap();
                }
            });
        }
    });
    assert_eq!(journal.durable(), 800);
    assert!(journal.status().groups < 800, "{} syncs for 800 events", journal.status().groups);
}

/// However quick a sync is, not each of those who wait for their answers gets one of its own.
#[test]
fn senders_that_wait_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| (0..50).for_each(|_| assert!(append(&journal, &["{}"]).is_ok())));
        }
    });
    assert_eq!(journal.durable(), 1200);
    assert!(journal.status().groups < 400, "{} syncs for 1200 events", journal.status().groups);
    // Who is alone waits for nobody.
    for number in 1201..1231 {
        assert_eq!(append(&journal, &["{}"]), Ok(number));
    }
}

/// Changes the newest segment.
fn change_newest(dir: &Path, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let number = segment::numbers(&OsFilesystem, dir).unwrap().into_iter().max().unwrap();
    let path = segment::path(dir, number);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn refusal(dir: &Path) -> String {
    SegmentJournal::open(Arc::new(OsFilesystem), dir, SegmentOptions::default(), 0).unwrap_err().to_string()
}

#[test]
fn a_segment_of_another_version_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    append(&journal, &["a", "b"]).unwrap();
    drop(journal);
    let path = change_newest(dir.path(), |bytes| {
        bytes[8] = 2;
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    });
    let told = refusal(dir.path());
    for part in [path.to_str().unwrap(), "has format 2", "reads format 1", "a newer one"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(is_begun(&OsFilesystem, dir.path()).is_err());
}

#[test]
fn numbers_of_an_unreadable_newest_segment_are_not_given_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), SegmentOptions::default(), 0);
    append(&journal, &["a"]).unwrap();
    drop(journal);
    let destroy = |bytes: &mut Vec<u8>| {
        for at in [0, segment::HEADER_BYTES] {
            bytes[at] ^= 1;
        }
    };
    let path = change_newest(dir.path(), destroy);
    let told = refusal(dir.path());
    assert!(told.contains(path.to_str().unwrap()) && told.contains("move it out"), "{told}");
    // An empty file may have been a full one.
    let cut = |bytes: &mut Vec<u8>| bytes.clear();
    assert_eq!(change_newest(dir.path(), cut), path);
    assert!(refusal(dir.path()).contains("move it out"));
    std::fs::rename(&path, dir.path().join("set-aside")).unwrap();
    assert_eq!(append(&open(dir.path(), SegmentOptions::default(), 5), &["b"]), Ok(6));

    // Nothing was ever written to it: a damaged header costs nothing.
    drop(open(dir.path(), SegmentOptions::default(), 5));
    change_newest(dir.path(), |bytes| bytes[0] ^= 1);
    assert_eq!(append(&open(dir.path(), SegmentOptions::default(), 5), &["c"]), Ok(7));
}

#[test]
fn what_was_read_is_not_read_again_nor_the_zeros_behind_it() {
    let disk = FaultyDisk::seeded(1);
    let journal =
        SegmentJournal::open(Arc::new(disk.clone()), Path::new("/journal"), SegmentOptions::default(), 0).unwrap();
    let mut reader = journal.reader(0);
    for number in 1..=5 {
        append(&journal, &[&"0123456789".repeat(100)]).unwrap();
        let before = disk.bytes_read();
        let batch = reader.read(journal.durable(), usize::MAX).unwrap();
        assert_eq!((batch.entries.len(), batch.last), (1, number));
        let read = disk.bytes_read() - before;
        assert!(read < 1200, "{read} bytes for 1 event");
    }
}

const DIR: &str = "/journal";

/// A disk in memory with a journal on it.
struct Disk(FaultyDisk);

impl Machine for Disk {
    fn open(&mut self, loaded: u64) -> Box<dyn Journal> {
        self.0 = self.0.reboot();
        self.0.fail_after(None);
        Box::new(on_disk(&self.0, loaded))
    }

    fn crash(&mut self) {
        self.0.crash();
    }

    fn fail_after(&mut self, operations: u32) {
        self.0.fail_after(Some(operations));
    }
}

/// Small segments and groups, so that a short history fills many.
fn on_disk(disk: &FaultyDisk, loaded: u64) -> SegmentJournal {
    let options = SegmentOptions {
        segment_bytes: 2048,
        max_group_bytes: 1024,
        retry_after_failure: Duration::ZERO,
        ..SegmentOptions::default()
    };
    SegmentJournal::open(Arc::new(disk.clone()), Path::new(DIR), options, loaded).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acknowledged_is_read_once_whatever_the_disk_does(steps in model::steps(), seed: u64) {
        model::check(Disk(FaultyDisk::seeded(seed)), steps);
    }

    #[test]
    fn damage_costs_only_what_it_hit(
        requests in prop::collection::vec(prop::collection::vec(0usize..600, 1..4), 1..12),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let disk = FaultyDisk::seeded(1);
        let journal = on_disk(&disk, 0);
        let mut written = BTreeMap::new();
        let mut answers = Vec::new();
        for sizes in requests {
            let first = written.len() as u64 + 1;
            let payloads: Vec<String> =
                sizes.iter().zip(first..).map(|(size, number)| format!("{number} {}", "x".repeat(*size))).collect();
            answers.push(journal.append(payloads.iter().map(|payload| event(payload)).collect()).unwrap());
            written.extend((first..).zip(payloads));
        }
        for answer in answers {
            answer.blocking_recv().unwrap().unwrap();
        }
        let (last, most) = (journal.durable(), hits.len() as u64);
        let segments = segment::list(&disk, Path::new(DIR)).unwrap().readable;
        for (file, offset) in hits {
            let segment = file.get(&segments);
            disk.damage(&segment::path(Path::new(DIR), segment.number), offset.index(segment.bytes as usize));
        }
        let mut reader = journal.reader(0);
        let mut seen = BTreeSet::new();
        let mut lost = 0;
        while reader.position() < last {
            let batch = reader.read(last, 900).unwrap();
            prop_assert!(!batch.is_empty());
            for entry in batch.entries {
                prop_assert_eq!(written[&entry.sequence].as_bytes(), &entry.payload);
                prop_assert!(seen.insert(entry.sequence));
            }
            for missing in batch.missing.into_iter().flatten() {
                prop_assert!(seen.insert(missing));
                lost += 1;
            }
        }
        prop_assert!(lost <= most, "{most} hits cost {lost} records");
        prop_assert_eq!(seen.into_iter().collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    }
}
