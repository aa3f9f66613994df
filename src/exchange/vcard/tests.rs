use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::*;
use crate::exchange::ContactRecord;

fn kit() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kit/cards");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "vcf"));
    files.sort();
    files
}

fn read(bytes: &[u8]) -> Vec<Item> {
    VCardReader::new(bytes, VCardOptions::default()).collect::<io::Result<_>>().unwrap()
}

/// An item as the expectations of the kit write it: what is empty is left out.
fn shown(item: &Item) -> Value {
    let mut shown = Map::new();
    shown.insert("line".into(), item.line.into());
    match &item.result {
        Ok(Record::Contact(contact)) => show_contact(contact, &mut shown),
        Ok(Record::Note(_)) => panic!("a card is no note"),
        Err(why) => _ = shown.insert("skipped".into(), why.as_str().into()),
    }
    if !item.converted.is_empty() {
        shown.insert("converted".into(), json!(item.converted));
    }
    shown.into()
}

fn show_contact(contact: &ContactRecord, shown: &mut Map<String, Value>) {
    let handles = contact.handles.iter().map(|handle| {
        let mut words = vec![handle.channel.word(), &handle.address];
        words.extend(handle.label.as_deref());
        words.extend(handle.network_id.as_deref());
        json!(words)
    });
    let notes = contact.notes.iter().map(|note| {
        let time = note.happened_at.map(|time| time.to_string());
        json!([note.text, note.said_by, time])
    });
    let files = contact.attachments.iter().map(|file| json!([file.name, file.media_type, file.bytes.len()]));
    let lists = [
        ("handles", handles.collect()),
        ("tags", contact.tags.iter().map(|tag| json!(tag)).collect()),
        ("dates", contact.dates.iter().map(|(label, day)| json!([label, day])).collect()),
        ("related", contact.related.iter().map(|pair| json!(pair)).collect()),
        ("notes", notes.collect()),
        ("attachments", files.collect::<Vec<_>>()),
    ];
    shown.insert("name".into(), contact.name.as_str().into());
    shown.extend(contact.external_id.as_deref().map(|id| ("external_id".into(), id.into())));
    shown.extend(contact.organisation.then(|| ("organisation".into(), true.into())));
    shown.insert("fields".into(), json!(contact.fields));
    shown.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.into(), list.into())));
}

#[test]
fn every_card_of_the_kit_reads_as_the_expectation_beside_it_says() {
    let mut wrong = Vec::new();
    for file in kit() {
        let found: Vec<Value> = read(&fs::read(&file).unwrap()).iter().map(shown).collect();
        if std::env::var_os("BLESS").is_some() {
            let text: Vec<String> = found.iter().map(|v| serde_json::to_string_pretty(v).unwrap()).collect();
            fs::write(file.with_extension("expect.json"), format!("[{}]\n", text.join(",\n"))).unwrap();
        }
        let expected = fs::read_to_string(file.with_extension("expect.json")).unwrap();
        let expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
        if found != expected {
            wrong.push(format!("{} reads as\n{}", file.display(), serde_json::to_string_pretty(&found).unwrap()));
        }
    }
    assert!(kit().len() > 30, "the kit lies in tests/kit/cards");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
