//! What may be told of groups of people.
//!
//! The groups of a cut are disjoint, and together they are all ids of a week. Told are only groups of at least so many ids,
//! rounded down to a multiple of that number; all others are one group. Were that one too small, it would be known from
//! what is missing of the whole: then the smallest groups that could be told are put into it, too.
//!
//! All parts of a cut add up to the same whole, rounded or not, so numbers that were all rounded down by much tell each other more exactly
//! than they are rounded. Between which bounds each can be is computed as somebody would who sees all cuts of the week, and groups are put
//! together until none is known to less than half of what rounding leaves open. So a difference of any two numbers, of whichever cuts and
//! weeks, leaves open at least as much as one number that was rounded, and is never known to be that of a few.

/// Groups that are told by name; the others are one.
const MAX_NAMED: usize = 12;

/// The groups of a cut in a week.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Those with enough ids, by their value; of `None` the ids that tell none.
    pub(crate) large: Vec<(Option<String>, u64)>,
    /// Ids of all other groups.
    pub(crate) small: u64,
}

/// What is told of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// All ids, rounded.
    pub(crate) all: u64,
    /// Groups, rounded, the largest first.
    pub(crate) named: Vec<(Option<String>, u64)>,
    /// What is not among them, rounded; nothing where all are.
    pub(crate) others: Option<u64>,
}

/// Between which numbers a quantity is, both ends included.
type Range = (u64, u64);

/// Between which numbers the whole of a week and the parts of its cuts are, for somebody who sees all that is told of it and knows
/// that the parts of each cut are the whole.
fn known(cuts: &[&Told], least: u64) -> (Range, Vec<Vec<Range>>) {
    let seen = |rounded: u64| (rounded, rounded + least - 1);
    let mut whole = seen(cuts.first().map_or(0, |told| told.all));
    let mut cuts: Vec<Vec<Range>> =
        cuts.iter().map(|told| told.named.iter().map(|(_, ids)| *ids).chain(told.others).map(seen).collect()).collect();
    loop {
        let before = (whole, cuts.clone());
        for parts in &mut cuts {
            let sum = parts.iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            whole = (whole.0.max(sum.0), whole.1.min(sum.1));
            for part in parts {
                // The whole without the others.
                let (fewest, most) =
                    ((whole.0 + part.1).saturating_sub(sum.1), (whole.1 + part.0).saturating_sub(sum.0));
                *part = (part.0.max(fewest), part.1.min(most));
            }
        }
        if before == (whole, cuts.clone()) {
            return (whole, cuts);
        }
    }
}

/// Whether what is told of a week leaves open enough of each number.
fn is_vague(cuts: &[&Told], least: u64) -> bool {
    let (whole, parts) = known(cuts, least);
    parts.iter().flatten().chain([&whole]).all(|range| range.1.saturating_sub(range.0) >= least / 2)
}

