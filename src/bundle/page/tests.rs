#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::HashSet;
use std::io;

use super::*;
use crate::{Actor, ContactId, Error, Member, Memory, NewContact, NewMember, When};

/// A memory with Mia and Jonas, whose clock stands still.
fn memory() -> (Memory, Member, Member) {
    let at: When = "2025-06-30T12:00:00Z".parse().unwrap();
    let memory = Memory::options().clock(move || at.start()).in_memory().unwrap();
    let [mia, jonas] = ["Mia Lindqvist", "Jonas Weber"]
        .map(|name| memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new(name))).unwrap());
    (memory, mia, jonas)
}

fn contact(memory: &Memory, name: &str) -> ContactId {
    memory.write(Actor::system("setup"), |w| w.add_contact(NewContact::person(name))).unwrap()
}

fn text(page: &ReaderPage) -> String {
    let mut out = Vec::new();
    page.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What stands between an opening and the next closing, everywhere.
fn between<'a>(page: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    page.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(inner, _)| inner).collect()
}

/// The page without its style and its script.
fn body(page: &str) -> &str {
    page.split_once("<body>").unwrap().1
}

#[test]
fn two_pages_of_one_state_are_equal_byte_for_byte() {
    let (memory, mia, jonas) = memory();
    for at in 0..20 {
        let someone = contact(&memory, &format!("Guest {at}"));
        let author = if at % 3 == 0 { &jonas } else { &mia };
        memory
            .write(author, |w| {
                w.assign(someone, author, Role::Owner)?;
                (0..at).try_for_each(|_| w.note(someone, "Came by").save().map(drop))
            })
            .unwrap();
    }
    assert_eq!(text(&memory.reader_page()), text(&memory.reader_page()));
}

#[test]
fn what_the_reader_may_not_read_is_counted_and_not_told() {
    let (memory, mia, jonas) = memory();
    let sally = contact(&memory, "Sally");
    memory
        .write(&mia, |w| {
            w.note(sally, "Comes on Fridays").save()?;
            let sealed = w.note(sally, "SEALED words").private().save()?;
            w.seal_note(sealed, None)?;
            w.note(sally, "PRIVATE words").private().save()
        })
        .unwrap();
    let page = text(&memory.reader_page());
    assert!(page.contains("Comes on Fridays") && !page.contains("PRIVATE") && !page.contains("SEALED"));
    // Once for all of it, and not where it would tell about whom they are.
    assert_eq!(page.matches("<b>1 private note</b>").count(), 1);
    assert_eq!(page.matches("<b>1 sealed note</b>").count(), 1);
    let about_sally = between(&page, "<article", "</article>").concat();
    assert!(!about_sally.contains("private note") && !about_sally.contains("sealed note"));
    let mias = text(&memory.seen_by(&mia).unwrap().reader_page());
    assert!(mias.contains("PRIVATE words") && !mias.contains("SEALED") && !mias.contains("<b>1 private note</b>"));
    let jonas = text(&memory.seen_by(&jonas).unwrap().reader_page());
    assert!(!jonas.contains("PRIVATE") && jonas.contains("<b>1 private note</b>"));
    let all = text(&memory.all_seeing().reader_page());
    assert!(all.contains("SEALED words") && all.contains("Nothing that belongs to these people was left out."));
}

#[test]
fn a_private_note_about_two_people_is_withheld_once() {
    let (memory, mia, _) = memory();
    let both = [contact(&memory, "Ann"), contact(&memory, "Bo")];
    memory.write(&mia, |w| w.note_about(&both, "Are to marry")?.private().save()).unwrap();
    let page = text(&memory.reader_page());
    assert_eq!(page.matches("<b>1 private note</b>").count(), 1);
    assert!(!page.contains("2 private notes"));
}

#[test]
fn a_page_of_some_people_does_not_name_the_others() {
    let (memory, mia, _) = memory();
    let [sally, ben] = ["Sally", "Benedict"].map(|name| contact(&memory, name));
    memory
        .write(&mia, |w| {
            w.link(sally, "knows", ben)?;
            w.note(ben, "Drinks no wine").save()
        })
        .unwrap();
    let page = text(&memory.reader_page().of([sally]));
    assert!(!page.contains("Benedict") && !page.contains("wine"));
    assert!(page.contains("<b>1 link to another contact</b>"));
    assert!(text(&memory.reader_page().of([sally, ben, sally])).contains("Benedict"));
    let (elsewhere, _, _) = self::memory();
    assert!(matches!(elsewhere.reader_page().of([sally]).write(io::sink()), Err(Error::Unknown { .. })));
}

