//! Who packed a bundle: by an expected key, by an unknown one, by nobody, or by something that proves nothing.

use chrono::{DateTime, Utc};
use heirloom::bundle::{Bag, Signature, SignatureCheck, Signer, SigningKey, TrustedKeys};
use heirloom::chrono;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use crate::craft::Kit;
use crate::{info, open, small};

/// The public half of [`key`].
pub(crate) const PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs tom@agency.example";
const BLOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

/// A private key as `ssh-keygen` writes it; the same each time.
pub(crate) fn private(seed: u8) -> PrivateKey {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::Ed25519(pair), "tom@agency.example").unwrap()
}

pub(crate) fn text(seed: u8) -> String {
    private(seed).to_openssh(LineEnding::LF).unwrap().to_string()
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_openssh(text(7)).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn signed() -> Bag {
    open(&small(Some(&key()))).unwrap()
}

/// What is said of a bundle signed by [`key`] to somebody who expects these keys in June 2025.
fn said(keys: &str) -> String {
    signed().signature(&TrustedKeys::parse(keys).unwrap(), at("2025-06-01T00:00:00Z")).to_string()
}

#[test]
fn a_signature_by_an_expected_key_names_its_owner() {
    assert_eq!(private(7).public_key().to_openssh().unwrap(), PUBLIC);
    let fingerprint = key().fingerprint();
    let expected = format!("signed by tom@agency.example with the expected key {fingerprint}");
    assert_eq!(said(PUBLIC), expected);
    assert_eq!(said(&format!("# the agency\n\ntom@agency.example {BLOB}\n")), expected);
    assert_eq!(said(&format!("restrict,command=\"echo a, b\" {PUBLIC}")), expected);
    assert_eq!(said(&format!("tom@agency.example namespaces=\"file,heirloom-*\" {BLOB} old laptop")), expected);
    assert_eq!(
        said(&format!("\"tom@agency.example\"\tvalid-after=\"20250101Z\"\t{}", BLOB.replace(' ', "\t"))),
        expected
    );
    assert_eq!(said(BLOB), format!("signed by the expected key {fingerprint}"));
}

#[test]
fn a_key_that_is_not_valid_then_or_for_this_is_said_to_be_so() {
    let with = |options: &str| said(&format!("tom@agency.example {options} {BLOB}"));
    let fingerprint = key().fingerprint();
    let of = format!("signed by the key {fingerprint} of tom@agency.example, but ");
    let cases = [
        ("valid-before=\"20250101Z\"", "it expired on 2025-01-01 00:00:00 UTC"),
        ("valid-before=\"20250531235959Z\"", "it expired on 2025-05-31 23:59:59 UTC"),
        ("valid-after=\"202506010001Z\"", "it is not valid before 2025-06-01 00:01:00 UTC"),
        ("namespaces=\"git\"", "it is trusted for git only, not for heirloom-handoff@v1"),
        ("namespaces=\"*,!heirloom-*\"", "it is trusted for *,!heirloom-* only, not for heirloom-handoff@v1"),
    ];
    for (options, why) in cases {
        assert_eq!(with(options), format!("{of}{why}"), "{options}");
    }
    assert_eq!(
        said(&format!("expiry-time=\"20250101Z\" {BLOB}")),
        format!("signed by the key {fingerprint}, but it expired on 2025-01-01 00:00:00 UTC")
    );
    for fine in ["valid-before=\"20250601Z\"", "valid-before=\"20260101\",valid-after=\"2024010112\"00"] {
        let fine = fine.replace("\"2024010112\"00", "\"202401011200\"");
        assert!(with(&fine).starts_with("signed by tom@agency.example"), "{fine}: {}", with(&fine));
    }
}

#[test]
fn a_second_line_for_the_same_key_may_still_be_valid() {
    let keys = format!("tom@agency.example valid-before=\"20250101Z\" {BLOB}\ntom@agency.example {BLOB}\n");
    assert!(said(&keys).starts_with("signed by tom@agency.example"));
}

#[test]
fn an_unknown_key_is_said_to_be_unknown_and_never_passes() {
    let other = private(8).public_key().to_openssh().unwrap();
    let fingerprint = key().fingerprint();
    assert_eq!(said(&other), format!("signed by an unknown key {fingerprint}"));
    assert_eq!(said(""), format!("signed by an unknown key {fingerprint}"));
    let keys = TrustedKeys::parse(&other).unwrap();
    let error = signed().signature(&keys, at("2025-06-01T00:00:00Z")).require().unwrap_err();
    assert!(error.to_string().contains("ask the sender for the key that they sign with, by another way"), "{error}");
}

#[test]
fn a_bundle_without_a_signature_is_said_to_be_unsigned() {
    let check = open(&small(None)).unwrap().signature(&TrustedKeys::parse(PUBLIC).unwrap(), at("2025-06-01T00:00:00Z"));
    assert_eq!(check, SignatureCheck::Unsigned);
    assert!(check.require().unwrap_err().to_string().starts_with("not signed; "));
}

#[test]
fn a_signature_over_something_else_proves_nothing() {
    let broken = |signature: &str| {
        let bag = open(&Kit::whole().put("tagmanifest-sha256.txt.sig", signature).zip()).unwrap();
        match bag.signature(&TrustedKeys::parse(PUBLIC).unwrap(), at("2025-06-01T00:00:00Z")) {
            SignatureCheck::Broken { why } => why,
            other => panic!("{other}"),
        }
    };
    let manifest = Kit::whole().0["tagmanifest-sha256.txt"].clone();
    let pem = |namespace: &str, bytes: &[u8]| {
        private(7).sign(namespace, HashAlg::Sha512, bytes).unwrap().to_pem(LineEnding::LF).unwrap()
    };
    assert!(broken(&pem("heirloom-handoff@v1", b"other bytes")).contains("one of the two was changed after signing"));
    assert!(broken(&pem("git", &manifest)).contains("was made for “git”, not for heirloom-handoff@v1"));
    assert!(
        broken("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n")
            .contains("not a signature by an ssh-ed25519")
    );
    assert!(broken("").contains("not a signature by an ssh-ed25519"));
    let bag =
        open(&Kit::whole().put("tagmanifest-sha256.txt.sig", pem("heirloom-handoff@v1", &manifest)).zip()).unwrap();
    assert!(bag.signature(&TrustedKeys::parse(PUBLIC).unwrap(), at("2025-06-01T00:00:00Z")).require().is_ok());
}

#[test]
fn a_signature_made_afterwards_gives_the_bytes_of_one_made_at_once() {
    let bag = open(&small(None)).unwrap();
    let signature = key().sign(bag.tag_manifest().unwrap()).unwrap();
    let signature = Signature::parse(&signature.to_string()).unwrap();
    let signed = bag.write_signed(&signature, Vec::new()).unwrap();
    assert_eq!(signed, small(Some(&key())));
    let again = open(&signed).unwrap().write_signed(&signature, Vec::new()).unwrap_err().to_string();
    assert_eq!(again, "handoff.zip: it is signed already; sign the bundle as it was before");
    let other = key().sign(b"another bundle").unwrap();
    let refused = bag.write_signed(&other, Vec::new()).unwrap_err().to_string();
    assert!(refused.contains("one of the two was changed after signing"), "{refused}");
}

#[test]
fn a_signer_that_signs_something_else_cannot_finish_a_bag() {
    struct Wrong;
    impl Signer for Wrong {
        fn sign(&self, _: &[u8]) -> heirloom::bundle::Result<Signature> {
            key().sign(b"something else")
        }
    }
    let bag = heirloom::bundle::BagWriter::new(Vec::new(), "handoff").unwrap();
    assert!(bag.finish(&info(), Some(&Wrong)).unwrap_err().to_string().contains("does not fit"));
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_what_to_do() {
    let key = |text: &str| SigningKey::from_openssh(text).unwrap_err().to_string();
    assert!(key(PUBLIC).contains("this is the public half of a key"));
    let lines = |text: &str| TrustedKeys::parse(text).unwrap_err().to_string();
    assert!(
        lines("# fine\ntom@agency.example").starts_with("keys, line 2: it has no key of a type that is known here")
    );
    assert!(lines("ssh-ed25519 AAAAC3Nza").contains("the key cannot be read; copy the line again, whole"));
    assert!(lines(&format!("tom cert-authority {BLOB}")).contains("certificate authority"));
    assert!(
        lines(&format!("tom valid-before=\"tomorrow\" {BLOB}"))
            .contains("valid-before is “tomorrow”; it must be written")
    );
    assert!(lines(&format!("tom valid-before=\"20251301Z\" {BLOB}")).contains("it must be written YYYYMMDD"));
    assert!(lines(&format!("tom namespaces=\"git {BLOB}")).contains("a quotation mark has no partner"));
    assert_eq!(TrustedKeys::parse("ann ecdsa-sha2-nistp256 AAAA\nann ssh-rsa AAAA").unwrap().len(), 0);
    assert!(lines(&format!("a b c {BLOB}")).contains("more than names and options"));
}

/// A signature over the tag manifest of [`small`] in the form of a security key (OpenSSH, PROTOCOL.u2f), by the key whose
/// seed is 32 times 9. `ssh-keygen -Y verify` takes it.
const BY_SECURITY_KEY: &str = "\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAg/RckOF
qgx1tk+3jNYC+h2ZH96/drE8WO1wLqyDXp9hgAAAAEc3NoOgAAABNoZWlybG9vbS1oYW5k
b2ZmQHYxAAAAAAAAAAZzaGE1MTIAAABnAAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY2
9tAAAAQAUFDPJ24JVnStywlzATr6UJoaywQwJc4qX3l9jDaq0yZAw5nKaEjZRsBxgYDBNV
FuH5Yyqm4JqspMj3eL4NPA8BAAAABQ==
-----END SSH SIGNATURE-----
";
/// Its line of `allowed_signers`.
const SECURITY_KEY: &str = "tom@agency.example sk-ssh-ed25519@openssh.com \
    AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYYAAAABHNzaDo=";

#[test]
fn a_signature_by_a_security_key_is_taken() {
    let bag = open(&small(None)).unwrap();
    let signature = Signature::parse(BY_SECURITY_KEY).unwrap();
    let signed = open(&bag.write_signed(&signature, Vec::new()).unwrap()).unwrap();
    let check = signed.signature(&TrustedKeys::parse(SECURITY_KEY).unwrap(), at("2025-06-01T00:00:00Z"));
    assert_eq!(check.require().unwrap(), "tom@agency.example");
}