impl Groups {
    /// What may be told beside what is told already of the same week; `None` where it is nothing.
    pub(crate) fn told(&self, least: u64, beside: &[Told]) -> Option<Told> {
        let rounded = |ids: u64| ids - ids % least;
        let all = self.small + self.large.iter().map(|(_, ids)| ids).sum::<u64>();
        if all < least {
            return None;
        }
        let mut named: Vec<&(Option<String>, u64)> = self.large.iter().filter(|(_, ids)| *ids >= least).collect();
        named.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        named.truncate(MAX_NAMED);
        let mut others = all - named.iter().map(|(_, ids)| ids).sum::<u64>();
        while others > 0 && others < least {
            others += named.pop().map_or(least, |(_, ids)| *ids);
        }
        loop {
            let told = Told {
                all: rounded(all),
                named: named.iter().map(|(value, ids)| (value.clone(), rounded(*ids))).collect(),
                others: (others > 0).then(|| rounded(others)),
            };
            let cuts = Vec::from_iter(beside.iter().chain([&told]));
            // Nothing but the whole is known of one group.
            match named.pop().filter(|_| !is_vague(&cuts, least)) {
                Some((_, ids)) => others += ids,
                None => return Some(told),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The groups of ids by what each tells, as the tables give them.
    fn groups(values: &[Option<u8>], least: u64) -> (Groups, BTreeMap<Option<String>, u64>) {
        let mut true_groups: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for value in values {
            *true_groups.entry(value.map(|value| value.to_string())).or_default() += 1;
        }
        let (large, small): (Vec<_>, Vec<_>) = true_groups.clone().into_iter().partition(|(_, ids)| *ids >= least);
        (Groups { large, small: small.iter().map(|(_, ids)| ids).sum() }, true_groups)
    }

    type Difference = (i64, i64);

    fn less(one: Range, other: Range) -> Difference {
        (one.0 as i64 - other.1 as i64, one.1 as i64 - other.0 as i64)
    }

    /// Whether a quantity is known to be that of a few people.
    fn isolates(range: Difference, least: u64) -> bool {
        range.0 >= 1 && range.1 < least as i64
    }

    proptest! {
        /// Two weeks of a population, of which each id tells three things in each week.
        #[test]
        fn nothing_published_isolates_a_few(
            ids in prop::collection::vec((any::<bool>(), any::<bool>(), 0u8..4, prop::option::weighted(0.9, 0u8..40), prop::option::of(0u8..2)), 0..160),
            least in 5u64..13,
        ) {
            let mut all_known = Vec::new();
            for week in 0..2 {
                let there: Vec<_> = ids.iter().filter(|id| if week == 0 { id.0 } else { id.1 }).collect();
                let cuts: [Vec<Option<u8>>; 3] = [
                    there.iter().map(|id| Some(id.2)).collect(),
                    // Few values are frequent, and many rare.
                    there.iter().map(|id| id.3.map(|value| if value < 30 { value % 3 } else { value })).collect(),
                    there.iter().map(|id| id.4).collect(),
                ];
                let mut published = Vec::new();
                for cut in &cuts {
                    let (groups, truth) = groups(cut, least);
                    let Some(told) = groups.told(least, &published) else {
                        prop_assert!((there.len() as u64) < least);
                        continue;
                    };
                    // What is named is large, and its number no exact one.
                    for (value, ids) in &told.named {
                        prop_assert!(truth[value] >= least && ids % least == 0 && *ids <= truth[value]);
                    }
                    // What is missing of the whole is nobody, or enough, even for somebody who knew exact numbers.
                    let named: u64 = told.named.iter().map(|(value, _)| truth[value]).sum();
                    let missing = there.len() as u64 - named;
                    prop_assert!(missing == 0 || missing >= least, "{missing} of {}", there.len());
                    prop_assert_eq!(told.others, (missing > 0).then_some(missing - missing % least));
                    prop_assert_eq!(&groups.told(least, &published), &Some(told.clone()), "the same each time");
                    published.push(told);
                }
                if !published.is_empty() {
                    let (whole, parts) = known(&Vec::from_iter(&published), least);
                    let truly = there.len() as u64;
                    prop_assert!((whole.0..=whole.1).contains(&truly), "{truly} is in {whole:?}");
                    all_known.extend(parts.into_iter().flatten().chain([whole]));
                }
            }
            for (at, one) in all_known.iter().enumerate() {
                prop_assert!(!isolates((one.0 as i64, one.1 as i64), least), "{one:?}");
                for other in &all_known[..at] {
                    for difference in [less(*one, *other), less(*other, *one)] {
                        prop_assert!(!isolates(difference, least), "{one:?} and {other:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_would_be_known_from_what_is_missing_is_hidden_too() {
        let large =
            |groups: &[(&str, u64)]| groups.iter().map(|(value, ids)| (Some((*value).to_owned()), *ids)).collect();
        let told = |groups: &[(&str, u64)], small| Groups { large: large(groups), small }.told(10, &[]);
        assert_eq!(told(&[], 9), None);
        assert_eq!(told(&[("a", 19)], 0).unwrap(), Told { all: 10, named: large(&[("a", 10)]), others: None });
        let hidden = Told { all: 50, named: large(&[("a", 30)]), others: Some(20) };
        assert_eq!(told(&[("a", 35), ("b", 12)], 9).unwrap(), hidden);
        let alone = Told { all: 10, named: vec![], others: Some(10) };
        assert_eq!(told(&[("a", 12)], 1).unwrap(), alone);
        let enough = Told { all: 30, named: large(&[("a", 20)]), others: Some(10) };
        assert_eq!(told(&[("a", 20)], 10).unwrap(), enough);
        let many: Vec<(String, u64)> = (0..20).map(|number| (format!("v{number:02}"), 10)).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(value, ids)| (value.as_str(), *ids)).collect();
        let told = told(&many, 0).unwrap();
        assert_eq!((told.named.len(), told.others), (MAX_NAMED, Some(80)));
    }

    #[test]
    fn what_numbers_tell_of_each_other_is_left_open() {
        let groups = |sizes: &[u64]| {
            let large = sizes.iter().zip(0..).map(|(ids, name)| (Some(format!("v{name}")), *ids)).collect();
            Groups { large, small: 0 }
        };
        // Four groups are 36 to 56, and all of them 54 to 59: they would be known to be 54 to 56, of which each is 9 to 11.
        let told = groups(&[11, 11, 11, 23]).told(6, &[]).unwrap();
        assert_eq!((told.all, told.named.len(), told.others), (54, 2, Some(18)));
        let all_told = Told { all: 54, named: [18, 6, 6, 6].map(|ids| (None, ids)).to_vec(), others: None };
        assert_eq!(known(&[&all_told], 6).0, (54, 56));
        // What two cuts tell of each other, each of which alone leaves enough open.
        let first = groups(&[17, 17, 17]).told(6, &[]).unwrap();
        let second = groups(&[30, 21]).told(6, &[]).unwrap();
        assert!(is_vague(&[&first], 6) && is_vague(&[&second], 6));
        let beside = groups(&[30, 21]).told(6, std::slice::from_ref(&first)).unwrap();
        assert!(is_vague(&[&first, &beside], 6), "{beside:?}");
    }
}
