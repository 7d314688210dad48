//! Which messages are in the tables, as far as that can be told without asking them.
//!
//! A load whose events are all new needs no comparison with what is there, which would take the longer the more there is.
//! What is remembered is a filter of message ids within their projects: it never forgets an id, and takes about one new id in a hundred thousand for one that it knows. Those
//! are looked for in the tables, so it decides nothing but how much has to be asked. It takes four bytes an id, up to
//! [`MOST_BYTES`]; with more ids than fit, it takes more of them for known, and then the tables compare as they would
//! without it; with more than [`MOST_ROWS`], there is none.
//!
//! It is made of the tables by who begins to load, and only for tables that nobody else adds rows to. It is made anew when
//! they hold something else than what was loaded last.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::Loader;
use crate::error::Error;
use crate::journal::{Batch, Kind};
use crate::message::{InRow, Message};
use crate::store::{Counts, Tables};

/// Ids of the first layer; each further one holds twice as many.
const FIRST_IDS: usize = 1 << 18;
/// Bytes of all layers: eight million ids.
const MOST_BYTES: usize = 32 << 20;
/// With more rows than this, all layers would be so full that there is no use in them.
const MOST_ROWS: u64 = 16 << 20;
/// Bytes of a block: what is asked of an id is in one line of the cache.
const BLOCK_BYTES: usize = 64;
/// Ids of a block.
const BLOCK_IDS: usize = 16;
/// Ids of a load that may have to be looked for; with more of them, comparing all at once is less work.
const MOST_ASKED: usize = 1000;

/// A block: each id sets one bit of each word.
type Block = [u64; BLOCK_BYTES / 8];

/// Ids, some more of which are taken for known.
#[derive(Debug, Default)]
struct Ids {
    /// The last one is being filled.
    layers: Vec<Layer>,
    /// Nobody can foresee which ids are taken for each other.
    hasher: RandomState,
}

#[derive(Debug)]
struct Layer {
    blocks: Vec<Block>,
    ids: usize,
}

impl Layer {
    fn of(ids: usize) -> Self {
        Self { blocks: vec![Block::default(); ids.div_ceil(BLOCK_IDS)], ids: 0 }
    }

    fn room(&self) -> usize {
        self.blocks.len() * BLOCK_IDS
    }

    /// Where the bits of an id are: the block, and six bits of the hash for each word.
    fn block(&self, hash: u64) -> usize {
        // The product's upper half is spread over the blocks as the hash is over all numbers.
        ((u128::from(hash) * self.blocks.len() as u128) >> 64) as usize
    }
}

/// The bit of each word. They are of another number than the block, which the upper bits of the hash decide.
fn bits(hash: u64) -> Block {
    let mixed = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = mixed ^ (mixed >> 32);
    std::array::from_fn(|word| 1 << (mixed >> (6 * word) & 63))
}

impl Ids {
    /// The hash of an id within its project.
    fn hash(&self, (id, project): (&str, Option<&str>)) -> u64 {
        match project {
            None => self.hasher.hash_one(id),
            Some(_) => self.hasher.hash_one((id, project)),
        }
    }

    fn insert(&mut self, message: (&str, Option<&str>)) {
        let hash = self.hash(message);
        let bytes: usize = self.layers.iter().map(|layer| layer.blocks.len() * BLOCK_BYTES).sum();
        let next = match self.layers.last() {
            None => Some(FIRST_IDS),
            Some(last) if last.ids >= last.room() => Some(last.room() * 2),
            Some(_) => None,
        };
        if let Some(ids) = next
            && bytes + ids / BLOCK_IDS * BLOCK_BYTES <= MOST_BYTES
        {
            self.layers.push(Layer::of(ids));
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.ids += 1;
            let at = layer.block(hash);
            layer.blocks[at].iter_mut().zip(bits(hash)).for_each(|(word, bit)| *word |= bit);
        }
    }

    /// False for an id that was never inserted in this project.
    fn may_hold(&self, message: (&str, Option<&str>)) -> bool {
        let hash = self.hash(message);
        let bits = bits(hash);
        self.layers
            .iter()
            .any(|layer| layer.blocks[layer.block(hash)].iter().zip(bits).all(|(word, bit)| word & bit != 0))
    }
}

