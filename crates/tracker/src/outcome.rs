//! Why an accepted event is quarantined.

/// Why an event went into the quarantine instead of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Larger than one event may be.
    TooLarge,
    /// Not a JSON object.
    NotAnObject,
    /// JSON by its brackets, but not readable: nested too deeply, a broken escape, a duplicate member.
    Unreadable,
    /// No name.
    NoEventName,
    /// The name is not a string, is empty or too long.
    BadEventName,
    /// The message id is not a string or is longer than 100 characters.
    BadMessageId,
    /// The anonymous id is not a string or is longer than 100 characters.
    BadAnonymousId,
    /// `properties` is not an object.
    PropertiesNotAnObject,
    /// `context` is not an object.
    ContextNotAnObject,
    /// Its project's contract does not name the event.
    UndeclaredEvent,
    /// Its project's contract does not name a property, or a member of an object.
    UndeclaredProperty,
    /// A property is not of the type that its project's contract names.
    WrongType,
    /// A property that its project's contract asks for is not there.
    MissingProperty,
    /// Its record in the journal was damaged on the disk.
    CorruptRecord,
    /// The tables refused its row, which lies in the folder `refused`.
    RefusedRow,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::TooLarge,
        Self::NotAnObject,
        Self::Unreadable,
        Self::NoEventName,
        Self::BadEventName,
        Self::BadMessageId,
        Self::BadAnonymousId,
        Self::PropertiesNotAnObject,
        Self::ContextNotAnObject,
        Self::UndeclaredEvent,
        Self::UndeclaredProperty,
        Self::WrongType,
        Self::MissingProperty,
        Self::CorruptRecord,
        Self::RefusedRow,
    ];

    /// Those of a contract: the event is kept whole, and can be stored when the contract names it.
    pub const OF_CONTRACTS: [Self; 4] =
        [Self::UndeclaredEvent, Self::UndeclaredProperty, Self::WrongType, Self::MissingProperty];

    /// The value of the quarantine's column `reason`, and the label in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotAnObject => "not_an_object",
            Self::Unreadable => "unreadable",
            Self::NoEventName => "no_event_name",
            Self::BadEventName => "bad_event_name",
            Self::BadMessageId => "bad_message_id",
            Self::BadAnonymousId => "bad_anonymous_id",
            Self::PropertiesNotAnObject => "properties_not_an_object",
            Self::ContextNotAnObject => "context_not_an_object",
            Self::UndeclaredEvent => "undeclared_event",
            Self::UndeclaredProperty => "undeclared_property",
            Self::WrongType => "wrong_type",
            Self::MissingProperty => "missing_property",
            Self::CorruptRecord => "corrupt_record",
            Self::RefusedRow => "refused_row",
        }
    }
}
