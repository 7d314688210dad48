//! The proposal: what a contract says, and what was seen beside it, as TOML with comments.
//!
//! What the contract says stays as it is said. Only what it does not name is added, and where values are others than it
//! says, a comment tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::seen::{Kind, Values};
use crate::contract::{Event, Field, Fields, Privacy, Shape, can_be_named, hashed_key, quoted, text};

/// Lists and objects that are in each other, at most.
const MAX_DEPTH: usize = 12;
/// Most names of an object, and of an event: of more, they are data and no words of a program.
const MAX_MEMBERS: usize = 50;
const MAX_PROPERTIES: usize = 200;

/// A property as it is proposed.
struct Draft {
    shape: DraftShape,
    privacy: Privacy,
    is_optional: bool,
    meaning: Option<String>,
    /// The keys for what is kept as a hash.
    hashed: Vec<String>,
    note: String,
}

enum DraftShape {
    One(Kind),
    List(Box<Self>),
    Object(Members),
}

/// Properties or members, and what is not named of them and why.
#[derive(Default)]
struct Members {
    drafts: BTreeMap<String, Draft>,
    unnamed: Vec<String>,
    /// Names that were not there before, however deep.
    added: usize,
}

/// What is said of an event already: by the project's contract, and by every contract.
pub(super) struct Said<'a> {
    pub(super) own: Option<&'a Event>,
    pub(super) built_in: Option<&'a Event>,
}

impl Said<'_> {
    /// Whether a property is named.
    pub(super) fn names(&self, property: &str) -> bool {
        [self.own, self.built_in].into_iter().flatten().any(|event| event.fields.contains_key(property))
    }
}

/// The proposal for an event; `None` where it says nothing that is not said already. `dropped` tells what was not kept.
pub(super) fn event(
    name: &str,
    Said { own, built_in }: &Said<'_>,
    seen: &Values,
    dropped: Vec<String>,
    comment: &str,
) -> Option<String> {
    let none = Fields::new();
    let own_fields = own.map_or(&none, |event| &event.fields);
    let basic = built_in.map_or(&none, |event| &event.fields);
    let mut base = basic.clone();
    base.extend(own_fields.iter().map(|(name, field)| (name.clone(), field.clone())));
    let mut members = members(&base, seen, seen.count, MAX_PROPERTIES, "event", 0);
    members.unnamed.extend(dropped);
    // What is built in needs no word, unless something is added to it.
    members.drafts.retain(|name, draft| own_fields.contains_key(name) || !basic.contains_key(name) || draft.adds());
    if own.is_none() && built_in.is_some() && members.drafts.is_empty() && members.unnamed.is_empty() {
        return None;
    }
    let path = format!("events.{}", quoted(name));
    let mut out = format!("\n[{path}]  # {comment}\n");
    if let Some(meaning) = own.and_then(|event| event.meaning.as_ref()) {
        let _ = writeln!(out, "meaning = {}", text(meaning));
    }
    write_members(&mut out, &path, &members);
    Some(out)
}

/// What is named of members, and what is seen of them in `of` events, objects or items.
fn members(base: &Fields, seen: &Values, of: u64, most: usize, whose: &str, depth: usize) -> Members {
    let mut found = Members::default();
    let new: Vec<&String> = seen.members.keys().filter(|name| !base.contains_key(*name)).collect();
    let is_data = new.len() > most;
    if is_data {
        found.unnamed.push(format!(
            "{} more names, which look like data and not like words of a program: name what is to be kept",
            new.len()
        ));
    }
    let odd = new.iter().filter(|name| !can_be_named(name)).count();
    if odd > 0 {
        found
            .unnamed
            .push(format!("{odd} names can't stand in a contract: they are empty, too long, or are never kept"));
    }
    let new = new.into_iter().filter(|name| !is_data && can_be_named(name));
    for name in base.keys().chain(new).collect::<BTreeSet<_>>() {
        let values = seen.members.get(name).filter(|values| values.count > 0);
        let base = base.get(name);
        match draft(name, base, values, of, whose, depth) {
            Ok(None) => {}
            Ok(Some(draft)) => {
                found.added += usize::from(base.is_none()) + draft.shape.added();
                found.drafts.insert(name.clone(), draft);
            }
            Err(why) => found.unnamed.push(format!("{} {why}", quoted(name))),
        }
    }
    found
}

