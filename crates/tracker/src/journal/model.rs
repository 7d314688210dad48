//! The contract of a journal as a model: any history of appends, crashes, failures, reads and releases must hold it.
//!
//! An implementation brings a [`Machine`] and calls [`check`] with [`steps`] of any kind.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What a journal runs on, for the model: its storage can fail, and the power can go.
pub(super) trait Machine {
    /// Opens the journal as the next process does. `loaded` is the newest number that the tables hold.
    fn open(&mut self, loaded: u64) -> Box<dyn Journal>;
    /// Ends everything that runs, at this moment. What is not durable may be lost in part.
    fn crash(&mut self);
    /// Has the storage fail once, after so many other operations.
    fn fail_after(&mut self, operations: u32);
}

/// One thing that happens to a journal.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Requests of so many records each, sent without waiting; then all answers are awaited.
    Append(Vec<Vec<u16>>),
    /// The same, but the power goes while they are under way.
    AppendAndCrash(Vec<Vec<u16>>),
    /// The operation after so many others fails.
    Fail(u32),
    /// The power goes.
    Crash,
    /// A clean end and a new start.
    Restart,
    /// The loader has everything up to this share of the journal.
    Load(u8),
}

/// Histories of up to 29 steps.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..30)
}

/// Runs a history and checks, at each read and at the end, that what was acknowledged is read exactly once.
pub(super) fn check(machine: impl Machine, steps: Vec<Step>) {
    let mut world = World::new(machine);
    for step in steps {
        world.run(step);
    }
    world.finish();
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

struct World<M> {
    machine: M,
    journal: Option<Box<dyn Journal>>,
    next_id: u64,
    submitted: BTreeMap<u64, Vec<u8>>,
    /// By sequence number.
    acknowledged: BTreeMap<u64, u64>,
    /// What the loader has taken, by sequence number.
    loaded: BTreeMap<u64, u64>,
    position: u64,
}

/// A row with an id of its own, and so many characters more.
fn row(id: u64, size: u16) -> Vec<u8> {
    format!("{{\"message_id\":\"{id}\",\"event\":\"{}\"}}", "x".repeat(size.into())).into_bytes()
}

fn id_of(payload: &[u8]) -> u64 {
    let row: serde_json::Value = serde_json::from_slice(payload).unwrap();
    row["message_id"].as_str().unwrap().parse().unwrap()
}

impl<M: Machine> World<M> {
    fn new(machine: M) -> Self {
        let mut world = Self {
            machine,
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
        self.journal = Some(self.machine.open(self.position));
    }

    fn journal(&self) -> &dyn Journal {
        self.journal.as_deref().unwrap()
    }

    fn append(&mut self, requests: Vec<Vec<u16>>, crash: bool) {
        let mut answers = Vec::new();
        for sizes in requests {
            let mut ids = Vec::new();
            let mut records = Vec::new();
            for size in sizes {
                let payload = row(self.next_id, size);
                ids.push(self.next_id);
                self.submitted.insert(self.next_id, payload.clone());
                self.next_id += 1;
                records.push(NewRecord { kind: Kind::Event, payload });
            }
            answers.push((ids, self.journal().append(records).unwrap()));
        }
        if crash {
            self.machine.crash();
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
            let batch = reader.read(until, 700).unwrap();
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
        self.journal().release(self.position).unwrap_or_default();
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Append(requests) => self.append(requests, false),
            Step::AppendAndCrash(requests) => self.append(requests, true),
            Step::Fail(operations) => self.machine.fail_after(operations),
            Step::Crash => {
                self.machine.crash();
                self.journal = None;
                self.open();
            }
            Step::Restart => {
                self.journal = None;
                self.open();
            }
            Step::Load(share) => {
                let waiting = self.journal().durable() - self.position;
                self.load(self.position + waiting * u64::from(share) / 255);
            }
        }
    }

    fn finish(mut self) {
        self.machine.crash();
        self.journal = None;
        self.open();
        self.load(self.journal().durable());
        let kept: BTreeSet<u64> = self.loaded.values().copied().collect();
        let lost: Vec<_> = self.acknowledged.values().filter(|id| !kept.contains(id)).collect();
        assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
    }
}