/// The ids of the rows of events.
#[derive(Debug)]
pub(super) struct KnownMessages {
    ids: Ids,
    /// The position and the number of rows when that was true.
    held: (u64, u64),
}

fn held(counts: Counts) -> (u64, u64) {
    (counts.position, counts.loaded)
}

impl Loader {
    /// The sequence numbers of those events of a batch that are in the tables. None where only the tables can tell.
    pub(super) fn in_tables(&mut self, tables: &mut dyn Tables, batch: &Batch) -> Result<Option<HashSet<u64>>, Error> {
        let held = held(self.state.counts());
        if held.1 > MOST_ROWS {
            self.known = None;
            return Ok(None);
        }
        if self.known.as_ref().is_none_or(|known| known.held != held) {
            self.known = None;
            let mut ids = Ids::default();
            if !tables
                .tell_messages(&mut |id, project| ids.insert((id, project)))
                .map_err(|source| self.error(source))?
            {
                return Ok(None);
            }
            self.known = Some(KnownMessages { ids, held });
        }
        let Some(known) = &self.known else { return Ok(None) };
        let mut asked = Vec::new();
        for entry in &batch.entries {
            let row = match entry.kind {
                Kind::Event => InRow::read(&entry.payload),
                Kind::Quarantine => continue,
                Kind::Replay | Kind::Deletion => return Ok(None),
            };
            let Some((id, project)) = row.as_ref().and_then(InRow::plain) else { return Ok(None) };
            if known.ids.may_hold((id, project)) {
                let message = Message { id: id.to_owned(), project: project.map(str::to_owned) };
                asked.push((entry.sequence, message));
            }
        }
        if asked.len() > MOST_ASKED {
            return Ok(None);
        }
        let (sequences, messages): (Vec<u64>, Vec<Message>) = asked.into_iter().unzip();
        let there = tables.known_messages(&messages).map_err(|source| self.error(source))?;
        let asked = sequences.into_iter().zip(messages);
        Ok(Some(asked.filter(|(_, message)| there.contains(message)).map(|(number, _)| number).collect()))
    }

    /// Remembers the events of a batch, which is in the tables with what they hold now.
    pub(super) fn remember(&mut self, batch: &Batch) {
        let held = held(self.state.counts());
        let Some(known) = &mut self.known else { return };
        for entry in &batch.entries {
            let row = if entry.kind == Kind::Event { InRow::read(&entry.payload) } else { None };
            match row.as_ref().and_then(InRow::plain) {
                Some(message) => known.ids.insert(message),
                None => {
                    if let Some(message) = super::message(entry) {
                        known.ids.insert((&message.id, message.project.as_deref()));
                    }
                }
            }
        }
        known.held = held;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_forgotten_and_few_new_ones_are_taken_for_known() {
        let mut ids = Ids::default();
        let known = |number: u32| format!("known-{number}");
        // Beyond the first layer, and the second.
        let count = 4 * FIRST_IDS as u32;
        for number in 0..count {
            ids.insert((&known(number), None));
        }
        assert_eq!(ids.layers.len(), 3);
        assert!((0..count).all(|number| ids.may_hold((&known(number), None))));
        let mistaken = (0..200_000).filter(|number| ids.may_hold((&format!("new-{number}"), None))).count();
        assert!(mistaken < 20, "{mistaken} of 200000");
        // Nor are those of another project.
        let elsewhere = (0..200_000).filter(|number| ids.may_hold((&known(*number), Some("web")))).count();
        assert!(elsewhere < 20, "{elsewhere} of 200000");
        ids.insert((&known(0), Some("web")));
        assert!(ids.may_hold((&known(0), Some("web"))) && !ids.may_hold((&known(0), Some("app"))));
    }

    #[test]
    fn with_more_ids_than_fit_its_memory_stays_and_no_id_is_forgotten() {
        let mut ids = Ids::default();
        ids.layers.push(Layer::of(MOST_BYTES / BLOCK_BYTES * BLOCK_IDS));
        if let Some(layer) = ids.layers.last_mut() {
            layer.ids = layer.room();
        }
        ids.insert(("one more", None));
        assert!(ids.may_hold(("one more", None)) && !ids.may_hold(("another", None)));
        assert_eq!(ids.layers.len(), 1);
    }
}
