//! Events as columns of numbers.

/// Events of a chunk. Memory grows by chunks, so that nothing is copied to make room.
const CHUNK: usize = 1 << 16;
/// The code of an install where an event has none.
pub(super) const NOBODY: u32 = u32::MAX;
/// The moment of an event that has none.
pub(super) const NEVER: i64 = i64::MIN;

/// Events, 28 bytes each.
#[derive(Debug, Default)]
pub(super) struct Events {
    chunks: Vec<Chunk>,
    len: usize,
    /// What clients say they lost, with the number of the event that tells it: few do.
    lost: Vec<(usize, u64)>,
}

#[derive(Debug)]
struct Chunk {
    installs: Vec<u32>,
    moments: Vec<i64>,
    senders: Vec<u32>,
    kinds: Vec<u32>,
    seconds: Vec<f64>,
}

/// An event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    install: u32,
    pub(super) moment: i64,
    /// The code of who sent it.
    pub(crate) sender: u32,
    /// The code of what it is.
    pub(crate) kind: u32,
    seconds: f64,
}

impl Event {
    pub(super) fn new(install: Option<u32>, moment: Option<i64>, sender: u32, kind: u32, seconds: Option<f64>) -> Self {
        Self {
            install: install.unwrap_or(NOBODY),
            moment: moment.unwrap_or(NEVER),
            sender,
            kind,
            seconds: seconds.unwrap_or(f64::NAN),
        }
    }

    /// The code of the install that it is of, as a place in a list.
    pub(crate) fn install(&self) -> Option<usize> {
        (self.install != NOBODY).then_some(self.install as usize)
    }

    /// When it happened, in microseconds since 1970.
    pub(crate) fn moment(&self) -> Option<i64> {
        known(self.moment)
    }

    /// How long it took.
    pub(crate) fn seconds(&self) -> Option<f64> {
        (!self.seconds.is_nan()).then_some(self.seconds)
    }

    /// Whether it happened then or later; one of which that is not known did so since ever.
    pub(crate) fn is_since(&self, moment: i64) -> bool {
        self.moment >= moment
    }
}

pub(super) fn known(moment: i64) -> Option<i64> {
    (moment != NEVER).then_some(moment)
}

impl Events {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * 28 + self.lost.capacity() * size_of::<(usize, u64)>()
    }

    pub(super) fn clear(&mut self) {
        // What is there is filled again.
        for chunk in &mut self.chunks {
            chunk.clear();
        }
        (self.len, self.lost) = (0, Vec::new());
    }

    pub(super) fn push(&mut self, event: Event, lost: u64) {
        if lost > 0 {
            self.lost.push((self.len, lost));
        }
        let place = self.len / CHUNK;
        if place == self.chunks.len() {
            self.chunks.push(Chunk::new());
        }
        self.chunks[place].push(event);
        self.len += 1;
    }

    /// Tells all of them.
    pub(super) fn each(&self, mut on_event: impl FnMut(Event)) {
        for chunk in &self.chunks {
            let columns = chunk.installs.iter().zip(&chunk.moments).zip(&chunk.senders).zip(&chunk.kinds);
            for ((((install, moment), sender), kind), seconds) in columns.zip(&chunk.seconds) {
                on_event(Event { install: *install, moment: *moment, sender: *sender, kind: *kind, seconds: *seconds });
            }
        }
    }

    /// Those that tell of lost ones, with how many.
    pub(super) fn lost(&self) -> impl Iterator<Item = (Event, u64)> {
        self.lost.iter().map(|(number, lost)| (self.chunks[number / CHUNK].get(number % CHUNK), *lost))
    }
}

impl Chunk {
    fn new() -> Self {
        Self {
            installs: Vec::with_capacity(CHUNK),
            moments: Vec::with_capacity(CHUNK),
            senders: Vec::with_capacity(CHUNK),
            kinds: Vec::with_capacity(CHUNK),
            seconds: Vec::with_capacity(CHUNK),
        }
    }

    fn push(&mut self, event: Event) {
        self.installs.push(event.install);
        self.moments.push(event.moment);
        self.senders.push(event.sender);
        self.kinds.push(event.kind);
        self.seconds.push(event.seconds);
    }

    fn get(&self, at: usize) -> Event {
        Event {
            install: self.installs[at],
            moment: self.moments[at],
            sender: self.senders[at],
            kind: self.kinds[at],
            seconds: self.seconds[at],
        }
    }

    fn clear(&mut self) {
        self.installs.clear();
        self.moments.clear();
        self.senders.clear();
        self.kinds.clear();
        self.seconds.clear();
    }
}
