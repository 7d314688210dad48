//! Keys that would meet in one name, and what they are called instead.
//!
//! Spellings of one name (`userId`, `user_id`) share a column as long as no row has two of them. In a row that has, one
//! keeps the name: the one that the user named as the table's key, else the one that is spelled as the name is, else the first; it owns the name from then on, and the others
//! are named apart. A key that loses letters on its way to a name (`é`, `日本語`: both `x`) owns its name from the start.
//! Who owns what is part of the schema, and every decision hangs on the schema and the row alone: so it is the same
//! whoever reads the row, and in every later run.

use super::layout::{Layout, NONE, ROOT_TABLE, Slot, Target};
use crate::schema::column_names;
use indexmap::IndexMap;

/// Values found in a row by their names, each with the node and the slot it was found at.
pub(crate) type Placed<V> = IndexMap<String, (usize, usize, V)>;

impl Layout {
    /// The slot of `key`, made if it is new.
    pub(crate) fn slot(&mut self, node: usize, key: &str) -> usize {
        if let Some(at) = self.find_slot(node, key) {
            return at;
        }
        let of = &mut self.nodes[node];
        let at = of.slots.len();
        of.index.insert(key.to_owned(), at);
        of.slots.push(Slot::new(key));
        self.slots_in_all += 1;
        self.name_slot(node, at);
        at
    }

    /// Gives a slot the first name that no other key owns.
    fn name_slot(&mut self, node: usize, at: usize) {
        let of = &self.nodes[node];
        let table = of.table;
        let keys: Vec<&str> = of.keys.iter().chain([&of.slots[at].key]).map(String::as_str).collect();
        let choice = self.choice.as_deref().filter(|_| table == ROOT_TABLE);
        let key = &of.slots[at].key;
        let given =
            choice.filter(|_| of.path.is_empty()).map_or(key.as_str(), |choice| choice.renamed(key, self.naming));
        let plain = self.naming.normalize_key(given);
        // Chosen by the name in the data.
        let own = self.naming.normalize_key(key);
        let path: Vec<&str> = of.path.iter().map(String::as_str).chain([own.as_str()]).collect();
        if choice.is_some_and(|choice| choice.leaves_out(&path, self.naming)) {
            let slot = &mut self.nodes[node].slots[at];
            slot.target.is_shared = true;
            (slot.is_left_out, slot.name, slot.part) = (true, plain.clone(), plain);
            return;
        }
        let (mut part, mut attempt) = (plain.clone(), 0);
        let (name, folded) = loop {
            let name = self.naming.join_path(of.path.iter().map(String::as_str).chain([part.as_str()]));
            let folded = self.naming.folded(&name).into_owned();
            match self.tables[table].owners.get(&folded) {
                Some(owner) if *owner != keys => {
                    attempt += 1;
                    part = self.naming.apart(&plain, &keys, attempt);
                }
                _ => break (self.tables[table].spelled(&folded).unwrap_or(name), folded),
            }
        };
        if attempt > 0 {
            let keys = keys.into_iter().map(str::to_owned).collect();
            self.renamed.insert((self.tables[table].name.clone(), keys, name.clone()));
        }
        let rows = &self.tables[table];
        let is_variant = rows.by_name.get(&name).is_some_and(|&at| rows.columns[at].column.is("variant"));
        let mut is_shared = is_variant || column_names::is_filled_by_engine(&name);
        let together = self.by_column.entry((table, folded)).or_default();
        for &(node, slot) in together.iter() {
            self.nodes[node].slots[slot].target.is_shared = true;
            is_shared = true;
        }
        together.push((node, at));
        let column = self.tables[table].by_name.get(&name).copied().unwrap_or(NONE);
        let slot = &mut self.nodes[node].slots[at];
        slot.target = Target { column, object: NONE, list: NONE, is_shared };
        (slot.part, slot.name) = (part, name);
    }

    /// Leaves the keys that lead to a column to the slow path.
    pub(crate) fn share(&mut self, table: usize, column: &str) {
        let place = (table, self.naming.folded(column).into_owned());
        for &(node, slot) in self.by_column.get(&place).into_iter().flatten() {
            self.nodes[node].slots[slot].target.is_shared = true;
        }
    }

