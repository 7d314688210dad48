//! What an event is: a type whose every field is declared once, with its meaning, and nothing beside.

use serde_json::{Map, Value as Json};

use crate::value::{Privacy, Value};

/// An event that can be recorded. Made by [`event!`](crate::event!), not by hand.
pub trait Event {
    /// What the contract says of it.
    const DECLARATION: Declaration;

    #[doc(hidden)]
    fn properties(&self) -> Properties;
}

/// An event as the contract has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declaration {
    /// The first half of the event's name: `command`.
    pub category: &'static str,
    /// The second half: `init`.
    pub name: &'static str,
    /// When it is sent and what for.
    pub about: &'static str,
    /// The fields beside `event_category` and `event_name`, which every event has.
    pub fields: &'static [Field],
}

impl Declaration {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        category: &'static str,
        name: &'static str,
        about: &'static str,
        fields: &'static [Field],
    ) -> Self {
        Self { category, name, about, fields }
    }

    /// The name under which the event is sent: `command_init`.
    #[must_use]
    pub fn event(&self) -> String {
        format!("{}_{}", self.category, self.name)
    }
}

/// One field as the contract has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The key in the JSON.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// The JSON type.
    pub kind: &'static str,
    /// The unit of a number, empty where there is none.
    pub unit: &'static str,
    /// The privacy class.
    pub privacy: Privacy,
    /// Whether it may be missing.
    pub optional: bool,
    /// A value it could have, written as JSON.
    pub example: &'static str,
}

impl Field {
    #[doc(hidden)]
    #[must_use]
    pub const fn of<T: Value>(
        name: &'static str,
        about: &'static str,
        unit: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, about, kind: T::KIND, unit, privacy: T::PRIVACY, optional: T::OPTIONAL, example }
    }
}

/// The fields of one event, ready to be sent.
#[doc(hidden)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties(pub(crate) Map<String, Json>);

impl Properties {
    #[doc(hidden)]
    pub fn set<T: Value>(&mut self, name: &'static str, value: &T) {
        if let Some(value) = value.encode() {
            self.0.insert(name.to_owned(), value);
        }
    }
}

/// Declares event types: each field once, with its meaning, its type (and so its privacy class), a unit where it has
/// one, and an example. Beginning with `pub const ALL;` it also makes a list of them, for [`Contract`](crate::Contract).
///
/// ```
/// dlt_telemetry::event! {
///     /// A pond was drained.
///     pub struct PondDrained("pond", "drained") {
///         /// Which of the program's own methods was used.
///         method: dlt_telemetry::Word, example = "pump";
///         /// How long it took.
///         elapsed: dlt_telemetry::Seconds, unit = "s", example = 3.2;
///     }
/// }
/// ```
///
/// A field of a type that could hold a user's own words does not compile:
///
/// ```compile_fail
/// dlt_telemetry::event! {
///     /// Says too much.
///     pub struct Chatty("pond", "chatty") {
///         /// Anything at all.
///         message: String, example = "hello";
///     }
/// }
/// ```
#[macro_export]
macro_rules! event {
    (
        pub const $all:ident;
        $(
            $(#[doc = $about:literal])+
            pub struct $type:ident($category:literal, $name:literal) { $($fields:tt)* }
        )+
    ) => {
        /// All events that are declared here, in this order.
        pub const $all: &[$crate::Declaration] = &[$(<$type as $crate::Event>::DECLARATION),+];

        $crate::event! {$(
            $(#[doc = $about])+
            pub struct $type($category, $name) { $($fields)* }
        )+}
    };

    ($(
        $(#[doc = $about:literal])+
        pub struct $type:ident($category:literal, $name:literal) {
            $(
                $(#[doc = $field_about:literal])+
                $field:ident : $value:ty $(, unit = $unit:literal)? , example = $example:expr;
            )*
        }
    )+) => {$(
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $type {
            $(
                $(#[doc = $field_about])+
                pub $field: $value,
            )*
        }

        impl $crate::Event for $type {
            const DECLARATION: $crate::Declaration = $crate::Declaration::new(
                $category,
                $name,
                concat!($($about),+),
                &[$($crate::Field::of::<$value>(
                    stringify!($field),
                    concat!($($field_about),+),
                    concat!($($unit)?),
                    stringify!($example),
                )),*],
            );

            fn properties(&self) -> $crate::Properties {
                #[allow(unused_mut, reason = "an event may have no field of its own")]
                let mut properties = $crate::Properties::default();
                $(properties.set(stringify!($field), &self.$field);)*
                properties
            }
        }
    )+};
}
