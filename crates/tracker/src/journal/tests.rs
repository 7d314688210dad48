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
    let batch = journal.reader(after).read(journal.durable().sequence, usize::MAX).unwrap();
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
