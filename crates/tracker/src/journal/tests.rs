#![allow(clippy::unwrap_used)]

use super::*;

fn event(text: &str) -> NewRecord {
    NewRecord { kind: Kind::Event, payload: text.as_bytes().to_vec() }
}

fn open(dir: &Path, options: JournalOptions, loaded: u64) -> Journal {
    Journal::open(Arc::new(OsFilesystem), dir, options, loaded).unwrap()
}

fn append(journal: &Journal, texts: &[&str]) -> Result<u64, AppendError> {
    journal.append(texts.iter().map(|text| event(text)).collect())?.blocking_recv().unwrap()
}

fn read(journal: &Journal, after: u64) -> Vec<(u64, String)> {
    let batch = journal.reader(after).read(journal.durable(), usize::MAX).unwrap();
    assert_eq!(batch.missing, vec![]);
    batch.entries.into_iter().map(|entry| (entry.sequence, String::from_utf8(entry.payload).unwrap())).collect()
}

#[test]
fn what_is_appended_is_numbered_and_read_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), JournalOptions::default(), 0);
    assert_eq!(append(&journal, &["a", "b"]), Ok(1));
    assert_eq!(append(&journal, &["c"]), Ok(3));
    drop(journal);
    let journal = open(dir.path(), JournalOptions::default(), 0);
    assert_eq!(append(&journal, &["d"]), Ok(4));
    let numbered = |pairs: &[(u64, &str)]| pairs.iter().map(|(n, text)| (*n, (*text).to_owned())).collect::<Vec<_>>();
    assert_eq!(read(&journal, 0), numbered(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]));
    assert_eq!(read(&journal, 2), numbered(&[(3, "c"), (4, "d")]));
    assert!(is_begun(&OsFilesystem, dir.path()).unwrap());
}

#[test]
fn a_loaded_segment_is_removed_and_the_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { segment_bytes: 256, ..JournalOptions::default() };
    let journal = open(dir.path(), options, 0);
    for _ in 0..20 {
        append(&journal, &["0123456789012345678901234567890123456789"]).unwrap();
    }
    let before = segment::list(&OsFilesystem, dir.path()).unwrap().readable.len();
    assert!(before >= 5, "{before} segments");
    journal.trim(20).unwrap();
    assert_eq!(segment::list(&OsFilesystem, dir.path()).unwrap().readable.len(), 1);
    assert_eq!(append(&journal, &["next"]), Ok(21));
    drop(journal);
    let journal = open(dir.path(), options, 20);
    assert_eq!(append(&journal, &["again"]), Ok(22));
}

#[test]
fn a_journal_removed_by_hand_goes_on_above_what_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), JournalOptions::default(), 500);
    assert_eq!(append(&journal, &["a"]), Ok(501));
}

#[test]
fn more_than_may_wait_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { max_bytes: 1, ..JournalOptions::default() };
    let journal = open(dir.path(), options, 0);
    assert_eq!(append(&journal, &["a"]), Err(AppendError::Full { limit: 1 }));
    drop(journal);
    let journal = open(dir.path(), JournalOptions::default(), 0);
    journal.close();
    assert_eq!(append(&journal, &["a"]), Err(AppendError::Closed));
}

#[test]
fn what_waits_is_bounded_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { max_waiting_bytes: 200, ..JournalOptions::default() };
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
    let journal = open(dir.path(), JournalOptions { segment_bytes: 128, ..JournalOptions::default() }, 0);
    let long = "y".repeat(10_000);
    append(&journal, &[&long]).unwrap();
    assert_eq!(read(&journal, 0), vec![(1, long)]);
}

#[test]
fn many_senders_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), JournalOptions::default(), 0);
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
    assert_eq!(journal.durable().sequence, 800);
    assert!(journal.groups() < 800, "{} syncs for 800 events", journal.groups());
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
    Journal::open(Arc::new(OsFilesystem), dir, JournalOptions::default(), 0).unwrap_err().to_string()
}

#[test]
fn a_segment_of_another_version_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), JournalOptions::default(), 0);
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
    let journal = open(dir.path(), JournalOptions::default(), 0);
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
    assert_eq!(append(&open(dir.path(), JournalOptions::default(), 5), &["b"]), Ok(6));

    // Nothing was ever written to it: a damaged header costs nothing.
    drop(open(dir.path(), JournalOptions::default(), 5));
    change_newest(dir.path(), |bytes| bytes[0] ^= 1);
    assert_eq!(append(&open(dir.path(), JournalOptions::default(), 5), &["c"]), Ok(7));
}

#[test]
fn what_was_read_is_not_read_again_nor_the_zeros_behind_it() {
    let disk = faulty::FaultyDisk::seeded(1);
    let journal = Journal::open(Arc::new(disk.clone()), Path::new("/journal"), JournalOptions::default(), 0).unwrap();
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

#[test]
fn a_folder_is_made_for_its_owner_and_one_that_exists_is_left_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    let (made, parent) = (dir.path().join("a/b"), dir.path().join("a"));
    make_dir(&made).unwrap();
    assert_eq!(mode(&made), 0o700);
    std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o750)).unwrap();
    make_dir(&parent).unwrap();
    assert_eq!(mode(&parent), 0o750);
    std::fs::write(dir.path().join("file"), "").unwrap();
    assert!(make_dir(&dir.path().join("file")).is_err());
}
