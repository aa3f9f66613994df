//! Stock tools check what is written here, and what they write is checked here.
//!
//! These tests need `ssh-keygen` (Debian: openssh-client), `zip`, `unzip`, `sha256sum`, Python and its `bagit`; `.ci/run` asks
//! for them by `--cfg heirloom_stock`. Where one is missing they fail and say so: a check that was not made is not one that was
//! passed.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use heirloom::bundle::{BagWriter, Opening, Signature, SigningKey, TrustedKeys};
use heirloom::chrono::Utc;
use heirloom::{Actor, Certificate, Memory};

use crate::{info, open, small};

/// Runs a program in a folder and returns whether it succeeded, with all that it said.
pub(crate) fn run(folder: &Path, input: Option<&Path>, program: &str, arguments: &[&str]) -> (bool, String) {
    let input = input.map_or(Stdio::null(), |path| fs::File::open(path).unwrap().into());
    let done = Command::new(program).args(arguments).current_dir(folder).stdin(input).output();
    let done = done.unwrap_or_else(|error| {
        panic!(
            "NOT CHECKED: {program} cannot be run ({error}); install it (Debian: openssh-client, zip, unzip, coreutils, age, python3, and bagit from pip)"
        )
    });
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Runs a program that must succeed.
pub(crate) fn ran(folder: &Path, input: Option<&Path>, program: &str, arguments: &[&str]) -> String {
    let (succeeded, said) = run(folder, input, program, arguments);
    assert!(succeeded, "{program} {arguments:?}: {said}");
    said
}

/// A folder with a bundle, unpacked by `unzip`.
fn unpacked(zip: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("handoff.zip"), zip).unwrap();
    ran(folder.path(), None, "unzip", &["-q", "handoff.zip"]);
    folder
}

/// Makes a key with `ssh-keygen` and returns its private half and its public line.
fn made_key(folder: &Path, arguments: &[&str]) -> (String, String) {
    let common = ["-q", "-t", "ed25519", "-C", "tom@agency.example", "-f", "key"];
    ran(folder, None, "ssh-keygen", &[&common[..], arguments].concat());
    (fs::read_to_string(folder.join("key")).unwrap(), fs::read_to_string(folder.join("key.pub")).unwrap())
}

#[test]
fn stock_tools_take_a_bundle_for_whole() {
    let folder = unpacked(&small(None));
    assert!(ran(folder.path(), None, "unzip", &["-t", "handoff.zip"]).contains("No errors detected"));
    let bag = folder.path().join("handoff");
    let said = ran(&bag, None, "sha256sum", &["--strict", "-c", "tagmanifest-sha256.txt", "manifest-sha256.txt"]);
    assert_eq!(said.matches(": OK").count(), 6, "{said}");
    assert_eq!(Opening::new().open(&bag).unwrap().files().count(), 6);
}

#[test]
fn unzip_takes_what_repeats_itself_too_much_to_be_packed_whole() {
    let text = b"the same again, ".repeat(1 << 18);
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    let mut file = bag.file("data/journal.jsonl").unwrap();
    file.write_all(&text).unwrap();
    file.finish().unwrap();
    let folder = unpacked(&bag.finish(&info(), None).unwrap());
    assert!(fs::read(folder.path().join("handoff/data/journal.jsonl")).unwrap() == text, "it is another text");
}

#[test]
fn ssh_keygen_verifies_what_is_signed_here() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = made_key(folder.path(), &["-N", ""]);
    let key = SigningKey::from_openssh(private).unwrap();
    let bundle = unpacked(&small(Some(&key)));
    let bag = bundle.path().join("handoff");
    fs::write(bag.join("../allowed"), format!("tom@agency.example namespaces=\"heirloom-*\" {public}")).unwrap();
    let verify = |namespace: &str| {
        let manifest = bag.join("tagmanifest-sha256.txt");
        let arguments = ["-Y", "verify", "-f", "../allowed", "-I", "tom@agency.example", "-n", namespace, "-s"];
        run(&bag, Some(&manifest), "ssh-keygen", &[&arguments[..], &["tagmanifest-sha256.txt.sig"]].concat())
    };
    let (good, said) = verify("heirloom-handoff@v1");
    assert!(good && said.contains(&key.fingerprint()), "{said}");
    assert!(!verify("git").0);
    fs::write(bag.join("tagmanifest-sha256.txt"), "changed").unwrap();
    assert!(!verify("heirloom-handoff@v1").0);
}

#[test]
fn a_signature_by_ssh_keygen_is_verified_here() {
    let folder = tempfile::tempdir().unwrap();
    let (_, public) = made_key(folder.path(), &["-N", ""]);
    let bag = open(&small(None)).unwrap();
    fs::write(folder.path().join("tagmanifest-sha256.txt"), bag.tag_manifest().unwrap()).unwrap();
    for hash in ["hashalg=sha512", "hashalg=sha256"] {
        let arguments = ["-Y", "sign", "-f", "key", "-O", hash, "-n", "heirloom-handoff@v1", "tagmanifest-sha256.txt"];
        ran(folder.path(), None, "ssh-keygen", &arguments);
        let file = folder.path().join("tagmanifest-sha256.txt.sig");
        let signature = Signature::parse(&fs::read_to_string(&file).unwrap()).unwrap();
        fs::remove_file(file).unwrap();
        let signed = open(&bag.write_signed(&signature, Vec::new()).unwrap()).unwrap();
        let keys = TrustedKeys::parse(&public).unwrap();
        assert_eq!(signed.signature(&keys, Utc::now()).require().unwrap(), "tom@agency.example");
    }
}