#[test]
fn whatever_others_wrote_is_text() {
    let (memory, _, _) = memory();
    let bad = "</script><script>x</script><img src=x onerror=x>\"'&\u{202E}";
    let mallory = memory.write(Actor::system(bad), |w| w.add_member(NewMember::new(bad))).unwrap();
    let someone = NewContact::person(bad).tag(bad).field(bad, bad).field("company", bad).do_not_contact(None, bad);
    memory
        .write(&mallory, |w| {
            let someone = w.add_contact(someone)?;
            w.assign(someone, &mallory, Role::Owner.because(bad))?;
            w.note(someone, bad).insight().said_by(bad).permalink("javascript:x").save()?;
            w.follow_up(someone, bad).due("2020-01-01").save()?;
            let dropped = w.follow_up(someone, bad).save()?;
            w.drop_follow_up(dropped, Some(bad))
        })
        .unwrap();
    let page = text(&memory.reader_page().title(bad));
    let body = body(&page);
    assert!(!body.contains("<script") && !body.contains("<img") && !body.contains("onerror=x>"));
    assert!(!body.contains('\u{202E}') && body.contains("&lt;U+202E&gt;"));
    assert!(!body.contains("href=\"javascript"));
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval(") && !SCRIPT.contains("</script"));
}

#[test]
fn every_id_stands_once_every_link_leads_somewhere_and_headings_skip_no_level() {
    let (memory, mia, _) = memory();
    let both = [contact(&memory, "Ann"), contact(&memory, "Bo")];
    memory
        .write(&mia, |w| {
            w.note_about(&both, "Came together")?.happened_at("2024").save()?;
            w.note(both[0], "Came alone").happened_at("2025-03").save()?;
            w.follow_up(both[1], "A table by the window").due("2025-01-01").save()
        })
        .unwrap();
    let page = text(&memory.reader_page());
    let body = body(&page);
    let ids = between(body, " id=\"", "\"");
    let distinct: HashSet<&str> = ids.iter().copied().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    for link in between(body, "href=\"#", "\"") {
        assert!(distinct.contains(link), "#{link} leads nowhere");
    }
    let levels: Vec<u32> = body.split("<h").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).collect();
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|two| two[1] <= two[0] + 1 && two[1] > 1), "{levels:?}");
    assert!(body.contains("<time datetime=\"2024\">in the year</time>"), "no day is made up");
    assert!(body.contains("<time datetime=\"2025-03\">March</time>"));
}

#[test]
fn figures_count_a_note_about_two_people_once_and_who_alone_can_tell_of_somebody() {
    let (memory, mia, jonas) = memory();
    let [ann, bo, cy, di] = ["Ann", "Bo", "Cy", "Di"].map(|name| contact(&memory, name));
    memory.write(&mia, |w| w.note_about(&[ann, bo], "Came together")?.happened_at("2024-12-31").save()).unwrap();
    memory.write(&jonas, |w| w.note(bo, "Came alone").happened_at("2025-02-01").save()).unwrap();
    memory.write(Actor::import("till"), |w| w.note(cy, "Paid").happened_at("2025-02-02").save()).unwrap();
    let page = text(&memory.reader_page().of([ann, bo, cy, di]));
    assert!(page.contains("<b>3</b> <span>notes</span>"));
    assert!(page.contains("What is known of 1 of 4 contacts stands in the words of one member"));
    assert!(page.contains("2 contacts, 1 alone, 2 notes") && page.contains("1 contact, 0 alone, 1 note"));
    for told in ["1</b> by several members", "1</b> only by others who are no members", "1</b> nothing noted"] {
        assert!(page.contains(told), "{told}");
    }
    for period in ["December 2024</th><td>1<", "February 2025</th><td>2<"] {
        assert!(page.contains(period), "{period}");
    }
}

#[test]
fn notes_of_ten_thousand_years_make_a_chart_of_bounded_width() {
    let (memory, mia, _) = memory();
    let sally = contact(&memory, "Sally");
    memory
        .write(&mia, |w| {
            w.note(sally, "Was there").happened_at("0001-01-01").save()?;
            w.note(sally, "Will be").happened_at("9999-12-31").save()
        })
        .unwrap();
    let page = text(&memory.reader_page());
    assert!(page.contains("Notes of each century"));
    assert_eq!(between(&page, "<title>", "</title>").len(), 3, "the title of the page, and two columns");
}

#[test]
fn a_page_of_nobody_says_so_in_figures() {
    let (memory, _, _) = memory();
    let page = text(&memory.reader_page());
    assert!(page.contains("<b>0</b> <span>contacts</span>") && !page.contains("<article"));
}

#[test]
fn a_title_that_is_none_and_a_disk_that_is_full_are_told() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no space left"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (memory, _, _) = memory();
    let error = memory.reader_page().title("").write(io::sink()).unwrap_err();
    assert!(error.to_string().starts_with("title of the reader page: "), "{error}");
    let error = memory.reader_page().write(Full).unwrap_err();
    assert_eq!(error.to_string(), "the reader page: it could not be written: no space left");
}

#[test]
fn the_receipt_of_a_handoff_stands_in_it_once_it_is_completed() {
    let (memory, mia, jonas) = memory();
    let sally = contact(&memory, "Sally");
    memory.write(&mia, |w| w.assign(sally, &jonas, Role::Owner)).unwrap();
    let plan = memory.handoff().of_member(&jonas).reason("moves to Lisbon").to(&mia).plan().unwrap();
    let handoff = memory.write(&mia, |w| w.offer(plan)).unwrap();
    let page = memory.reader_page().handoff(handoff);
    assert!(matches!(page.write(io::sink()), Err(Error::Refused(_))));
    memory
        .write(&mia, |w| {
            w.accept_all(handoff)?;
            w.complete(handoff)
        })
        .unwrap();
    let page = text(&page);
    assert!(page.contains("The handoff of <time datetime=\"2025-06-30\">30 June 2025</time>"));
    assert!(page.contains("moves to Lisbon") && page.contains("<span>1 contact</span>") && page.contains("Head "));
}
