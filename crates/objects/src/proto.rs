//! From protocol buffers to JSON, as Kubernetes itself writes an object that it has read. Start at [`decode`].
//!
//! Go's rules decide what is written: an absent field that is no pointer is zero, a zero one is left out only if it may be, and a
//! message is never empty. Sources: `encoding/json` of Go, `generated.proto` of each API group, and the methods `MarshalJSON` of
//! the few types that have one.

mod special;
pub(crate) mod wire;

use crate::schema::{Field, Many, Message, Schema, Shape, Written};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
pub(crate) use wire::{Scalar, Wire};

/// Schemas of custom resources nest; nothing honest does so more deeply.
const MAX_DEPTH: usize = 200;

/// So many unknown fields are named.
const MOST_UNKNOWN: usize = 50;

/// An object, and which of its fields are not known here.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) value: Map<String, Value>,
    /// Where, by names and at last a number: fields of a later Kubernetes.
    pub(crate) unknown: Vec<String>,
}

/// Decodes the message of a kind.
///
/// # Errors
/// What is wrong with the bytes, and where.
pub(crate) fn decode(schema: &Schema, message: &Message, bytes: &[u8]) -> Result<Decoded, String> {
    let mut reader = Reader { schema, unknown: Vec::new(), path: Vec::new() };
    let (value, _) = reader.message(message, &[bytes])?;
    match value {
        Value::Object(value) => Ok(Decoded { value, unknown: reader.unknown }),
        _ => Err("it is no object".to_owned()),
    }
}

struct Reader<'a> {
    schema: &'a Schema,
    unknown: Vec<String>,
    path: Vec<String>,
}

/// A value, and whether it is zero as Go sees it.
type Found = (Value, bool);

impl<'a> Reader<'a> {
    /// A message that came in one piece, or in several that are put together.
    fn message(&mut self, message: &'a Message, pieces: &[&[u8]]) -> Result<Found, String> {
        if self.path.len() > MAX_DEPTH {
            return Err(format!("{}...: it is nested too deeply", self.path[..8].join(".")));
        }
        let mut given: Vec<Vec<Scalar<'_>>> = message.fields.iter().map(|_| Vec::new()).collect();
        for piece in pieces {
            for it in Wire::new(piece) {
                let (number, scalar) = it.map_err(|why| self.at(&why))?;
                let place = message.fields.iter().position(|field| field.number == number);
                match place.and_then(|place| given.get_mut(place)) {
                    Some(values) => values.push(scalar),
                    None => self.note_unknown(number),
                }
            }
        }
        let (mut out, mut zero) = (Map::new(), true);
        for (field, values) in message.fields.iter().zip(given) {
            self.path.push(field.name.clone());
            let (value, is_zero) = self.field(field, &values)?;
            self.path.pop();
            zero &= is_zero;
            if field.itself {
                return Ok((value, is_zero));
            }
            match value {
                Value::Object(inner) if field.inline => out.extend(inner),
                _ if field.inline => {}
                value if written(field, &value, is_zero) => _ = out.insert(field.name.clone(), value),
                _ => {}
            }
        }
        Ok((Value::Object(out), zero))
    }

