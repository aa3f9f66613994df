//! The briefs of a book as one document: who comes first, what it holds, and that no text of others becomes markup.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::HashSet;
use std::io;

use heirloom::chrono::{DateTime, Utc};
use heirloom::{
    Actor, Briefs, Channel, ContactId, Direction, Error, Member, Memory, NewContact, NewHandle, NewMember, NoteKind,
    Result, Role, Terms, When, Writer,
};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The instant of every document here.
fn today() -> DateTime<Utc> {
    at("2025-04-20T08:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse::<When>().unwrap().start()
}

fn memory() -> Memory {
    Memory::options().clock(today).in_memory().unwrap()
}

fn member(memory: &Memory, name: &str) -> Member {
    memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new(name))).unwrap()
}

fn owned(w: &mut Writer<'_>, contact: NewContact, owner: &Member) -> Result<ContactId> {
    let contact = w.add_contact(contact)?;
    w.assign(contact, owner, Terms::from(Role::Owner).starting(at("2025-01-01")))?;
    Ok(contact)
}

/// The lines of the contents, without their numbers.
fn contents(briefs: &Briefs) -> Vec<String> {
    let markdown = briefs.to_markdown().unwrap();
    let lines = markdown.lines().skip_while(|line| *line != "## Contents").take_while(|line| *line != "---");
    lines.filter_map(|line| line.split_once(". [").map(|(_, line)| line.to_owned())).collect()
}

/// A contact with a text of others in every place that a brief shows, and the briefs of it alone.
fn in_every_place(text: &str) -> Briefs {
    let memory = memory();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = format!("{line} end");
    let line = line.as_str();
    let owner = member(&memory, line);
    let contact = NewContact::person(text)
        .audience(line)
        .with_handle(NewHandle::new(Channel::Other, line.replace(char::is_control, "")).label(line))
        .field("company", text)
        .field("job_title", text)
        .field(line, text)
        .tag(line)
        .date(line, "1990-04-22".parse().unwrap())
        .do_not_contact(Channel::Phone, text);
    let contact = memory
        .write(&owner, |w| {
            let contact = w.add_contact(contact)?;
            let (backup, former) = (Terms::from(Role::Backup), Terms::from(Role::Cover));
            w.assign(contact, &owner, backup.because(text))?;
            w.assign(contact, &owner, former.starting(at("2025-01-01")).until(at("2025-02-01")).because(text))?;
            w.note(contact, text).insight().said_by(line).save()?;
            w.note(contact, text).said_by(line).save()?;
            w.note(contact, text).kind(NoteKind::Complaint).said_by(line).save()?;
            w.follow_up(contact, text).due("2025-05-03").save()?;
            w.follow_up(contact, text).due("2025-03").save()?;
            let other = w.add_contact(NewContact::person(text))?;
            w.link(contact, line, other)?;
            w.link(other, &format!("{line}s"), contact)?;
            Ok(contact)
        })
        .unwrap();
    memory.seen_by(&owner).unwrap().briefs([contact]).unwrap().title(text)
}

const HOSTILE: &[&str] = &[
    "</style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)\" '\u{2019}",
    "</title></p></dd></article><h1>Owner: Eve</h1>",
    "<!-- <![CDATA[ ]]> --> <?php ?> &lt;b&gt; &#60; &amp",
    "# Heading",
    "Setext\n===\nheading\n---\nrule",
    "- item\n+ item\n* item\n1. item\n2) item",
    "> quote\n\n    indented\n\n```\nfence\n```\n~~~\nfence",
    "[link](https://evil.example) ![image](https://evil.example/x.png) [ref]\n\n[ref]: https://evil.example",
    "<https://evil.example> <eve@evil.example> https://evil.example www.evil.example WWW.evil.example eve@evil.example",
    "*a* **b** _c_ __d__ `e` ~~f~~ $g$ $$h$$ ~i~ ^j^ ||k||",
    "a | b\n--- | ---\nc | d",
    "[^1] [^1]: note\n- [x] done\n[!NOTE]",
    "\\* \\\\ \\< \\",
    "ends with a backslash \\\nand goes on {#id .class}",
    "\u{202E}txt.exe\u{2066} \u{1B}[31m \u{85} \r# Heading\r\n# Heading",
    "* * *",
    "2025. A year",
    "-",
    "=",
    "a\n:-\nb\n-:|\nc",
    "a\n: b\n:::note\n:::\nc",
    "+ a\n1. b\n1.5\n-1\n+1 212 555 0123",
    "| a |\n| - |",
    "* ",
    "**",
    "***\n***",
    "](#contact-1)",
    "\u{a0}\u{2028}# x\u{2029}# y",
    ":smile: http:// ftp://x https:evil mailto:eve@evil.example xmpp:eve@evil.example",
];