/// The block of `sh` in a guide that verifies signatures for a purpose.
fn line_for<'g>(guide: &'g str, purpose: &str) -> &'g str {
    let mut blocks = guide.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.find(|block| block.contains("-Y verify") && block.contains(purpose)).unwrap()
}

#[test]
fn receipts_and_certificates_are_verified_by_ssh_keygen_and_its_signatures_here() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = made_key(folder.path(), &["-N", ""]);
    let (key, keys) = (SigningKey::from_openssh(private).unwrap(), TrustedKeys::parse(&public).unwrap());
    let allowed = ["eva@corner-table.example", "tom@agency.example"].map(|name| format!("{name} {public}"));
    fs::write(folder.path().join("allowed_signers"), allowed.concat()).unwrap();
    let verifies = |guide: &str, purpose: &str| run(folder.path(), None, "sh", &["-euc", line_for(guide, purpose)]);
    let sign = |purpose: &str, file: &str| {
        let signature = folder.path().join(format!("{file}.sig"));
        fs::remove_file(&signature).unwrap();
        ran(folder.path(), None, "ssh-keygen", &["-q", "-Y", "sign", "-f", "key", "-n", purpose, file]);
        fs::read_to_string(signature).unwrap()
    };
    let keep = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    let (memory, ..) = crate::files::corner_table();
    let mut zip = Vec::new();
    let _ = memory.bundle().write(&mut zip).unwrap();
    let (bag, office) = (open(&zip).unwrap(), Actor::system("office"));

    let guide = include_str!("../../src/guide/bundle.md");
    let arrival = Memory::in_memory().unwrap().import_bundle(&bag).run(office.clone()).unwrap();
    let receipt = arrival.receipt().unwrap();
    keep("receipt.json", &receipt.to_json());
    keep("receipt.json.sig", &receipt.sign(&key).unwrap().to_string());
    let (good, said) = verifies(guide, "heirloom-receipt@v1");
    assert!(good && said.contains("Good \"heirloom-receipt@v1\" signature"), "{said}");
    let theirs = sign("heirloom-receipt@v1", "receipt.json");
    keep("receipt.json", &receipt.to_json().replacen("verified", "verifled", 1));
    assert!(!verifies(guide, "heirloom-receipt@v1").0);
    let changed = receipt.to_json().replacen("verified", "verifled", 1);
    assert!(memory.record_receipt(office.clone(), &changed, Some(&theirs), &keys).is_err());
    memory.record_receipt(office, &receipt.to_json(), Some(&theirs), &keys).unwrap();
    assert_eq!(memory.receipts().unwrap()[0].signed_by.as_deref(), Some(key.fingerprint().as_str()));

    let guide = include_str!("../../src/guide/retention.md");
    let purge = memory.purge(&bag, "delete after return");
    let certificate = purge.run(Actor::system("office"), &purge.preview().unwrap()).unwrap();
    let (json, changed) = (certificate.to_json(), certificate.to_json().replacen("delete", "de1ete", 1));
    keep("certificate.json", &json);
    keep("certificate.json.sig", &certificate.sign(&key).unwrap().to_string());
    let (good, said) = verifies(guide, "heirloom-certificate@v1");
    assert!(good && said.contains("Good \"heirloom-certificate@v1\" signature"), "{said}");
    let theirs = sign("heirloom-certificate@v1", "certificate.json");
    keep("certificate.json", &changed);
    assert!(!verifies(guide, "heirloom-certificate@v1").0);
    assert!(Certificate::signature(&json, &theirs, &keys, Utc::now()).require().is_ok());
    assert!(Certificate::signature(&changed, &theirs, &keys, Utc::now()).require().is_err());
}

#[test]
fn a_key_behind_a_passphrase_is_left_to_ssh_keygen() {
    let folder = tempfile::tempdir().unwrap();
    let (private, _) = made_key(folder.path(), &["-N", "secret words"]);
    let said = SigningKey::from_openssh(private).unwrap_err().to_string();
    assert!(said.contains("the key is locked by a passphrase"), "{said}");
    assert!(said.contains("ssh-keygen -Y sign -f KEY -n heirloom-handoff@v1 tagmanifest-sha256.txt"), "{said}");
}

