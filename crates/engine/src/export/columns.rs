//! Names of columns in a file.

/// A join may give two columns one name; the second is then told apart by a number.
pub(super) fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !all.contains(name));
        all.extend(free);
    }
    all
}