fn draft(
    name: &str,
    base: Option<&Field>,
    seen: Option<&Values>,
    of: u64,
    whose: &str,
    depth: usize,
) -> Result<Option<Draft>, String> {
    let nothing = Values::default();
    let (is_seen, seen) = (seen.is_some(), seen.unwrap_or(&nothing));
    let mut notes = Vec::new();
    if is_seen {
        notes.push(format!("in {} of {whose}s", share(seen.count, of)));
    } else if of > 0 {
        notes.push("in none".to_owned());
    }
    let shape = match base {
        None if !is_seen => return Ok(None),
        base => shape(base.map(|field| &field.shape), seen, depth, &mut notes)?,
    };
    let draft = match base {
        Some(field) => Draft {
            shape,
            privacy: field.privacy,
            is_optional: field.is_optional,
            meaning: field.meaning.clone(),
            hashed: hashed_key(field),
            note: notes.join("; "),
        },
        None => {
            let privacy = match shape.privacy() {
                Some(privacy) => privacy,
                None => {
                    let (privacy, why) = seen.privacy(name);
                    notes.extend(Some(why).filter(|why| !why.is_empty()));
                    privacy
                }
            };
            Draft { shape, privacy, is_optional: true, meaning: None, hashed: Vec::new(), note: notes.join("; ") }
        }
    };
    Ok(Some(draft))
}

/// What is said of a value, and what is seen beside.
fn shape(base: Option<&Shape>, seen: &Values, depth: usize, notes: &mut Vec<String>) -> Result<DraftShape, String> {
    let kinds = seen.kinds();
    let kind = match (base, kinds.as_slice()) {
        (Some(shape), kinds) => {
            let said = Kind::of(shape);
            let others = kinds.iter().filter(|(kind, _)| !said.takes(*kind)).map(counted);
            notes.extend(
                Some(Vec::from_iter(others).join(", ")).filter(|all| !all.is_empty()).map(|all| format!("also {all}")),
            );
            said
        }
        (None, [(Kind::Integer, _)]) => seen.whole(),
        (None, [(kind, _)]) => *kind,
        // The items of a list that was always empty: whatever is said of them, it fits.
        (None, []) => {
            notes.push("always empty".to_owned());
            Kind::Text
        }
        (None, kinds) => {
            return Err(format!("has no one type: {}", Vec::from_iter(kinds.iter().map(counted)).join(", ")));
        }
    };
    let nothing = Values::default();
    match kind {
        Kind::List | Kind::Object if depth >= MAX_DEPTH => {
            Err(format!("has more than {MAX_DEPTH} lists and objects in each other"))
        }
        Kind::List => {
            let base = match base {
                Some(Shape::List(item)) => Some(&**item),
                _ => None,
            };
            let items = seen.items.as_deref().unwrap_or(&nothing);
            let item =
                shape(base, items, depth + 1, notes).map_err(|flaw| format!("is a list whose items' type: {flaw}"))?;
            Ok(DraftShape::List(Box::new(item)))
        }
        Kind::Object => {
            let none = Fields::new();
            let fields = match base {
                Some(Shape::Object(fields)) => fields,
                _ => &none,
            };
            Ok(DraftShape::Object(members(fields, seen, seen.objects, MAX_MEMBERS, "object", depth + 1)))
        }
        scalar => Ok(DraftShape::One(scalar)),
    }
}

/// How often a kind was seen.
fn counted((kind, count): &(Kind, u64)) -> String {
    format!("{} ({count})", kind.word())
}

