//! The types whose JSON is no list of their fields. Start at `Reader::special`. Source: the `MarshalJSON` of each, in
//! `k8s.io/apimachinery` (`meta/v1`, `api/resource`, `util/intstr`, `runtime`) and `k8s.io/apiextensions-apiserver`.

use super::wire::{Scalar, Wire};
use super::{Found, Reader};
use crate::schema::Shape;
use jiff::Timestamp;
use serde_json::{Number, Value};

impl Reader<'_> {
    /// A value of one of these types, from the bytes of its message.
    pub(super) fn special(&mut self, shape: Shape, bytes: &[u8]) -> Result<Found, String> {
        let mut fields = Vec::new();
        for it in Wire::new(bytes) {
            fields.push(it.map_err(|why| self.at(&why))?);
        }
        let number = |number: u64| {
            let mut found = fields.iter().rev().filter(|(it, _)| *it == number);
            found.find_map(|(_, scalar)| {
                if let Scalar::Varint(it) = scalar {
                    Some(it.cast_signed())
                } else {
                    None
                }
            })
        };
        let bytes = |number: u64| {
            let mut found = fields.iter().rev().filter(|(it, _)| *it == number);
            found.find_map(|(_, scalar)| scalar.bytes())
        };
        let text = |number: u64| bytes(number).map(String::from_utf8_lossy);
        Ok(match shape {
            Shape::Time | Shape::MicroTime if fields.is_empty() => (Value::Null, true),
            Shape::Time | Shape::MicroTime => {
                let (seconds, nanos) = (number(1).unwrap_or(0), number(2).unwrap_or(0));
                (time(shape, seconds, nanos).ok_or_else(|| self.at("it is no time"))?.into(), false)
            }
            Shape::Duration => {
                let nanos = number(1).unwrap_or(0);
                (duration(nanos).into(), nanos == 0)
            }
            Shape::Quantity => {
                let text = text(1).unwrap_or_default();
                let zero = text.is_empty() || text == "0";
                (if text.is_empty() { "0".into() } else { text.into() }, zero)
            }
            Shape::IntOrString => match number(1).unwrap_or(0) {
                0 => {
                    let it = number(2).unwrap_or(0);
                    (it.into(), it == 0)
                }
                1 => (text(3).unwrap_or_default().into(), false),
                _ => return Err(self.at("it is neither a number nor a text")),
            },
            Shape::Raw => match bytes(1) {
                None | Some([]) => (Value::Null, true),
                Some(raw) => (serde_json::from_slice(raw).map_err(|why| self.at(&why.to_string()))?, false),
            },
            Shape::SchemaOrBool(of) => match bytes(2) {
                Some(schema) => self.one(Shape::Message(of), &[Scalar::Bytes(schema)])?,
                None => {
                    let allows = number(1).unwrap_or(0) != 0;
                    (allows.into(), !allows)
                }
            },
            Shape::SchemaOrArray(of) => {
                let many: Vec<_> = fields.iter().filter(|(it, _)| *it == 2).collect();
                if !many.is_empty() {
                    let mut items = Vec::new();
                    for (_, scalar) in many {
                        items.push(self.one(Shape::Message(of), &[*scalar])?.0);
                    }
                    return Ok((Value::Array(items), false));
                }
                match bytes(1) {
                    Some(schema) => self.one(Shape::Message(of), &[Scalar::Bytes(schema)])?,
                    None => (Value::Null, true),
                }
            }
            Shape::SchemaOrStrings(of) => {
                let names = fields
                    .iter()
                    .filter(|(it, _)| *it == 2)
                    .filter_map(|(_, scalar)| scalar.bytes());
                let names: Vec<Value> = names.map(|it| String::from_utf8_lossy(it).into()).collect();
                match bytes(1) {
                    _ if !names.is_empty() => (Value::Array(names), false),
                    Some(schema) => self.one(Shape::Message(of), &[Scalar::Bytes(schema)])?,
                    None => (Value::Null, true),
                }
            }
            _ => return Err(self.at("it is of another type")),
        })
    }
}

/// A number as Go writes it: without a fraction where there is none.
pub(super) fn real(it: f64) -> Value {
    if it.fract() == 0.0 && it.abs() < 1e15 {
        return (it as i64).into();
    }
    Number::from_f64(it).map_or(Value::Null, Value::Number)
}

fn time(shape: Shape, seconds: i64, nanos: i64) -> Option<String> {
    let nanos = i32::try_from(nanos).ok().filter(|it| (0..1_000_000_000).contains(it))?;
    let time = Timestamp::new(seconds, nanos).ok()?;
    Some(match shape {
        Shape::MicroTime => time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        _ => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

/// As Go writes a `time.Duration`: `1h2m3.5s`, `250ms`.
fn duration(nanos: i64) -> String {
    let (sign, all) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let fraction = |of: u64, unit: u64| {
        let (whole, rest) = (of / unit, of % unit);
        let digits = unit.ilog10() as usize;
        let text = format!("{whole}.{rest:0digits$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match all {
        0 => "0s".to_owned(),
        few if few < 1_000 => format!("{sign}{few}ns"),
        few if few < 1_000_000 => format!("{sign}{}µs", fraction(few, 1_000)),
        few if few < 1_000_000_000 => format!("{sign}{}ms", fraction(few, 1_000_000)),
        _ => {
            let seconds = all / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = fraction(all % 60_000_000_000, 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{rest}s"),
                (0, minutes) => format!("{sign}{minutes}m{rest}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{rest}s"),
            }
        }
    }
}
