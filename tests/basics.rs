//! The promises of a memory in everyday use.

use chrono::{TimeZone, Utc};
use heirloom::{Actor, Channel, Memory, NewContact, NewMember, Role};

#[test]
fn the_front_page_example_holds() {
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::open(dir.path().join("m.heirloom")).unwrap();
    let me = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor"))).unwrap();
    let sally = memory
        .write(&me, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::X, "@sally").tag("Regular"))?;
            w.note(sally, "Stops by as a reward when she reaches her weekly weight goal").insight().save()?;
            w.assign(sally, &me, Role::Owner)?;
            Ok(sally)
        })
        .unwrap();
    println!("{}", memory.brief(sally).unwrap());
    println!("{}", memory.brief(sally).unwrap().to_json());
    assert_eq!(memory.by_handle(Channel::X, "https://twitter.com/Sally?x").unwrap()[0].contact.id, sally);
    for hit in memory.search("what does Sally come in for?").limit(10).run().unwrap() {
        println!("{hit}");
    }
    for entry in memory.changes_after(memory.first_cursor()).unwrap() {
        println!("{}", entry.unwrap());
    }
    let v = memory.verify().unwrap();
    println!("{v}");
    assert!(v.is_sound());
    memory.write(&me, |w| w.rename_handle(sally, Channel::X, "@sally", "@sally_m")).unwrap();
    assert!(!memory.by_handle(Channel::X, "@sally").unwrap()[0].current);
    let v = memory.verify().unwrap();
    println!("{v}");
    assert!(v.is_sound());
    memory.rebuild().unwrap();
    assert!(memory.verify().unwrap().is_sound());
    let _ = Utc.with_ymd_and_hms(2025, 1, 1, 0, 0, 0);
}