/// A part of a whole; little is not nothing.
fn share(part: u64, whole: u64) -> String {
    match (part as f64 * 100.0 / whole.max(1) as f64).round() {
        share if share < 1.0 => "under 1 %".to_owned(),
        share if share >= 100.0 && part < whole => "over 99 %".to_owned(),
        share => format!("{share:.0} %"),
    }
}

impl Draft {
    /// Whether it is a line, and no table of its own.
    fn is_line(&self) -> bool {
        match &self.shape {
            DraftShape::One(_) => true,
            DraftShape::List(item) => matches!(**item, DraftShape::One(_)),
            DraftShape::Object(_) => false,
        }
    }

    /// Whether it names what was not named.
    fn adds(&self) -> bool {
        self.shape.added() > 0
    }

    /// The keys beside type and items.
    fn keys(&self) -> Vec<String> {
        let mut keys = vec![format!("privacy = \"{}\"", self.privacy.word())];
        if !self.is_optional {
            keys.push("optional = false".to_owned());
        }
        keys.extend_from_slice(&self.hashed);
        keys.extend(self.meaning.as_ref().map(|meaning| format!("meaning = {}", text(meaning))));
        keys
    }
}

impl DraftShape {
    fn added(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::List(item) => item.added(),
            Self::Object(members) => members.added,
        }
    }

    /// The class of an object: of what is in it, the one that tells most.
    fn privacy(&self) -> Option<Privacy> {
        match self {
            Self::One(_) => None,
            Self::List(item) => item.privacy(),
            Self::Object(members) => {
                let all = members.drafts.values().map(|draft| draft.privacy);
                Some(all.max_by_key(|privacy| tells(*privacy)).unwrap_or(Privacy::Public))
            }
        }
    }

    /// Type, and the items of a list of values, as keys.
    fn keys(&self) -> Vec<String> {
        let word = match self {
            Self::One(kind) => kind.word(),
            Self::List(_) => "array",
            Self::Object(_) => "object",
        };
        let mut keys = vec![format!("type = \"{word}\"")];
        if let Self::List(item) = self
            && let Self::One(kind) = &**item
        {
            keys.push(format!("items = \"{}\"", kind.word()));
        }
        keys
    }
}

/// How much a class tells of a person.
fn tells(privacy: Privacy) -> u8 {
    match privacy {
        Privacy::Measure => 0,
        Privacy::Public => 1,
        Privacy::System => 2,
        Privacy::Hash => 3,
        Privacy::Random => 4,
    }
}

/// The table `fields` below a path, with the tables below it.
fn write_members(out: &mut String, path: &str, members: &Members) {
    let path = format!("{path}.fields");
    let _ = writeln!(out, "\n[{path}]");
    for (name, draft) in members.drafts.iter().filter(|(_, draft)| draft.is_line()) {
        let keys: Vec<String> = draft.shape.keys().into_iter().chain(draft.keys()).collect();
        let _ = writeln!(out, "{} = {{ {} }}{}", quoted(name), keys.join(", "), comment(&draft.note));
    }
    for unnamed in &members.unnamed {
        let _ = writeln!(out, "# {unnamed}");
    }
    for (name, draft) in members.drafts.iter().filter(|(_, draft)| !draft.is_line()) {
        let path = format!("{path}.{}", quoted(name));
        let _ = writeln!(out, "\n[{path}]{}", comment(&draft.note));
        for key in draft.shape.keys().into_iter().chain(draft.keys()) {
            let _ = writeln!(out, "{key}");
        }
        write_within(out, &path, &draft.shape);
    }
}

/// The tables of what is in a list or an object.
fn write_within(out: &mut String, path: &str, shape: &DraftShape) {
    match shape {
        DraftShape::Object(members) => write_members(out, path, members),
        DraftShape::List(item) if !matches!(**item, DraftShape::One(_)) => {
            let path = format!("{path}.items");
            let _ = writeln!(out, "\n[{path}]\n{}", item.keys().join("\n"));
            write_within(out, &path, item);
        }
        _ => {}
    }
}

fn comment(note: &str) -> String {
    if note.is_empty() { String::new() } else { format!("  # {note}") }
}
