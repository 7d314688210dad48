//! What may be told of groups of people.
//!
//! The groups of a cut are disjoint, and together they are all ids of a week. Told are only groups of at least so many ids,
//! rounded down to a multiple of that number; all others are one group. Were that one too small, it would be known from
//! what is missing of the whole: then the smallest groups that could be told are put into it, too.

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

impl Groups {
    /// What may be told; `None` where it is nothing.
    pub(crate) fn told(&self, least: u64) -> Option<Told> {
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
        Some(Told {
            all: rounded(all),
            named: named.into_iter().map(|(value, ids)| (value.clone(), rounded(*ids))).collect(),
            others: (others > 0).then(|| rounded(others)),
        })
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

    /// What someone knows of a quantity who sees what was published of it: between which numbers it lies.
    type Range = (i64, i64);

    fn seen(rounded: u64, least: u64) -> Range {
        (rounded as i64, (rounded + least - 1) as i64)
    }

    fn sum(ranges: impl Iterator<Item = Range>) -> Range {
        ranges.fold((0, 0), |sum, range| (sum.0 + range.0, sum.1 + range.1))
    }

    fn less(one: Range, other: Range) -> Range {
        (one.0 - other.1, one.1 - other.0)
    }

    /// Whether a quantity is known to be that of a few people.
    fn isolates(range: Range, least: u64) -> bool {
        range.0 >= 1 && range.1 < least as i64
    }

    /// All that is published of some weeks, each with the ranges that follow for it from the others: the parts of a cut
    /// are the whole, which is that of every cut.
    fn known(weeks: &[Vec<Told>], least: u64) -> Vec<Range> {
        let mut all = Vec::new();
        for cuts in weeks {
            let mut whole = seen(cuts[0].all, least);
            let parts = |told: &Told| -> Vec<Range> {
                told.named.iter().map(|(_, ids)| *ids).chain(told.others).map(|ids| seen(ids, least)).collect()
            };
            for told in cuts {
                assert_eq!(told.all, cuts[0].all);
                let of_parts = sum(parts(told).into_iter());
                whole = (whole.0.max(of_parts.0), whole.1.min(of_parts.1));
            }
            all.push(whole);
            for told in cuts {
                let parts = parts(told);
                for (at, part) in parts.iter().enumerate() {
                    let rest = sum(parts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, range)| *range));
                    let by_rest = less(whole, rest);
                    all.push((part.0.max(by_rest.0), part.1.min(by_rest.1)));
                }
            }
        }
        all
    }

    proptest! {
        /// Two weeks of a population, of which each id tells three things in each week.
        #[test]
        fn nothing_published_isolates_a_few(
            ids in prop::collection::vec((any::<bool>(), any::<bool>(), 0u8..4, prop::option::weighted(0.9, 0u8..40), prop::option::of(0u8..2)), 0..160),
            least in 5u64..13,
        ) {
            let mut weeks = Vec::new();
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
                    let Some(told) = groups.told(least) else {
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
                    prop_assert_eq!(&groups.told(least), &Some(told.clone()), "the same each time");
                    published.push(told);
                }
                if !published.is_empty() {
                    weeks.push(published);
                }
            }
            let known = known(&weeks, least);
            for (at, one) in known.iter().enumerate() {
                prop_assert!(!isolates(*one, least), "{one:?}");
                for other in &known[..at] {
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
        let told = |groups: &[(&str, u64)], small| Groups { large: large(groups), small }.told(10);
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
}
