//! What a server's answer to a signed update means. Pure; start at [`Update::verdict`].

use crate::tsig::Signed;
use crate::wire::Reply;
use crate::{Error, Tsig};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::TSIG;
use hickory_proto::rr::rdata::tsig::TsigError;
use jiff::Timestamp;
use std::net::SocketAddr;

/// An update that was sent.
pub(crate) struct Update<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) zone: &'a str,
    pub(crate) name: &'a str,
    pub(crate) key: &'a Tsig,
    pub(crate) request: &'a Signed,
}

impl Update<'_> {
    /// `Ok` only when the server says, under the key's signature, that the change was made.
    ///
    /// Refusals are believed without a signature: a server that does not know the key cannot sign, and who can forge one
    /// could cut the line as well.
    pub(crate) fn verdict(&self, reply: &Reply) -> Result<(), Error> {
        let code = reply.message.response_code;
        let Some(signature) = reply.message.signature() else {
            return Err(match code {
                ResponseCode::NoError => self.unvouched("it is not signed"),
                ResponseCode::NotAuth | ResponseCode::Refused => {
                    self.key(format!("it answers {} without a signature", crate::Rcode::from(code)))
                }
                _ => self.refused(code),
            });
        };
        match signature.data.error {
            Some(error) => Err(self.key_error(error, &signature.data)),
            None if !self.key.vouches_for(&reply.bytes, self.request) => {
                Err(self.unvouched("its signature was not made with the TSIG key for this request"))
            }
            None => match code {
                ResponseCode::NoError => Ok(()),
                ResponseCode::NotAuth => Err(Error::NotZone {
                    server: self.server,
                    zone: self.zone.to_owned(),
                    reason: "it answers NOTAUTH to a change".to_owned(),
                }),
                ResponseCode::NotZone => Err(Error::Outside { name: self.name.to_owned(), zone: self.zone.to_owned() }),
                _ => Err(self.refused(code)),
            },
        }
    }

    fn key_error(&self, error: TsigError, signature: &TSIG) -> Error {
        match error {
            TsigError::BadTime => Error::Clock {
                server: self.server,
                ours: timestamp(self.request.time).unwrap_or_default(),
                theirs: match signature.other.as_slice() {
                    [a, b, c, d, e, f] => timestamp(u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f])),
                    _ => None,
                },
            },
            TsigError::BadKey => {
                // Knot answers so for a key that it knows, but that its ACL does not let change the zone.
                self.key(
                    "BADKEY: it knows no such name with that algorithm, or the key may not change this zone".to_owned(),
                )
            }
            TsigError::BadSig => self.key("BADSIG: its secret is another".to_owned()),
            TsigError::BadTrunc => self.key("BADTRUNC: it wants longer signatures".to_owned()),
            TsigError::Unknown(code) => self.key(format!("TSIG error {code}")),
        }
    }

    fn key(&self, reason: String) -> Error {
        Error::Key { server: self.server, key: self.key.name().to_owned(), reason }
    }

    fn refused(&self, code: ResponseCode) -> Error {
        Error::Refused {
            server: self.server,
            subject: self.subject(),
            rcode: code.into(),
        }
    }

    fn unvouched(&self, reason: &str) -> Error {
        let reason = format!("{reason}, so whether the change was made is unknown");
        Error::Answer { server: self.server, subject: self.subject(), reason }
    }

    /// What was asked for, as errors name it.
    pub(crate) fn subject(&self) -> String {
        format!("a change of {} in the zone {}", self.name, self.zone)
    }
}

fn timestamp(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}
