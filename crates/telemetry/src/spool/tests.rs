#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::clock::{timestamp, uuid7};

fn body(number: u64, losses: &Losses, padding: usize) -> String {
    let dropped = if losses.is_empty() { String::new() } else { format!("\"dropped\":{}", losses.to_json()) };
    let (id, at) = (uuid7(number, [number as u8; 16]), timestamp(number));
    format!(
        "{{\"anonymousId\":\"a\",\"context\":{{{dropped}}},\"event\":\"e\",\"properties\":{{\"p\":\"{}\"}},\"messageId\":\"{id}\",\"timestamp\":\"{at}\",\"sentAt\":\"{at}\"}}",
        "x".repeat(padding)
    )
}

fn spool(folder: &Path) -> Spool {
    Spool::new(folder, Policy::default())
}

#[derive(Debug, Clone)]
enum Step {
    Append {
        padding: usize,
    },
    /// A kill in the middle of the append: so much of the line is there.
    Torn {
        keep: prop::sample::Index,
    },
    Losses(u64),
    /// One verdict for each event, over and over.
    Shorten(Vec<u8>),
    Restamp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..200usize).prop_map(|padding| Step::Append { padding }),
        2 => any::<prop::sample::Index>().prop_map(|keep| Step::Torn { keep }),
        1 => (1..5u64).prop_map(Step::Losses),
        2 => prop::collection::vec(0..3u8, 1..6).prop_map(Step::Shorten),
        1 => Just(Step::Restamp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens: what went in is still there, was sent, or is counted, each exactly once.
    #[test]
    fn nothing_is_lost_without_a_count(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path());
        let (mut recorded, mut sent, mut reported) = (0, 0, 0);
        for (number, step) in steps.into_iter().enumerate() {
            let number = number as u64 + 1;
            match step {
                Step::Append { padding } => {
                    spool.append(|losses| body(number, losses, padding)).unwrap();
                    recorded += 1;
                }
                Step::Torn { keep } => {
                    let before = std::fs::read(&spool.path).map_or(0, |bytes| bytes.len());
                    spool.append(|losses| body(number, losses, 0)).unwrap();
                    recorded += 1;
                    let after = std::fs::read(&spool.path).unwrap();
                    // The line's end of the line before may come first; at least one letter of the event is there.
                    let start = before + usize::from(after[before] == b'\n');
                    let kept = start + 1 + keep.index(after.len() - start);
                    std::fs::write(&spool.path, &after[..kept.min(after.len())]).unwrap();
                }
                Step::Losses(count) => {
                    let mut losses = Losses::default();
                    losses.add(Reason::Busy, count);
                    spool.append_losses(&losses).unwrap();
                    recorded += count;
                }
                Step::Shorten(verdicts) => {
                    spool.shorten(|index, entry| match verdicts[index % verdicts.len()] {
                        0 => Verdict::Keep,
                        1 => {
                            sent += 1;
                            reported += entry.dropped.total();
                            Verdict::Sent
                        }
                        _ => Verdict::Lost(Reason::Refused),
                    }).unwrap();
                }
                Step::Restamp => {
                    spool.restamp(number).unwrap();
                }
            }
            let contents = spool.read().unwrap();
            let waiting = contents.entries.len() as u64;
            let carried: u64 = contents.entries.iter().map(|entry| entry.dropped.total()).sum();
            prop_assert_eq!(recorded, waiting + sent + reported + carried + contents.losses.total());
        }
    }

    /// Any bytes at all are read without a panic, and a spool that holds them still takes an event.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path());
        std::fs::write(&spool.path, &bytes).unwrap();
        spool.append(|losses| body(1, losses, 0)).unwrap();
        let contents = spool.read().unwrap();
        prop_assert_eq!(contents.entries.len(), 1);
        spool.shorten(|_, _| Verdict::Keep).unwrap();
        prop_assert_eq!(spool.read().unwrap().entries, contents.entries);
    }
}

#[test]
fn an_event_reports_what_was_lost_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let mut losses = Losses::default();
    losses.add(Reason::TooOld, 2);
    spool.append_losses(&losses).unwrap();
    spool.append(|losses| body(1, losses, 0)).unwrap();
    spool.append(|losses| body(2, losses, 0)).unwrap();
    let contents = spool.read().unwrap();
    assert!(contents.losses.is_empty());
    assert_eq!(contents.entries[0].dropped, losses);
    assert!(contents.entries[1].dropped.is_empty());
}

#[test]
fn an_event_that_is_too_large_is_counted_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let rejected = spool.append(|losses| body(1, losses, 40_000)).unwrap_err();
    assert_eq!(rejected, Rejected::Counted(Reason::TooLarge));
    let contents = spool.read().unwrap();
    assert!(contents.entries.is_empty());
    assert_eq!(contents.losses.count(Reason::TooLarge), 1);
}

#[test]
fn whoever_holds_the_spool_for_long_costs_a_recording_ten_milliseconds() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let holder = File::create(&spool.path).unwrap();
    holder.lock().unwrap();
    let started = Instant::now();
    assert_eq!(spool.append(|losses| body(1, losses, 0)), Err(Rejected::Uncounted(Reason::Busy)));
    assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
    drop(holder);
    spool.append(|losses| body(1, losses, 0)).unwrap();
}
