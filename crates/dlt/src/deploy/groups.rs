//! Which resources are loaded together.

use dlt_engine::source::DeclaredResource;

/// The selected resources in groups: a resource that is read for the items of another goes with it, as do those that are read for
/// the items of one that is not loaded itself. In the order in which they are declared.
pub(super) fn groups(declared: &[DeclaredResource]) -> Vec<Vec<String>> {
    let mut group: Vec<usize> = (0..declared.len()).collect();
    for (index, resource) in declared.iter().enumerate() {
        let parent = resource.parent.as_deref();
        let Some(parent) = parent.and_then(|name| declared.iter().position(|other| other.name == name)) else {
            continue;
        };
        let (own, other) = (group[index], group[parent]);
        let (first, second) = (own.min(other), own.max(other));
        group.iter_mut().filter(|number| **number == second).for_each(|number| *number = first);
    }
    let mut groups: Vec<(usize, Vec<String>)> = Vec::new();
    for (resource, number) in declared.iter().zip(group).filter(|(resource, _)| resource.is_selected) {
        match groups.iter_mut().find(|(known, _)| *known == number) {
            Some((_, names)) => names.push(resource.name.clone()),
            None => groups.push((number, vec![resource.name.clone()])),
        }
    }
    groups.into_iter().map(|(_, names)| names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(declared: &[(&str, Option<&str>, bool)]) -> Vec<String> {
        let declared: Vec<_> = declared
            .iter()
            .map(|(name, parent, is_selected)| {
                DeclaredResource::new(*name).below(parent.map(str::to_owned)).selected(*is_selected)
            })
            .collect();
        groups(&declared).into_iter().map(|names| names.join("+")).collect()
    }

    #[test]
    fn children_stay_with_their_parents() {
        assert_eq!(grouped(&[("a", None, true), ("b", None, true)]), ["a", "b"]);
        // A child before its parent, a grandchild, and one that stands alone.
        let family = [("c", Some("p"), true), ("x", None, true), ("p", None, true), ("g", Some("c"), true)];
        assert_eq!(grouped(&family), ["c+p+g", "x"]);
        // Two families that one resource joins.
        let joined = [("a", None, true), ("b", None, true), ("c", Some("b"), true), ("b2", Some("a"), true)];
        assert_eq!(grouped(&joined), ["a+b2", "b+c"]);
        // A parent that is not loaded keeps its children together: it is read once for all of them in one task.
        assert_eq!(grouped(&[("p", None, false), ("a", Some("p"), true), ("b", Some("p"), true)]), ["a+b"]);
        assert_eq!(grouped(&[("a", Some("gone"), true)]), ["a"]);
        assert!(grouped(&[]).is_empty());
    }
}
