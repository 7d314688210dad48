//! The journal against a model, on a disk that fails and forgets.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::faulty::FaultyDisk;
use super::*;

const DIR: &str = "/journal";

fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes: 2048,
        max_group_bytes: 1024,
        retry_after_failure: Duration::ZERO,
        ..JournalOptions::default()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Requests of so many records each, sent without waiting; then all answers are awaited.
    Append(Vec<Vec<u16>>),
    /// The same, but the power goes while they are under way.
    AppendAndCrash(Vec<Vec<u16>>),
    /// The operation after so many others fails.
    Fail(u32),
    Crash,
    /// A clean end and a new start.
    Restart,
    /// The loader has everything up to this share of the journal.
    Load(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let requests = || prop::collection::vec(prop::collection::vec(0u16..600, 1..4), 1..6);
    prop_oneof![
        6 => requests().prop_map(Step::Append),
        2 => requests().prop_map(Step::AppendAndCrash),
        2 => (0u32..40).prop_map(Step::Fail),
        1 => Just(Step::Crash),
        1 => Just(Step::Restart),
        2 => any::<u8>().prop_map(Step::Load),
    ]
}

struct World {
    disk: FaultyDisk,
    journal: Option<Journal>,
    next_id: u64,
    submitted: BTreeMap<u64, Vec<u8>>,
    /// By sequence number.
    acknowledged: BTreeMap<u64, u64>,
    /// What the loader has taken, by sequence number.
    loaded: BTreeMap<u64, u64>,
    position: u64,
}

fn id_of(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload[..8].try_into().unwrap())
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = FaultyDisk::seeded(seed);
        let mut world = Self {
            disk,
            journal: None,
            next_id: 0,
            submitted: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            loaded: BTreeMap::new(),
            position: 0,
        };
        world.open();
        world
    }

    fn open(&mut self) {
        self.disk = self.disk.reboot();
        self.disk.fail_after(None);
        let journal = Journal::open(Arc::new(self.disk.clone()), Path::new(DIR), options(), self.position).unwrap();
        self.journal = Some(journal);
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    fn append(&mut self, requests: Vec<Vec<u16>>, crash: bool) {
        let mut answers = Vec::new();
        for sizes in requests {
            let mut ids = Vec::new();
            let mut records = Vec::new();
            for size in sizes {
                let mut payload = self.next_id.to_le_bytes().to_vec();
                payload.resize(8 + usize::from(size), b'x');
                ids.push(self.next_id);
                self.submitted.insert(self.next_id, payload.clone());
                self.next_id += 1;
                records.push(NewRecord { kind: Kind::Event, payload });
            }
            answers.push((ids, self.journal().append(records).unwrap()));
        }
        if crash {
            self.disk.crash();
        }
        for (ids, answer) in answers {
            if let Ok(first) = answer.blocking_recv().unwrap() {
                self.acknowledged.extend((first..).zip(ids));
            }
        }
        if crash {
            self.journal = None;
            self.open();
        }
    }

    /// Takes records as the loader does, and checks that each is one that was sent, and new.
    fn load(&mut self, until: u64) {
        let mut reader = self.journal().reader(self.position);
        while reader.position() < until {
            let batch = reader.read(self.journal().durable().at_most(until), 700).unwrap();
            // A group that was torn in the middle was not acknowledged.
            let mut missing: BTreeSet<u64> = batch.missing.iter().cloned().flatten().collect();
            assert!(missing.iter().all(|sequence| !self.acknowledged.contains_key(sequence)), "{missing:?} are lost");
            assert!(!batch.is_empty(), "the journal ends at {} of {until}", reader.position());
            for entry in batch.entries {
                let id = id_of(&entry.payload);
                while missing.remove(&(self.position + 1)) {
                    self.position += 1;
                }
                assert_eq!(entry.sequence, self.position + 1, "sequence numbers have no gaps");
                assert_eq!(self.submitted[&id], entry.payload);
                assert!(!self.loaded.values().any(|loaded| *loaded == id), "{id} was loaded before");
                self.loaded.insert(entry.sequence, id);
                self.position = entry.sequence;
            }
            self.position = batch.last;
        }
        self.journal().trim(self.position).unwrap_or_default();
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Append(requests) => self.append(requests, false),
            Step::AppendAndCrash(requests) => self.append(requests, true),
            Step::Fail(operations) => self.disk.fail_after(Some(operations)),
            Step::Crash => {
                self.disk.crash();
                self.journal = None;
                self.open();
            }
            Step::Restart => {
                self.journal = None;
                self.open();
            }
            Step::Load(share) => {
                let waiting = self.journal().durable().sequence - self.position;
                self.load(self.position + waiting * u64::from(share) / 255);
            }
        }
    }

    fn finish(mut self) {
        self.disk.crash();
        self.journal = None;
        self.open();
        self.load(self.journal().durable().sequence);
        let kept: BTreeSet<u64> = self.loaded.values().copied().collect();
        let lost: Vec<_> = self.acknowledged.values().filter(|id| !kept.contains(id)).collect();
        assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acknowledged_is_read_once_whatever_the_disk_does(
        steps in prop::collection::vec(step(), 1..30),
        seed: u64,
    ) {
        let mut world = World::new(seed);
        for step in steps {
            world.run(step);
        }
        world.finish();
    }

    #[test]
    fn damage_costs_only_what_it_hit(
        requests in prop::collection::vec(prop::collection::vec(0u16..600, 1..4), 1..12),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let mut world = World::new(1);
        world.append(requests, false);
        let durable = world.journal().durable();
        let last = durable.sequence;
        let most = hits.len() as u64;
        let segments = segment::list(&world.disk, Path::new(DIR)).unwrap().readable;
        for (file, offset) in hits {
            let segment = file.get(&segments);
            let path: PathBuf = segment::path(Path::new(DIR), segment.number);
            world.disk.damage(&path, offset.index(segment.bytes as usize));
        }
        let mut reader = world.journal().reader(0);
        let mut seen = BTreeSet::new();
        let mut lost = 0;
        while reader.position() < last {
            let batch = reader.read(durable, 900).unwrap();
            prop_assert!(!batch.is_empty());
            for entry in batch.entries {
                prop_assert_eq!(&world.submitted[&id_of(&entry.payload)], &entry.payload);
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