#[test]
fn keys_of_other_types_are_left_to_ssh_keygen() {
    let folder = tempfile::tempdir().unwrap();
    ran(folder.path(), None, "ssh-keygen", &["-q", "-t", "ecdsa", "-N", "", "-f", "key"]);
    let said = SigningKey::from_openssh(fs::read(folder.path().join("key")).unwrap()).unwrap_err().to_string();
    assert!(said.contains("not a private key of the type Ed25519"), "{said}");
    let bag = open(&small(None)).unwrap();
    fs::write(folder.path().join("manifest"), bag.tag_manifest().unwrap()).unwrap();
    ran(folder.path(), None, "ssh-keygen", &["-Y", "sign", "-f", "key", "-n", "heirloom-handoff@v1", "manifest"]);
    let signature = fs::read_to_string(folder.path().join("manifest.sig")).unwrap();
    let said = Signature::parse(&signature).unwrap_err().to_string();
    assert!(said.contains("not a signature by an ssh-ed25519 or sk-ssh-ed25519 key"), "{said}");
    assert!(said.contains("check it with `ssh-keygen -Y verify`"), "{said}");
}

#[test]
fn the_lines_in_the_readme_of_a_bundle_work_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = made_key(folder.path(), &["-N", ""]);
    let key = SigningKey::from_openssh(private).unwrap();
    let (memory, ..) = crate::files::corner_table();
    let zip = fs::File::create(folder.path().join("handoff.zip")).unwrap();
    let _ = memory.bundle().sign(&key).write(zip).unwrap();
    let said: Vec<&str> = public.split(' ').take(2).collect();
    fs::write(folder.path().join("allowed_signers"), format!("sender {}\n", said.join(" "))).unwrap();
    let bag = Opening::new().open(folder.path().join("handoff.zip")).unwrap();
    let readme = String::from_utf8(bag.read_to_vec("README.txt").unwrap()).unwrap();
    let lines = readme.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with("cargo"));
    let said: Vec<String> = lines.map(|line| ran(folder.path(), None, "sh", &["-euc", line])).collect();
    assert_eq!(said.len(), 4, "unzip, sha256sum, bagit.py and ssh-keygen:\n{readme}");
    assert!(said[3].contains("Good \"heirloom-handoff@v1\" signature"), "{}", said[3]);
    assert!(folder.path().join("handoff/data/index.html").exists());

    for file in ["data/notes.csv", "tagmanifest-sha256.txt"] {
        fs::write(folder.path().join("handoff").join(file), "changed").unwrap();
    }
    let lines = readme.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with("cargo"));
    for line in lines.skip(1) {
        assert!(!run(folder.path(), None, "sh", &["-euc", line]).0, "what was changed passes: {line}");
    }
}

#[test]
fn a_bundle_that_is_signed_after_it_was_packed_is_verified_by_the_line_in_its_readme_and_here() {
    let folder = tempfile::tempdir().unwrap();
    let (_, public) = made_key(folder.path(), &["-N", ""]);
    let (memory, ..) = crate::files::corner_table();
    let _ = memory.bundle().write(fs::File::create(folder.path().join("handoff.zip")).unwrap()).unwrap();
    let guide = include_str!("../../src/guide/bundle.md").split("```sh\n").skip(1);
    let lines = guide.filter_map(|block| block.split("```").next()).find(|lines| lines.contains("zip -r")).unwrap();
    ran(folder.path(), None, "sh", &["-euc", &lines.replace("~/.ssh/id_ed25519", "key")]);

    fs::write(folder.path().join("allowed_signers"), format!("sender {public}")).unwrap();
    let readme = fs::read_to_string(folder.path().join("handoff/README.txt")).unwrap();
    let line = readme.lines().find(|line| line.contains("ssh-keygen -Y verify")).unwrap();
    assert!(ran(folder.path(), None, "sh", &["-euc", line]).contains("Good \"heirloom-handoff@v1\" signature"));
    let keys = TrustedKeys::parse(&public).unwrap();
    for bundle in ["handoff.zip", "handoff"] {
        let bag = Opening::new().open(folder.path().join(bundle)).unwrap();
        assert_eq!(bag.signature(&keys, Utc::now()).require().unwrap(), "tom@agency.example", "{bundle}");
    }
}

#[test]
fn the_check_in_the_guide_follows_the_chains_and_finds_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let guide = include_str!("../../src/guide/bundle.md");
    let check = guide.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    fs::write(folder.path().join("check.py"), check).unwrap();
    let (memory, agency, _) = crate::files::corner_table();
    let zip = fs::File::create(folder.path().join("handoff.zip")).unwrap();
    let _ = memory.bundle().agency(agency).write(zip).unwrap();
    ran(folder.path(), None, "unzip", &["-q", "handoff.zip"]);
    let said = ran(folder.path(), None, "python3", &["check.py", "handoff"]);
    assert!(said.contains("entries follow from each other"), "{said}");

    let journal = folder.path().join("handoff/data/journal.jsonl");
    let lines = fs::read_to_string(&journal).unwrap();
    for (from, to) in [("\"name\":\"setup\"", "\"name\":\"sombody\""), ("lemon tart", "lemon pie")] {
        assert!(lines.contains(from));
        fs::write(&journal, lines.replacen(from, to, 1)).unwrap();
        let (passed, said) = run(folder.path(), None, "python3", &["check.py", "handoff"]);
        assert!(!passed && said.contains("AssertionError"), "{said}");
    }
}
