#[path = "../examples/shared/year.rs"]
#[allow(dead_code)]
mod year;
use heirloom::*;
#[test]
fn shot() {
    let at = "2025-12-31T18:00:00Z".parse::<When>().unwrap().start();
    let (memory, _) = year::year(Memory::options().clock(move || at), at).unwrap();
    let mia = memory.members_called("Mia Lindqvist").unwrap().remove(0);
    let sally = memory.named("Sally Whitcomb").unwrap()[0].id;
    memory
        .write(&mia, |w| {
            let n = w
                .note(sally, "Has told me of her divorce; nobody else is to know.")
                .private()
                .happened_at("2025-11-02")
                .save()?;
            w.correct_note(
                n,
                "Has told me of her divorce from Ben Achterberg.\nNobody else is to know.",
                Some("she said more"),
            )?;
            w.follow_up(sally, "Send the figures of the bottles").due("2025-12-15").save()?;
            w.attach(sally, NewAttachment::new("contract.txt", "text/plain", "x"))?;
            Ok(())
        })
        .unwrap();
    let _ = memory.import("hubspot").json_lines(&br#"{"note": {"id": "note-9", "about": [{"name": "Sally Whitcomb"}], "text": "Mailed about the brunch", "said_by": "Ulrike Overbeck"}}"#[..]).unwrap();
    let a = memory.all_seeing().access(sally);
    println!("{}", a.html(std::fs::File::create("/tmp/h/sally.html").unwrap()).unwrap());
    a.markdown(std::fs::File::create("/tmp/h/sally.md").unwrap()).unwrap();
    a.json(std::fs::File::create("/tmp/h/sally.json").unwrap()).unwrap();
}