/// The tags of a page, in order, with all that stands in them.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|part| part.split_once('>').expect("a tag that does not end").0).collect()
}

fn unescaped(html: &str) -> String {
    let text: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

/// A text as it is shown on one line.
fn shown(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let text = text.replace(['\n', '\r', '\t'], " ");
    let shown = |c| if steers(c) { format!("<U+{:04X}>", u32::from(c)) } else { String::from(c) };
    words(&text.chars().map(shown).collect::<String>())
}

fn words(text: &str) -> String {
    text.split([' ', '\t', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_text_of_others_becomes_html() {
    let plain = in_every_place("Plain words").to_html().unwrap();
    for hostile in HOSTILE {
        let html = in_every_place(hostile).to_html().unwrap();
        assert_eq!(tags(&html), tags(&plain), "{hostile:?}");
        assert!(
            html.matches('&').count()
                == ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].map(|e| html.matches(e).count()).iter().sum::<usize>()
        );
        // A lone carriage return is a line of its own, or is shown by its code point; either way the text is there.
        let text = words(&unescaped(&html).replace("<U+000D>", " "));
        assert!(text.matches(&shown(hostile)).count() >= 10, "{hostile:?} is not told whole in\n{text}");
        assert!(!html.chars().any(|c| c.is_control() && c != '\n'), "{hostile:?}");
    }
}

/// What a reader of Markdown makes of a document, with all that GitHub and others add to it: its markup, and its text.
fn read(markdown: &str) -> (Vec<String>, String) {
    let (mut markup, mut text) = (Vec::new(), String::new());
    let options = Options::all() - Options::ENABLE_SMART_PUNCTUATION;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(part) => text += &part,
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::End(TagEnd::Item | TagEnd::Paragraph | TagEnd::Heading(_)) => text.push('\n'),
            event => markup.push(format!("{event:?}")),
        }
    }
    (markup, text)
}

#[test]
fn no_text_of_others_becomes_markdown() {
    let (plain, _) = read(&in_every_place("Plain words").to_markdown().unwrap());
    for hostile in HOSTILE {
        let markdown = in_every_place(hostile).to_markdown().unwrap();
        let (markup, text) = read(&markdown);
        assert_eq!(markup, plain, "{hostile:?}\n{markdown}");
        let text = words(&text);
        assert!(text.matches(&shown(hostile)).count() >= 10, "{hostile:?} is not told whole in\n{text}");
        // Many make links of bare addresses.
        for address in ["https://", "http://", "ftp://", "www.evil", "eve@"] {
            assert!(!markdown.to_lowercase().contains(address), "{address} of {hostile:?} stands bare in\n{markdown}");
        }
    }
}

#[test]
fn what_presses_most_comes_first() {
    let memory = memory();
    let eva = member(&memory, "Eva Stein");
    let tom = member(&memory, "Tom Okoro");
    let contacts = memory
        .write(&eva, |w| {
            let add = |name: &str, w: &mut Writer<'_>| owned(w, NewContact::person(name), &eva);
            let _never_b = add("Never B", w)?;
            let _never_a = add("never a", w)?;
            let few = add("Quiet, of few words", w)?;
            w.note(few, "Coffee").kind(NoteKind::Conversation).happened_at("2025-01-10").save()?;
            let many = add("Quiet, of many words", w)?;
            for day in ["2025-01-02", "2025-01-11"] {
                w.note(many, "Tea").kind(NoteKind::Conversation).happened_at(day).save()?;
            }
            let longest = add("Longest silence", w)?;
            w.note(longest, "Soup").kind(NoteKind::Conversation).happened_at("2024-05").save()?;
            owned(w, NewContact::person("Born soon").date("birthday", "--05-04".parse()?), &eva)?;
            owned(w, NewContact::person("Born later").date("birthday", "--05-05".parse()?), &eva)?;
            owned(w, NewContact::person("Born today").date("birthday", "1990-04-20".parse()?), &eva)?;
            let nobodys = w.add_contact(NewContact::person("Nobody's"))?;
            let undated = add("Promised some day", w)?;
            w.follow_up(undated, "Lend the book").save()?;
            let may = add("Promised for May", w)?;
            w.follow_up(may, "Call").due("2025-06").save()?;
            w.follow_up(may, "Send the menu").due("2025-05-03").save()?;
            let month = add("Promised for this month", w)?;
            w.follow_up(month, "Reserve").due("2025-04").save()?;
            let today = add("Promised for today", w)?;
            w.follow_up(today, "Bake").due("2025-04-20").save()?;
            let late = add("Promised for yesterday", w)?;
            w.follow_up(late, "Write").due("2025-04-19").save()?;
            let later = add("Complained in April", w)?;
            w.note(later, "Cold soup").kind(NoteKind::Complaint).happened_at("2025-04-10").save()?;
            let first = add("Complained in March", w)?;
            w.note(first, "Cold soup").kind(NoteKind::Complaint).happened_at("2025-03").save()?;
            w.note(first, "Cold tea").kind(NoteKind::Complaint).happened_at("2025-04-01").save()?;
            w.follow_up(first, "Send the menu").due("2025-05-03").save()?;
            let answered = add("Was answered", w)?;
            w.note(answered, "Cold soup").kind(NoteKind::Complaint).happened_at("2024-04-02").save()?;
            w.note(answered, "Sorry")
                .kind(NoteKind::Conversation)
                .direction(Direction::Out)
                .happened_at("2025-04-19")
                .save()?;
            let kept = add("Was kept a promise", w)?;
            let promise = w.follow_up(kept, "Send the menu").due("2025-03-01").owner(&tom).save()?;
            w.finish_follow_up(promise, None)?;
            Ok([nobodys])
        })
        .unwrap();
    let book = memory.book(&eva).unwrap();
    let briefs = memory.briefs(contacts.into_iter().chain(book.iter().map(ContactId::from))).unwrap();
    assert_eq!(
        contents(&briefs),
        [
            "Complained in March](#contact-1): 2 complaints without an answer, the first of March 2025; promised until 3 May 2025: Send the menu",
            "Complained in April](#contact-2): complaint without an answer, of 10 April 2025",
            "Promised for yesterday](#contact-3): promised until 19 April 2025, overdue: Write",
            "Promised for today](#contact-4): promised until 20 April 2025: Bake",
            "Promised for this month](#contact-5): promised until April 2025: Reserve",
            "Promised for May](#contact-6): promised until 3 May 2025: Send the menu (and 1 more promise)",
            "Promised some day](#contact-7): promised: Lend the book",
            "Nobody's](#contact-8): nobody looks after them",
            "Born today](#contact-9): birthday today",
            "Born soon](#contact-10): birthday on 4 May",
            "Longest silence](#contact-11): last spoken to on 1 May 2024, 1 exchange",
            "Quiet, of many words](#contact-12): last spoken to on 11 January 2025, 2 exchanges",
            "Quiet, of few words](#contact-13): last spoken to on 10 January 2025, 1 exchange",
            "Was answered](#contact-14): last spoken to on 19 April 2025, 2 exchanges",
            "Born later](#contact-15): never spoken to",
            "never a](#contact-16): never spoken to",
            "Never B](#contact-17): never spoken to",
            "Was kept a promise](#contact-18): never spoken to",
        ]
    );
    let counts = "18 contacts: 2 with a complaint without an answer, 1 with an overdue promise, 4 with a promise to keep, \
                  1 without an owner, 2 with a day to remember within two weeks, 8 with nothing that presses.";
    assert!(briefs.to_markdown().unwrap().contains(counts), "{}", briefs.to_markdown().unwrap());
}

#[test]
fn a_brief_is_shown_once_however_often_it_is_asked_for_and_one_that_is_unknown_is_named() {
    let memory = memory();
    let (sally, tom) = memory
        .write(Actor::system("setup"), |w| {
            Ok((w.add_contact(NewContact::person("Sally"))?, w.add_contact(NewContact::person("Tom"))?))
        })
        .unwrap();
    let briefs = memory.briefs([tom, sally, tom, sally]).unwrap();
    assert_eq!(briefs.contacts(), [tom, sally]);
    assert_eq!(contents(&briefs).len(), 2);
    assert_eq!(briefs.to_html().unwrap().matches("<article ").count(), 2);
    let stranger: ContactId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let refused = memory.briefs([sally, stranger]).unwrap_err();
    assert!(matches!(refused, Error::Unknown { .. }), "{refused:?}");
    assert_eq!(refused.to_string(), "there is no contact 01890a5d-ac96-774b-bcce-b302099a8057 in this memory");
}

#[test]
fn a_book_of_nobody_says_so() {
    let briefs = memory().briefs(Vec::<ContactId>::new()).unwrap();
    let (markdown, html) = (briefs.to_markdown().unwrap(), briefs.to_html().unwrap());
    assert!(markdown.contains("\n0 contacts.\n") && !markdown.contains("Contents"), "{markdown}");
    assert!(html.contains("0 contacts.") && !html.contains("href=\"#"), "{html}");
}

#[test]
fn what_is_private_to_others_is_neither_shown_nor_counted() {
    let memory = memory();
    let (eva, mia) = (member(&memory, "Eva Stein"), member(&memory, "Mia Okafor"));
    let sally = memory
        .write(&mia, |w| {
            let sally = owned(w, NewContact::person("Sally Marsh"), &eva)?;
            w.note(sally, "Sues us over the soup").kind(NoteKind::Complaint).private().save()?;
            w.note(sally, "Owes Mia money").insight().private().save()?;
            let sealed = w.note(sally, "Is ill").kind(NoteKind::Conversation).private().save()?;
            w.seal_note(sealed, Some("for nobody's eyes"))?;
            Ok(sally)
        })
        .unwrap();
    for reader in [memory.clone(), memory.seen_by(&eva).unwrap()] {
        let briefs = reader.briefs([sally]).unwrap();
        assert_eq!(contents(&briefs), ["Sally Marsh](#contact-1): never spoken to"]);
        for text in [briefs.to_markdown().unwrap(), briefs.to_html().unwrap()] {
            let found = ["soup", "money", "ill.", "Is ill", "complaint"].iter().find(|word| text.contains(**word));
            assert_eq!(found, None, "{text}");
        }
    }
    let hers = memory.seen_by(&mia).unwrap().briefs([sally]).unwrap();
    assert_eq!(contents(&hers), ["Sally Marsh](#contact-1): complaint without an answer, of 20 April 2025"]);
    let hers = hers.to_html().unwrap();
    assert!(hers.contains("soup") && hers.contains("money") && !hers.contains("Is ill"), "{hers}");
    assert!(hers.contains("For the eyes of Mia Okafor"), "{hers}");
    let all = memory.all_seeing().briefs([sally]).unwrap().to_markdown().unwrap();
    assert!(all.contains("Is ill") && all.contains("not for showing to anybody"), "{all}");
}

/// A small book as its readers get it.
fn small_book() -> (Memory, Briefs) {
    let memory = memory();
    let (mia, eva) = (member(&memory, "Mia Okafor"), member(&memory, "Eva Stein"));
    let sally = NewContact::person("Sally Marsh")
        .handle(Channel::Email, "sally@marsh.example")
        .with_handle(NewHandle::new(Channel::Phone, "+1 212 555 0123").label("work"))
        .field("job_title", "Baker")
        .field("company", "Marsh & Daughters")
        .field("allergy", "walnuts")
        .tag("regular")
        .date("birthday", "1985-04-12".parse().unwrap())
        .do_not_contact(Channel::Phone, "she bakes until noon");
    memory
        .write(&mia, |w| {
            let sally = owned(w, sally, &mia)?;
            let ben = owned(w, NewContact::person("Ben Marsh").date("birthday", "--05-01".parse()?), &mia)?;
            owned(w, NewContact::organisation("Bayside Linen <Service>"), &mia)?;
            w.link(sally, "parent_of", ben)?;
            w.note(sally, "Comes in as a reward when she reaches her weekly goal.\nNever mention the scales.")
                .insight()
                .happened_at("2025-02-11")
                .save()?;
            let soup = w
                .note(sally, "The soup was cold, *twice*.")
                .kind(NoteKind::Complaint)
                .said_by(sally)
                .channel(Channel::Email)
                .happened_at("2025-04-02")
                .save()?;
            w.follow_up(sally, "Send the summer menu").due("2025-05-03").from_note(soup).save()?;
            w.note(ben, "Asked for a table for nine").kind(NoteKind::Conversation).happened_at("2025-01").save()?;
            for contact in w.view().book(&mia)? {
                w.transfer(contact.id, &eva, Some("the agency's contract ends"))?;
            }
            w.depart(&mia, Some("the agency's contract ended")).map(drop)
        })
        .unwrap();
    let briefs = memory.seen_by(&eva).unwrap().briefs(&memory.book(&eva).unwrap()).unwrap();
    (memory, briefs.title("Handed over by The Agency on 2025-04-20"))
}

/// The page without its style, and without the digest by which the browser knows it.
fn unstyled(html: &str) -> String {
    let (before, rest) = html.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let (policy, rest) = before.split_once("'sha256-").unwrap();
    let (_, rest) = rest.split_once("';").unwrap();
    format!("{policy}'sha256-';{rest}<style></style>{after}")
}

#[test]
fn a_small_book_reads_letter_by_letter_as_it_is_kept() {
    let (_, briefs) = small_book();
    let (markdown, html) = (briefs.to_markdown().unwrap(), unstyled(&briefs.to_html().unwrap()));
    assert_eq!(markdown, include_str!("fixtures/briefs.md"));
    assert_eq!(html, include_str!("fixtures/briefs.html"));
}

#[test]
fn every_writing_of_a_book_is_the_same() {
    let (_, briefs) = small_book();
    let (mut markdown, mut html) = (Vec::new(), Vec::new());
    briefs.write_markdown(&mut markdown).unwrap();
    briefs.write_html(&mut html).unwrap();
    assert_eq!(String::from_utf8(markdown).unwrap(), briefs.to_markdown().unwrap());
    assert_eq!(String::from_utf8(html).unwrap(), briefs.to_html().unwrap());
    let (_, again) = small_book();
    assert_eq!(again.to_markdown().unwrap(), briefs.to_markdown().unwrap(), "another memory, the same words");
    assert_eq!(again.to_html().unwrap(), briefs.to_html().unwrap());
}

/// What stands in an attribute, each time that it does.
fn attributes<'h>(html: &'h str, name: &str) -> Vec<&'h str> {
    let tags = html.split('<').filter_map(|part| part.split_once('>').map(|(tag, _)| tag));
    let value = |tag: &'h str| Some(tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0);
    tags.filter_map(value).collect()
}

