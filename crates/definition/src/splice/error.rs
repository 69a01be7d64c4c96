//! Why an edit is refused.

/// An edit that cannot be made. The packet stays as it was.
///
/// Paths are written from the packet inwards, as `item.added[2].data`; of a list that an edit changed,
/// indices count in the new list.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    /// A path that is none.
    #[error("`{path}` is no path: {reason}")]
    Path {
        /// What was written.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such field.
    #[error("there is no field `{name}` in {}{}", place(path), maybe(nearest))]
    UnknownField {
        /// The struct; empty for the packet itself.
        path: String,
        /// The name that was asked for.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// A list is shorter.
    #[error("`{path}` has {count} element(s), so there is no [{index}]")]
    NoElement {
        /// The list.
        path: String,
        /// The element that was asked for, from 0.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// Another kind of value belongs here.
    #[error("`{path}` takes {expected}, not {found}")]
    WrongType {
        /// The field.
        path: String,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// A name that the field's enum, flags, bits or table does not have.
    #[error(
        "`{path}` has no value named `{name}`{}; an unnamed one is given by its number",
        maybe(nearest)
    )]
    UnknownName {
        /// The field.
        path: String,
        /// The name that was given.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// A number that does not fit.
    #[error("{value} does not fit `{path}`, which takes {min} to {max}")]
    OutOfRange {
        /// The field.
        path: String,
        /// The number.
        value: i128,
        /// The least that fits.
        min: i128,
        /// The greatest that fits.
        max: i128,
    },
    /// A text, list or block that is too long.
    #[error("`{path}` would have {found} {unit}; at most {max} are allowed ({limit})")]
    TooLong {
        /// The field.
        path: String,
        /// What is counted: `bytes`, `code units`, `elements`, ...
        unit: &'static str,
        /// How many there would be.
        found: u64,
        /// How many are allowed.
        max: u64,
        /// Which limit: `max` of the definition, the prefix, or a field of [`Limits`](crate::Limits).
        limit: &'static str,
    },
    /// A length that is said elsewhere and does not follow.
    #[error("`{path}` would have {found} {unit}, but {by} says {wanted}; they have to agree")]
    WrongLength {
        /// The field.
        path: String,
        /// What is counted.
        unit: &'static str,
        /// How many there would be.
        found: u64,
        /// How many there have to be.
        wanted: i128,
        /// What says so: an expression, or `the definition`.
        by: String,
    },
    /// A character that the text's encoding does not have.
    #[error("`{path}` cannot hold `{}`: it is {encoding}", character.escape_debug())]
    Unencodable {
        /// The field.
        path: String,
        /// The character.
        character: char,
        /// The encoding.
        encoding: &'static str,
    },
    /// A value whose form is wrong: hexadecimal digits, a UUID, NBT, raw bytes that are something else.
    #[error("`{path}`: {reason}")]
    Form {
        /// The field.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A field that is not on the wire.
    #[error("`{path}` is computed from other fields ({by}); set those")]
    Computed {
        /// The field.
        path: String,
        /// The expression.
        by: String,
    },
    /// A field that cannot be left out.
    #[error("`{path}` cannot be left out: {reason}")]
    Required {
        /// The field.
        path: String,
        /// Why.
        reason: String,
    },
    /// A field is there only under a condition that cannot be made true (or false) in one way only.
    #[error("`{path}` is there only with {condition}: {reason}")]
    Condition {
        /// The field.
        path: String,
        /// The condition.
        condition: String,
        /// Why it cannot be turned round, and what to do.
        reason: String,
    },
    /// Two edits of one set, or an edit and what another needs, do not go together.
    #[error("`{path}` is set to {set}, but {by} needs it to be {needed}")]
    Contradiction {
        /// The field.
        path: String,
        /// What it was set to.
        set: String,
        /// What it has to be.
        needed: String,
        /// What needs that.
        by: String,
    },
    /// Lists or texts that share a count have different numbers.
    #[error("`{path}` is the length of {of}, which would have {found}; they have to be equal")]
    Disagree {
        /// The shared count.
        path: String,
        /// The lists or texts.
        of: String,
        /// Their lengths.
        found: String,
    },
    /// No value of the count stands for a length.
    #[error("no value of `{path}` stands for {found} of `{of}` ({rule})")]
    NotExact {
        /// The count.
        path: String,
        /// The list or text.
        of: String,
        /// Its length.
        found: u64,
        /// How the length follows from the count.
        rule: String,
    },
    /// A field was set that the packet does not have after all edits.
    #[error("`{path}` was set, but the packet does not have it then: {reason}")]
    Absent {
        /// The field.
        path: String,
        /// Why it is not there.
        reason: String,
    },
    /// Elements that would not be read as the list they make.
    #[error("`{path}`: {reason}")]
    List {
        /// The list.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A part of the packet that could not be read cannot be edited.
    #[error("`{path}` could not be read, so it cannot be edited")]
    Unread {
        /// The field.
        path: String,
    },
    /// Layouts inside each other.
    #[error("`{path}` is nested deeper than depth_max {max}")]
    Depth {
        /// The field.
        path: String,
        /// The limit.
        max: u32,
    },
    /// The packet would not be read as it was meant.
    #[error("the edited packet would not be read as it was meant: {reason}")]
    Inconsistent {
        /// What would be read.
        reason: String,
    },
}

fn place(path: &str) -> String {
    if path.is_empty() { "the packet".into() } else { format!("`{path}`") }
}

fn maybe(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
