//! Protocol buffers by hand, as far as objects of Kubernetes need them.

/// A message that is being written.
#[derive(Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// With a field of text.
    pub(super) fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// With a field of bytes.
    pub(super) fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field << 3 | 2));
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// With a number.
    pub(super) fn number(mut self, field: u32, number: u64) -> Self {
        self.varint(u64::from(field << 3));
        self.varint(number);
        self
    }

    /// With a message.
    pub(super) fn put(self, field: u32, message: Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// With a moment, in Unix seconds.
    pub(super) fn time(self, field: u32, seconds: u64) -> Self {
        self.put(field, Self::new().number(1, seconds))
    }

    /// With an entry of a map of texts.
    pub(super) fn entry(self, field: u32, key: &str, value: &str) -> Self {
        self.put(field, Self::new().text(1, key).text(2, value))
    }

    /// With several of a kind.
    pub(super) fn all(self, field: u32, messages: impl IntoIterator<Item = Self>) -> Self {
        messages.into_iter().fold(self, |it, message| it.put(field, message))
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    /// The value as the API server stores it: `k8s`, a zero byte, and the object in its envelope.
    pub(super) fn stored(self, api_version: &str, kind: &str) -> Vec<u8> {
        let envelope = Self::new()
            .put(1, Self::new().text(1, api_version).text(2, kind))
            .bytes(2, &self.0)
            .text(3, "")
            .text(4, "");
        [b"k8s\0".as_slice(), &envelope.0].concat()
    }
}
