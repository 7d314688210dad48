#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn filled(folder: &Path, count: usize) -> Receipts {
    let receipts = Receipts::new(folder, 1 << 20);
    for number in 0..count {
        let id = format!("id-{number}");
        receipts.attempt("now", &id, "https://example.org/", "{\"a\":\"b\"}").unwrap();
        receipts.answer("now", &id, Outcome::Sent, Some(204), "").unwrap();
    }
    receipts
}

#[test]
fn a_chain_is_whole_and_tells_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let receipts = filled(folder.path(), 3);
    assert_eq!(receipts.verify().unwrap(), Chain::Whole { receipts: 6, first: 1, torn: 0 });
    let read = receipts.read().unwrap();
    assert_eq!(read.iter().map(|receipt| receipt.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(read[1].kind, ReceiptKind::Answer { outcome: Outcome::Sent, status: Some(204), note: String::new() });
    receipts.attempt("later", "id-3", "https://example.org/", "{}").unwrap();
    let words = receipts.latest_outcomes().unwrap();
    assert_eq!(words["id-0"], Some(Outcome::Sent));
    assert_eq!(words["id-3"], None);
}

#[test]
fn old_receipts_are_put_away_and_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let receipts = Receipts { max_bytes: 1000, ..filled(folder.path(), 0) };
    for number in 0..40 {
        receipts.attempt("now", &format!("id-{number}"), "https://example.org/", "{}").unwrap();
    }
    let Chain::Whole { receipts: count, first, torn: 0 } = receipts.verify().unwrap() else { panic!() };
    assert!(first > 1 && first + count == 41, "{first} {count}");
    let bytes: u64 = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 3000, "{bytes}");
}

#[test]
fn a_line_that_a_kill_cut_short_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let receipts = filled(folder.path(), 2);
    let whole = fs::read(&receipts.path).unwrap();
    for cut in 1..150 {
        fs::write(&receipts.path, &whole[..whole.len() - cut]).unwrap();
        receipts.attempt("now", "id-9", "https://example.org/", "{}").unwrap();
        let Chain::Whole { receipts: count, first: 1, torn } = receipts.verify().unwrap() else {
            panic!("cut by {cut}: {:?}", receipts.verify())
        };
        // Without its line feed alone the receipt is still complete.
        assert_eq!((count, torn), if cut == 1 { (5, 0) } else { (4, 1) }, "cut by {cut}");
    }
}

proptest! {
    #[test]
    fn no_letter_can_be_changed_unseen(at in any::<prop::sample::Index>(), letter in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let receipts = filled(folder.path(), 2);
        let mut bytes = fs::read(&receipts.path).unwrap();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != letter);
        bytes[at] = letter;
        fs::write(&receipts.path, &bytes).unwrap();
        let seen = receipts.verify().unwrap();
        // The very last line feed is no part of a receipt.
        if at + 1 < bytes.len() {
            prop_assert_ne!(seen, Chain::Whole { receipts: 4, first: 1, torn: 0 });
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let folder = tempfile::tempdir().unwrap();
        let receipts = filled(folder.path(), 0);
        fs::write(&receipts.path, &bytes).unwrap();
        let _ = receipts.verify().unwrap();
        receipts.attempt("now", "id", "https://example.org/", "{}").unwrap();
        prop_assert!(receipts.latest_outcomes().unwrap().contains_key("id"));
    }
}