    fn field(&mut self, field: &Field, values: &[Scalar<'_>]) -> Result<Found, String> {
        match field.many {
            Many::List => self.list(field, values),
            Many::Map => self.map(field, values),
            Many::One if values.is_empty() && field.pointer => Ok((Value::Null, true)),
            Many::One => {
                let (value, zero) = self.one(field.shape, values)?;
                // What a pointer leads to is there, though it may be zero.
                Ok((value, zero && !field.pointer))
            }
        }
    }

    fn list(&mut self, field: &Field, values: &[Scalar<'_>]) -> Result<Found, String> {
        let mut items = Vec::new();
        for scalar in values {
            match scalar {
                Scalar::Bytes(packed) if is_number(field.shape) => {
                    for number in wire::packed(packed) {
                        let number = number.map_err(|why| self.at(&why))?;
                        items.push(self.one(field.shape, &[Scalar::Varint(number)])?.0);
                    }
                }
                scalar => items.push(self.one(field.shape, &[*scalar])?.0),
            }
        }
        if items.is_empty() {
            return Ok((Value::Null, true));
        }
        Ok((Value::Array(items), false))
    }

    fn map(&mut self, field: &Field, values: &[Scalar<'_>]) -> Result<Found, String> {
        let mut out = Map::new();
        for scalar in values {
            let Scalar::Bytes(entry) = scalar else {
                return Err(self.at("it is no map"));
            };
            let (mut key, mut given) = (String::new(), Vec::new());
            for it in Wire::new(entry) {
                match it.map_err(|why| self.at(&why))? {
                    (1, Scalar::Bytes(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
                    (2, scalar) => given = vec![scalar],
                    // Of a later Kubernetes, or nothing that a map has.
                    _ => {}
                }
            }
            let (value, _) = self.one(field.shape, &given)?;
            out.insert(key, value);
        }
        if out.is_empty() {
            return Ok((Value::Null, true));
        }
        Ok((Value::Object(out), false))
    }

    /// One value, of which the last counts; or zero, if there is none.
    fn one(&mut self, shape: Shape, values: &[Scalar<'_>]) -> Result<Found, String> {
        let last = values.last().copied();
        let wrong = |it: &Self| it.at("it is of another type");
        let bytes = || match last {
            None => Some([].as_slice()),
            Some(Scalar::Bytes(bytes)) => Some(bytes),
            Some(_) => None,
        };
        let number = || match last {
            None => Some(0),
            Some(Scalar::Varint(number)) => Some(number),
            Some(_) => None,
        };
        let real = || match last {
            None => Some(0.0),
            Some(Scalar::Fixed64(bits)) => Some(f64::from_bits(bits)),
            Some(Scalar::Fixed32(bits)) => Some(f64::from(f32::from_bits(bits))),
            Some(_) => None,
        };
        Ok(match shape {
            Shape::Bool => {
                let it = number().ok_or_else(|| wrong(self))? != 0;
                (it.into(), !it)
            }
            Shape::Int => {
                let it = number().ok_or_else(|| wrong(self))?.cast_signed();
                (it.into(), it == 0)
            }
            Shape::Uint => {
                let it = number().ok_or_else(|| wrong(self))?;
                (it.into(), it == 0)
            }
            Shape::Double | Shape::Float => {
                let it = real().ok_or_else(|| wrong(self))?;
                (special::real(it), it == 0.0)
            }
            Shape::String => {
                let it = bytes().ok_or_else(|| wrong(self))?;
                (String::from_utf8_lossy(it).into(), it.is_empty())
            }
            Shape::Bytes => match last {
                None => (Value::Null, true),
                Some(Scalar::Bytes(it)) => (BASE64_STANDARD.encode(it).into(), it.is_empty()),
                Some(_) => return Err(wrong(self)),
            },
            Shape::Message(of) => {
                let message = self.schema.message(of).ok_or_else(|| wrong(self))?;
                let pieces: Option<Vec<&[u8]>> = values.iter().map(Scalar::bytes).collect();
                self.message(message, &pieces.ok_or_else(|| wrong(self))?)?
            }
            special => {
                let it = bytes().ok_or_else(|| wrong(self))?;
                self.special(special, it)?
            }
        })
    }

    /// Each once, and no more than a person can read: damage has many.
    fn note_unknown(&mut self, number: u64) {
        let place = self.at_number(number);
        if self.unknown.len() < MOST_UNKNOWN && !self.unknown.contains(&place) {
            self.unknown.push(place);
        }
    }

    fn at(&self, why: &str) -> String {
        match self.path.is_empty() {
            true => why.to_owned(),
            false => format!("{}: {why}", self.path.join(".")),
        }
    }

    fn at_number(&self, number: u64) -> String {
        let mut path = self.path.clone();
        path.push(number.to_string());
        path.join(".")
    }
}

fn is_number(shape: Shape) -> bool {
    matches!(shape, Shape::Int | Shape::Uint | Shape::Bool)
}

/// Whether Go would write the field.
fn written(field: &Field, value: &Value, zero: bool) -> bool {
    let absent = field.pointer && value.is_null();
    match field.written {
        Written::Always => true,
        _ if absent => false,
        Written::NotZero => !zero,
        // A message that is no pointer is never empty to Go.
        Written::NotEmpty if field.many == Many::One && is_struct(field.shape) => true,
        Written::NotEmpty => !zero,
    }
}

fn is_struct(shape: Shape) -> bool {
    !is_number(shape) && !matches!(shape, Shape::Double | Shape::Float | Shape::String | Shape::Bytes)
}

#[cfg(test)]
mod tests;
