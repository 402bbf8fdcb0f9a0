//! The wire format of protocol buffers. Start at [`Wire`]. Source: protobuf.dev, "Encoding".

/// The fields of a message, in the order in which they stand there.
pub(crate) struct Wire<'a> {
    rest: &'a [u8],
}

/// A field's value, before anybody knows what it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

impl<'a> Scalar<'a> {
    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<'a> Wire<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or("it ends within a field")?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Scalar<'a>), String> {
        let tag = varint(&mut self.rest)?;
        let scalar = match tag & 7 {
            0 => Scalar::Varint(varint(&mut self.rest)?),
            1 => Scalar::Fixed64(self.take(8)?.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))),
            2 => {
                let bytes = usize::try_from(varint(&mut self.rest)?).map_err(|_| "it ends within a field")?;
                Scalar::Bytes(self.take(bytes)?)
            }
            5 => Scalar::Fixed32(self.take(4)?.iter().rev().fold(0, |n, &byte| n << 8 | u32::from(byte))),
            _ => return Err("it is no message of protocol buffers".to_owned()),
        };
        match tag >> 3 {
            0 => Err("it is no message of protocol buffers".to_owned()),
            number => Ok((number, scalar)),
        }
    }
}

impl<'a> Iterator for Wire<'a> {
    type Item = Result<(u64, Scalar<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Numbers that stand one after the other without tags.
pub(crate) fn packed(mut bytes: &[u8]) -> impl Iterator<Item = Result<u64, String>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let number = varint(&mut bytes);
        if number.is_err() {
            bytes = &[];
        }
        Some(number)
    })
}

fn varint(from: &mut &[u8]) -> Result<u64, String> {
    let mut n = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first().ok_or("it ends within a number")?;
        *from = rest;
        if shift == 63 && byte > 1 {
            break;
        }
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(n);
        }
    }
    Err("a number is too long".to_owned())
}