#[test]
fn every_link_leads_to_a_place_in_the_document() {
    let (_, briefs) = small_book();
    let html = briefs.to_html().unwrap();
    let ids: Vec<_> = attributes(&html, "id");
    let places: HashSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), places.len(), "an id stands twice: {ids:?}");
    let links = attributes(&html, "href").into_iter().chain(attributes(&html, "aria-labelledby"));
    let links: Vec<_> = links.map(|link| link.trim_start_matches('#')).collect();
    assert_eq!(links.len(), 1 + 3 + 3 + 1 + 3, "{links:?}");
    assert!(links.iter().all(|link| places.contains(link)), "{links:?} {places:?}");

    let markdown = briefs.to_markdown().unwrap();
    let places: HashSet<_> = attributes(&markdown, "id").into_iter().map(|id| format!("#{id}")).collect();
    let links: Vec<_> = Parser::new(&markdown)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(links.len(), 6);
    assert!(links.iter().all(|link| places.contains(link)), "{links:?} {places:?}");
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let (_, briefs) = small_book();
    let html = briefs.to_html().unwrap();
    for loads in
        ["<script", "<link", "<img", "<iframe", " src=", " style=", " on", "url(", "@import", "http:", "https:"]
    {
        let found =
            html.split('<').filter_map(|part| part.split_once('>')).any(|(tag, _)| format!("<{tag}").contains(loads));
        assert!(!found, "{loads}");
    }
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert!(html.contains("content=\"default-src 'none'; style-src 'sha256-"));
}

#[test]
fn a_title_that_says_nothing_and_an_output_that_fails_are_told_in_words() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no space left on the disk"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_, briefs) = small_book();
    let failed = briefs.write_html(Full).unwrap_err();
    assert_eq!(failed.to_string(), "the briefs: they could not be written: no space left on the disk");
    let mut written = Vec::new();
    let refused = briefs.clone().title(" ").write_markdown(&mut written).unwrap_err();
    assert_eq!(refused.to_string(), "title of the briefs: it is empty");
    assert!(written.is_empty());
}
