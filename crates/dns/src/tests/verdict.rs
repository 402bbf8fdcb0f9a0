//! What answers to a signed update mean, with answers made by hand, and by chance.

use super::{SECRET, fqdn, held, key};
use crate::tsig::Signed;
use crate::verdict::Update;
use crate::wire::{self, Reply};
use crate::{Algorithm, Error, Tsig, provider};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::TSigResponseContext;
use hickory_proto::rr::rdata::tsig::TsigError;
use proptest::prelude::*;

/// Seconds since 1970 at which all requests here are signed.
const NOW: u64 = 1_800_000_000;

fn request() -> (Message, Signed) {
    let message = provider::update(&fqdn("lab.test"), &fqdn("rancher.lab.test"), &held([]), &held(["192.0.2.2"]));
    let signed = key().sign(message.clone(), NOW).unwrap();
    (message, signed)
}

/// An answer as a server would sign it: with `key`, for the request with that signature.
fn signed_answer(id: u16, code: ResponseCode, key: &Tsig, mac: &[u8], time: u64) -> Vec<u8> {
    let mut answer = Message::response(id, OpCode::Update);
    answer.metadata.response_code = code;
    let context = TSigResponseContext::new(id, time, key.signer().unwrap(), mac.to_vec(), None);
    let signature = context.sign(&answer.to_vec().unwrap()).unwrap();
    answer.set_signature(signature);
    answer.to_vec().unwrap()
}

fn verdict(request: &(Message, Signed), bytes: Vec<u8>) -> Result<(), Error> {
    let (message, signed) = request;
    let key = key();
    let server = "192.0.2.53:53".parse().unwrap();
    let update = Update {
        server,
        zone: "lab.test",
        name: "rancher.lab.test",
        key: &key,
        request: signed,
    };
    let message =
        wire::read(message, &bytes).map_err(|reason| wire::Trouble::Nonsense(reason).about(server, "test"))?;
    update.verdict(&Reply { message, bytes })
}

#[test]
fn a_signed_noerror_is_the_only_yes() {
    let request = request();
    let (message, signed) = &request;
    assert!(verdict(&request, signed_answer(message.id, ResponseCode::NoError, &key(), &signed.mac, NOW)).is_ok());
    // Times near zero make hickory's own verifier overflow.
    assert!(verdict(&request, signed_answer(message.id, ResponseCode::NoError, &key(), &signed.mac, 1)).is_ok());
}

#[test]
fn an_answer_that_nothing_vouches_for_is_no_yes() {
    let request = request();
    let (message, signed) = &request;
    let other_secret = Tsig::new("lifeboat", Algorithm::HmacSha256, "b3RoZXI=").unwrap();
    let other_name = Tsig::new("other", Algorithm::HmacSha256, SECRET).unwrap();
    let other_algorithm = Tsig::new("lifeboat", Algorithm::HmacSha512, SECRET).unwrap();
    let mut forged: Vec<_> = [other_secret, other_name, other_algorithm]
        .map(|key| signed_answer(message.id, ResponseCode::NoError, &key, &signed.mac, NOW))
        .into();
    // The answer to an earlier request.
    forged.push(signed_answer(message.id, ResponseCode::NoError, &key(), b"another signature", NOW));
    forged.push(Message::response(message.id, OpCode::Update).to_vec().unwrap());
    for bytes in forged {
        let error = verdict(&request, bytes).unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error}");
        assert!(error.to_string().ends_with("so whether the change was made is unknown"), "{error}");
    }
}

#[test]
fn any_byte_changed_is_no_yes() {
    let request = request();
    let (message, signed) = &request;
    let good = signed_answer(message.id, ResponseCode::NoError, &key(), &signed.mac, NOW);
    // Class and TTL of the signature's own record: after the header, the key's name and the record's type.
    let unsigned = 12 + 10 + 2..12 + 10 + 8;
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 0x01;
        let outcome = verdict(&request, bytes);
        assert!(outcome.is_err() || unsigned.contains(&place), "byte {place} of {}", good.len());
    }
}