    /// Puts a value among those of its row. No value takes the place of another: where two keys would have one name, one
    /// of them is named apart.
    pub(crate) fn settle<V>(&mut self, placed: &mut Placed<V>, node: usize, slot: usize, value: V) {
        let mut pending = vec![(node, slot, value)];
        while let Some((node, slot, value)) = pending.pop() {
            let name = self.nodes[node].slots[slot].name.clone();
            let folded = self.folded_name(node, slot);
            match placed.get(&folded) {
                Some(&(other_node, other_slot, _))
                    if (other_node, other_slot) != (node, slot) && !column_names::is_filled_by_engine(&name) =>
                {
                    // What was placed may have been named apart since.
                    if self.leads_to(other_node, other_slot, &folded) {
                        self.contest((other_node, other_slot), (node, slot));
                    }
                    if !self.leads_to(other_node, other_slot, &folded) {
                        pending.extend(placed.shift_remove(&folded));
                    }
                    pending.push((node, slot, value));
                }
                _ => drop(placed.insert(folded, (node, slot, value))),
            }
        }
    }

    /// The name of a slot as the destination compares it.
    pub(crate) fn folded_name(&self, node: usize, slot: usize) -> String {
        self.naming.folded(&self.nodes[node].slots[slot].name).into_owned()
    }

    fn leads_to(&self, node: usize, slot: usize, folded: &str) -> bool {
        self.naming.folded(&self.nodes[node].slots[slot].name) == folded
    }

    /// The name of a slot's column, spelled as the column is that the destination would take for it.
    pub(crate) fn column_name(&mut self, node: usize, slot: usize) -> String {
        let table = self.nodes[node].table;
        let name = &mut self.nodes[node].slots[slot].name;
        if let Some(spelled) = self.tables[table].spelled(&self.naming.folded(name)) {
            *name = spelled;
        }
        name.clone()
    }

    /// As [`Layout::own`], unless a key that came before it in the row has the name, which [`Layout::settle`] will see.
    pub(crate) fn own_unless_placed<V>(
        &mut self,
        placed: &Placed<V>,
        node: usize,
        slot: usize,
        has_key: impl FnOnce(&str) -> bool,
    ) {
        if !placed.contains_key(&self.folded_name(node, slot)) {
            self.own(node, slot, has_key);
        }
    }

    /// Makes a key own its name if another one could be taken for it. `has_key` says whether the object has a key.
    pub(crate) fn own(&mut self, node: usize, slot: usize, has_key: impl FnOnce(&str) -> bool) {
        let of = &self.nodes[node];
        let key = &of.slots[slot].key;
        if self.naming.keeps_letters(key) {
            return;
        }
        let name = &of.slots[slot].name;
        if self.tables[of.table].owners.contains_key(&*self.naming.folded(name)) {
            return;
        }
        if of.path.is_empty() && has_key(name) {
            let plain = self.slot(node, &name.clone());
            self.claim(node, plain);
        } else {
            self.claim(node, slot);
        }
    }

    /// Two keys of a row have one name: settles whose it is.
    fn contest(&mut self, first: (usize, usize), second: (usize, usize)) {
        let is_plain = |(node, slot): (usize, usize)| {
            let of = &self.nodes[node];
            of.keys.is_empty() && of.slots[slot].key == of.slots[slot].name
        };
        let is_key = |(node, slot): (usize, usize)| {
            let of = &self.nodes[node];
            of.table == ROOT_TABLE && of.keys.is_empty() && self.spelled_key.contains(&of.slots[slot].key)
        };
        let rank = |at| (is_key(at), is_plain(at));
        let (node, slot) = if rank(second) > rank(first) { second } else { first };
        self.claim(node, slot);
    }

    /// A slot owns its name from now on; others that had it are named apart.
    fn claim(&mut self, node: usize, slot: usize) {
        let of = &self.nodes[node];
        let table = of.table;
        let name = of.slots[slot].name.clone();
        let folded = self.naming.folded(&name).into_owned();
        let keys: Vec<String> = of.keys.iter().chain([&of.slots[slot].key]).cloned().collect();
        let rows = &mut self.tables[table];
        rows.owners.insert(folded.clone(), keys.clone());
        rows.new_owners.push((name.clone(), keys.clone()));
        let place = (table, folded);
        let together = self.by_column.remove(&place).unwrap_or_default();
        let (stay, leave): (Vec<_>, Vec<_>) = together.into_iter().partition(|&(node, slot)| {
            let of = &self.nodes[node];
            of.keys.iter().chain([&of.slots[slot].key]).eq(keys.iter())
        });
        if let [(node, slot)] = stay[..] {
            self.nodes[node].slots[slot].target.is_shared = column_names::is_filled_by_engine(&name);
        }
        self.by_column.insert(place, stay);
        for (node, slot) in leave {
            self.name_slot(node, slot);
        }
    }
}

#[cfg(test)]
mod tests;
