//! Small numbers in the place of large ones.

use std::hash::{BuildHasher, RandomState};

/// The slot is empty.
const EMPTY: u32 = u32::MAX;
/// Slots of the first table.
const FIRST_SLOTS: usize = 1 << 10;

/// Numbers of 64 bits, such as hashes, by codes: the first that is met has the code 0, the next one 1.
///
/// It takes 8 bytes a number, and 4 bytes a slot, of which at most three of four are taken: half of what a hash map of the
/// standard library takes.
#[derive(Debug)]
pub(super) struct Codes {
    /// By code.
    numbers: Vec<u64>,
    /// Codes; a power of two of them. A number is behind the slot that it is led to, with no empty one in between.
    slots: Vec<u32>,
    /// Odd. Nobody can foresee which numbers are led to one slot.
    factor: u64,
}

impl Default for Codes {
    fn default() -> Self {
        Self { numbers: Vec::new(), slots: Vec::new(), factor: RandomState::new().hash_one(0) | 1 }
    }
}

impl Codes {
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<u64>() + self.slots.capacity() * size_of::<u32>()
    }

    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.slots.fill(EMPTY);
    }

    /// The code of a number.
    pub(super) fn of(&mut self, number: u64) -> u32 {
        self.of_new(number, |_| {})
    }

    /// As [`Codes::of`], and tells a number that is met for the first time.
    pub(super) fn of_new(&mut self, number: u64, on_new: impl FnOnce(u64)) -> u32 {
        if (self.numbers.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.slot(number);
        match self.slots[slot] {
            EMPTY => {
                let code = u32::try_from(self.numbers.len()).unwrap_or(EMPTY);
                self.slots[slot] = code;
                self.numbers.push(number);
                on_new(number);
                code
            }
            code => code,
        }
    }

    /// The code of a number that was met.
    pub(super) fn find(&self, number: u64) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        Some(self.slots[self.slot(number)]).filter(|code| *code != EMPTY)
    }

    /// The slot of a number, or the empty one where it belongs.
    fn slot(&self, number: u64) -> usize {
        let last = self.slots.len() - 1;
        // The upper half of a product depends on all bits: those of a part are alike in their lower ones.
        let mut slot = (number.wrapping_mul(self.factor) >> 32) as usize & last;
        while self.slots[slot] != EMPTY && self.numbers[self.slots[slot] as usize] != number {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(FIRST_SLOTS);
        // Not both tables at a time.
        self.slots = Vec::new();
        self.slots = vec![EMPTY; slots];
        for code in 0..self.numbers.len() {
            let slot = self.slot(self.numbers[code]);
            self.slots[slot] = u32::try_from(code).unwrap_or(EMPTY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_the_code_of_its_first_time() {
        let mut codes = Codes::default();
        // Alike in their lower bits, and in the upper ones.
        let numbers = || (0..5_000_u64).flat_map(|number| [number << 40, number]);
        let mut known = std::collections::HashMap::new();
        for number in numbers() {
            let next = u32::try_from(known.len()).unwrap_or_default();
            let is_new = !known.contains_key(&number);
            let code = *known.entry(number).or_insert(next);
            let mut told = None;
            assert_eq!(codes.of_new(number, |number| told = Some(number)), code);
            assert_eq!(told, is_new.then_some(number));
        }
        for number in numbers() {
            assert_eq!(codes.find(number), known.get(&number).copied());
        }
        assert_eq!((codes.len(), codes.find(u64::MAX)), (9_999, None));
        assert!(codes.bytes() < 9_999 * 24, "{}", codes.bytes());
        codes.clear();
        assert_eq!((codes.len(), codes.find(7), codes.of(7)), (0, None, 0));
    }
}