#[test]
fn signed_refusals_are_told_apart() {
    let request = request();
    let (message, signed) = &request;
    let says = |code| {
        let error = verdict(&request, signed_answer(message.id, code, &key(), &signed.mac, NOW)).unwrap_err();
        format!("{:?}: {error}", error.kind())
    };
    assert_eq!(
        says(ResponseCode::Refused),
        "Person: name server 192.0.2.53:53 answers REFUSED for a change of rancher.lab.test in the zone lab.test"
    );
    assert_eq!(
        says(ResponseCode::ServFail),
        "Unreachable: name server 192.0.2.53:53 answers SERVFAIL for a change of rancher.lab.test in the zone lab.test"
    );
    assert_eq!(
        says(ResponseCode::NotAuth),
        "Invalid: name server 192.0.2.53:53 does not serve the zone lab.test: it answers NOTAUTH to a change"
    );
    assert_eq!(says(ResponseCode::NotZone), "Invalid: rancher.lab.test is not in the zone lab.test");
}

#[test]
fn refusals_without_a_signature_are_of_the_key() {
    let request = request();
    let says = |code| {
        let answer = Message::error_msg(request.0.id, OpCode::Update, code);
        verdict(&request, answer.to_vec().unwrap()).unwrap_err()
    };
    for code in [ResponseCode::NotAuth, ResponseCode::Refused] {
        assert!(matches!(says(code), Error::Key { .. }), "{code}");
    }
    for code in [ResponseCode::FormErr, ResponseCode::ServFail, ResponseCode::NotImp] {
        assert!(matches!(says(code), Error::Refused { .. }), "{code}");
    }
}

#[test]
fn errors_of_the_signature_are_told_apart() {
    let request = request();
    let says = |error, other: &[u8]| {
        let mut answer = Message::error_msg(request.0.id, OpCode::Update, ResponseCode::NotAuth);
        let signer = key().signer().unwrap();
        let mut signature = TSigResponseContext::bad_signature(request.0.id, NOW, signer).sign(&[]).unwrap();
        signature.data.error = Some(error);
        signature.data.other = other.to_vec();
        answer.set_signature(signature);
        verdict(&request, answer.to_vec().unwrap()).unwrap_err().to_string()
    };
    let key_refused = "name server 192.0.2.53:53 does not accept the TSIG key lifeboat";
    assert_eq!(says(TsigError::BadSig, &[]), format!("{key_refused}: BADSIG: its secret is another"));
    assert!(says(TsigError::BadKey, &[]).starts_with(&format!("{key_refused}: BADKEY")));
    assert_eq!(says(TsigError::Unknown(99), &[]), format!("{key_refused}: TSIG error 99"));
    let ours = "name server 192.0.2.53:53 does not accept a signature made at 2027-01-15T08:00:00Z by this host's clock: \
                its own clock says";
    let hour_later = (NOW + 3600).to_be_bytes();
    assert_eq!(says(TsigError::BadTime, &hour_later[2..]), format!("{ours} 2027-01-15T09:00:00Z"));
    assert_eq!(says(TsigError::BadTime, &[]), format!("{ours} another time"));
    assert_eq!(says(TsigError::BadTime, &[0xff; 6]), format!("{ours} another time"));
}

#[test]
fn answers_to_other_requests_are_not_read() {
    let (message, _signed) = request();
    let answers = [
        Message::response(message.id.wrapping_add(1), OpCode::Update),
        Message::response(message.id, OpCode::Query),
        message.clone(),
    ];
    for answer in answers {
        assert!(wire::read(&message, &answer.to_vec().unwrap()).is_err(), "{answer:?}");
    }
    let mut question = Message::query();
    question.add_query(hickory_proto::op::Query::query(fqdn("a.test"), hickory_proto::rr::RecordType::A));
    let mut other = question.clone().into_response();
    other.queries[0].set_name(fqdn("b.test"));
    assert!(wire::read(&question, &other.to_vec().unwrap()).is_err());
    other.queries.clear();
    assert!(wire::read(&question, &other.to_vec().unwrap()).is_err());
    other.metadata.response_code = ResponseCode::FormErr;
    assert!(wire::read(&question, &other.to_vec().unwrap()).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_say_yes(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        let request = request();
        prop_assert!(verdict(&request, noise.clone()).is_err());
        // With a good header, more of it is read.
        let mut answer = Message::response(request.0.id, OpCode::Update).to_vec().unwrap();
        answer.truncate(4);
        answer.extend(noise);
        prop_assert!(verdict(&request, answer).is_err());
    }

    #[test]
    fn no_damage_makes_it_panic(place in 0_usize..200, value in any::<u8>(), length in 0_usize..200) {
        let request = request();
        let mut bytes = signed_answer(request.0.id, ResponseCode::NoError, &key(), &request.1.mac, NOW);
        bytes.truncate(length.max(12));
        let place = place % bytes.len();
        bytes[place] = value;
        let _whatever = verdict(&request, bytes);
    }
}
