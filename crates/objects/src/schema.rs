//! What Kubernetes says about its own types: which message a kind is, which number a field has in protocol buffers, how it is
//! written as JSON. Start at [`Schema::kubernetes`].
//!
//! The facts are in `schema/kubernetes.txt`, made by `cargo xtask schema` from the types of a Kubernetes release by way of Go's
//! reflection. Kubernetes never gives a number of a field to another one, so they hold for older releases as well; what a newer
//! one has added is met as an unknown field. The file has lines of words:
//!
//! - `kind API-VERSION KIND MESSAGE`
//! - `message MESSAGE`, and then one line for each field: `NUMBER NAME SHAPE FLAG...`
//!
//! Shapes are those of [`Shape`], in lower case, or a message's name. Flags: `list`, `map` (from strings), `pointer` (it can be
//! absent, and an absent one is not zero), `inline` (its fields are written among those of its parent), `always` (written also when
//! zero), `omitzero` (not written when zero, also if it is a message), `itself` (the message is written as this field).

use std::collections::HashMap;
use std::sync::LazyLock;

static KUBERNETES: LazyLock<Schema> = LazyLock::new(|| Schema::parse(include_str!("schema/kubernetes.txt")));

/// Kinds and messages.
#[derive(Debug, Default)]
pub struct Schema {
    kinds: HashMap<(String, String), usize>,
    messages: Vec<Message>,
}

/// A message of protocol buffers.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// In the order in which Kubernetes declares them.
    pub(crate) fields: Vec<Field>,
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) many: Many,
    pub(crate) pointer: bool,
    pub(crate) inline: bool,
    pub(crate) written: Written,
    pub(crate) itself: bool,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Many {
    One,
    List,
    Map,
}

/// When a field is written as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Also when it is zero.
    Always,
    /// When it is not empty; a message is never empty.
    NotEmpty,
    /// When it is not zero.
    NotZero,
}

/// What a field's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Bool,
    Bytes,
    Double,
    Duration,
    Float,
    Int,
    IntOrString,
    Message(usize),
    MicroTime,
    Quantity,
    /// JSON as it is.
    Raw,
    SchemaOrArray(usize),
    SchemaOrBool(usize),
    SchemaOrStrings(usize),
    String,
    Time,
    Uint,
}

impl Schema {
    /// That of the Kubernetes release that this version of Lifeboat was made with.
    pub fn kubernetes() -> &'static Self {
        &KUBERNETES
    }

    /// All kinds, as API version and kind.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kinds.keys().map(|(version, kind)| (version.as_str(), kind.as_str()))
    }

    /// Whether a kind is there in any version of its group.
    pub(crate) fn has(&self, group: &str, kind: &str) -> bool {
        let of = |version: &str| version.rsplit_once('/').map_or("", |(group, _)| group) == group;
        self.kinds().any(|(version, it)| it == kind && of(version))
    }

    /// The message of a kind.
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Option<&Message> {
        let number = self.kinds.get(&(api_version.to_owned(), kind.to_owned()))?;
        self.messages.get(*number)
    }

    pub(crate) fn message(&self, number: usize) -> Option<&Message> {
        self.messages.get(number)
    }

    /// What is not understood is left out: a field that is not known is met as an unknown one. A test sees that nothing is.
    fn parse(text: &str) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let names = text.lines().filter_map(|line| line.strip_prefix("message "));
        for (number, name) in names.enumerate() {
            numbers.insert(name, number);
        }
        let mut schema = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["kind", version, kind, message] => {
                    if let Some(number) = numbers.get(message) {
                        schema.kinds.insert(((*version).to_owned(), (*kind).to_owned()), *number);
                    }
                }
                ["message", _] => schema.messages.push(Message::default()),
                [number, name, shape, flags @ ..] => {
                    let field = field(&numbers, number, name, shape, flags);
                    if let (Some(field), Some(message)) = (field, schema.messages.last_mut()) {
                        message.fields.push(field);
                    }
                }
                _ => {}
            }
        }
        schema
    }
}

fn field(numbers: &HashMap<&str, usize>, number: &str, name: &str, shape: &str, flags: &[&str]) -> Option<Field> {
    let of_schema = || numbers.get("apiextensions/v1.JSONSchemaProps").copied();
    let shape = match shape {
        "bool" => Shape::Bool,
        "bytes" => Shape::Bytes,
        "double" => Shape::Double,
        "duration" => Shape::Duration,
        "float" => Shape::Float,
        "int" => Shape::Int,
        "intorstring" => Shape::IntOrString,
        "microtime" => Shape::MicroTime,
        "quantity" => Shape::Quantity,
        "raw" => Shape::Raw,
        "schemaorarray" => Shape::SchemaOrArray(of_schema()?),
        "schemaorbool" => Shape::SchemaOrBool(of_schema()?),
        "schemaorstrings" => Shape::SchemaOrStrings(of_schema()?),
        "string" => Shape::String,
        "time" => Shape::Time,
        "uint" => Shape::Uint,
        message => Shape::Message(*numbers.get(message)?),
    };
    let has = |flag: &str| flags.contains(&flag);
    let known = ["list", "map", "pointer", "inline", "always", "omitzero", "itself"];
    if !flags.iter().all(|flag| known.contains(flag)) {
        return None;
    }
    let many = match (has("list"), has("map")) {
        (true, _) => Many::List,
        (_, true) => Many::Map,
        _ => Many::One,
    };
    let written = match (has("always"), has("omitzero")) {
        (true, _) => Written::Always,
        (_, true) => Written::NotZero,
        _ => Written::NotEmpty,
    };
    Some(Field {
        number: number.parse().ok()?,
        name: name.to_owned(),
        shape,
        many,
        pointer: has("pointer"),
        inline: has("inline"),
        written,
        itself: has("itself"),
    })
}

#[cfg(test)]
mod tests;
