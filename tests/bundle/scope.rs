//! What goes into a bundle is chosen by its caller, told before it is packed, and counted with its reason where it does not.

use heirloom::bundle::BundleExport;
use heirloom::chrono::{DateTime, Utc};
use heirloom::{
    Actor, AgencyId, Channel, ContactId, Member, Memory, NewContact, NewMember, NoteKind, Role, Sensitivity,
};

/// The Agency's Ana looks after Sally, Mia of the house after Ben; what is known of each, and of both.
struct House {
    memory: Memory,
    agency: AgencyId,
    ana: Member,
    sally: ContactId,
    ben: ContactId,
}

fn host() -> Actor {
    Actor::system("test")
}

fn house() -> House {
    let memory = Memory::in_memory().unwrap();
    let (agency, ana, mia) = memory
        .write(host(), |w| {
            let agency = w.add_agency("The Agency", None, None)?;
            let ana = w.add_member(NewMember::new("Ana Costa").of_agency(agency))?;
            Ok((agency, ana, w.add_member(NewMember::new("Mia Okafor"))?))
        })
        .unwrap();
    let (sally, ben) = memory
        .write(&ana, |w| {
            let sally = NewContact::person("Sally Marsh").handle(Channel::Email, "sally@mail.example");
            let (sally, ben) = (w.add_contact(sally)?, w.add_contact(NewContact::person("Ben Ortiz"))?);
            w.assign(sally, &ana, Role::Owner)?;
            w.assign(ben, &mia, Role::Owner)?;
            w.link(sally, "knows", ben)?;
            w.note(sally, "Likes lemon tart").insight().happened_at("2024-03").save()?;
            w.note(sally, "Watches her weight").sensitivity(Sensitivity::Health).happened_at("2024-05-01").save()?;
            w.note(sally, "Between us").private().happened_at("2024-05-01").save()?;
            w.note_about(&[sally, ben], "Came by together")?.happened_at("2024-06-01").save()?;
            w.note(ben, "Donates bottles").happened_at("2024-06-02").save()?;
            w.follow_up(sally, "A table by the window").save()?;
            w.follow_up(ben, "The address of the school").save()?;
            Ok((sally, ben))
        })
        .unwrap();
    House { memory, agency, ana, sally, ben }
}

fn at(day: &str) -> DateTime<Utc> {
    format!("{day}T00:00:00Z").parse().unwrap()
}

/// What would go, and how much stays behind for a reason.
fn told(bundle: BundleExport<'_>) -> String {
    bundle.preview().unwrap().to_string()
}

fn refused(bundle: BundleExport<'_>, words: &str) {
    let error = bundle.preview().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn a_preview_says_in_words_what_would_go_and_what_would_stay_behind_and_why() {
    let house = house();
    assert_eq!(
        told(house.memory.bundle().title("For Corner Table").agency(house.agency)),
        "For Corner Table\n\
         would go: 1 contact, 2 notes, 1 promise, 1 member, 1 agency, 8 entries of the journal\n\
         would stay behind:\n  \
         1 contact: outside of the scope\n  \
         1 entry of the journal: naming somebody who is outside of the scope\n  \
         1 promise: outside of the scope\n  \
         1 member: not named by anything that goes\n  \
         2 notes: outside of the scope\n  \
         1 note: private to a member\n\
         1 private note of Ana Costa: would stay behind"
    );
    let whole = told(house.memory.bundle());
    assert!(whole.contains("would go: 2 contacts, 4 notes, 2 promises, 2 members, 1 agency"), "{whole}");
}

#[test]
fn each_word_of_a_scope_narrows_what_goes() {
    let House { memory, agency, ana, sally, ben } = house();
    let counts = |bundle: BundleExport<'_>| {
        let counts = bundle.preview().unwrap().counts;
        (counts.contacts, counts.notes, counts.follow_ups)
    };
    assert_eq!(counts(memory.bundle()), (2, 4, 2));
    assert_eq!(counts(memory.bundle().agency(agency)), (1, 2, 1));
    assert_eq!(counts(memory.bundle().members([&ana])), (1, 2, 1));
    assert_eq!(counts(memory.bundle().of([ben])), (1, 1, 1));
    assert_eq!(counts(memory.bundle().agency(agency).of([ben])), (0, 0, 0));
    assert_eq!(counts(memory.bundle().agency(agency).of([sally, ben])), (1, 2, 1));
    assert_eq!(counts(memory.bundle().kinds([NoteKind::Insight])), (2, 1, 2));
    assert_eq!(counts(memory.bundle().up_to(Sensitivity::Confidential)), (2, 3, 2));
    assert_eq!(counts(memory.bundle().up_to(Sensitivity::Health)), (2, 4, 2));
    assert_eq!(counts(memory.bundle().up_to(Sensitivity::Criminal)), (2, 3, 2));
    assert_eq!(counts(memory.bundle().between(at("2024-05-01"), None)), (2, 3, 2));
    assert_eq!(counts(memory.bundle().between(None, at("2024-05-02"))), (2, 2, 2));
    // March is over on the first of April, and a day within it is not all of it.
    assert_eq!(counts(memory.bundle().between(at("2024-03-01"), at("2024-04-01"))), (2, 1, 2));
    assert_eq!(counts(memory.bundle().between(at("2024-03-01"), at("2024-03-31"))), (2, 0, 2));
    assert_eq!(counts(memory.bundle().between(at("2024-03-02"), at("2024-04-01"))), (2, 0, 2));
}

#[test]
fn who_ever_looked_after_somebody_has_them_in_scope() {
    let House { memory, agency, ben, ana, .. } = house();
    memory.write(host(), |w| w.transfer(ben, &ana, None)).unwrap();
    let mia = memory.members_called("Mia Okafor").unwrap().remove(0);
    memory.write(host(), |w| w.transfer(ben, &mia, None)).unwrap();
    assert_eq!(memory.bundle().agency(agency).preview().unwrap().counts.contacts, 2);
}

#[test]
fn private_notes_go_when_their_reader_or_the_host_says_so_and_sealed_ones_never() {
    let House { memory, sally, ana, .. } = house();
    let theirs = memory.seen_by(&ana).unwrap();
    refused(memory.bundle().with_private_of(&ana), "the private notes of Ana Costa are not this handle's to give away");
    let mia = memory.members_called("Mia Okafor").unwrap().remove(0);
    refused(memory.seen_by(&mia).unwrap().bundle().with_private_of(&ana), "not this handle's");
    assert_eq!(theirs.bundle().preview().unwrap().counts.notes, 4, "they went without being named");
    for handle in [&theirs, &memory.all_seeing()] {
        let preview = handle.bundle().with_private_of(&ana).preview().unwrap();
        assert_eq!(preview.counts.notes, 5);
        let told = preview.to_string();
        assert!(told.contains("1 private note of Ana Costa: would go, and be read by whoever opens"), "{told}");
        let elsewhere = handle.bundle().of([sally]).kinds([NoteKind::Insight]).with_private_of(&ana).preview().unwrap();
        assert_eq!(elsewhere.counts.notes, 1, "a private note went that is out of scope");
    }
    let note = theirs.timeline(sally, None, 10).unwrap().notes.into_iter().find(|n| n.private_to.is_some()).unwrap();
    memory.write(&ana, |w| w.seal_note(note.id, None)).unwrap();
    let told = told(memory.all_seeing().bundle().with_private_of(&ana));
    assert!(told.contains("1 note: sealed") && told.contains("1 sealed private note: would stay behind"), "{told}");
}

#[test]
fn a_note_that_was_more_sensitive_stays_behind_with_what_was_promised_in_it() {
    let House { memory, sally, ana, .. } = house();
    let note = memory
        .write(&ana, |w| {
            let note = w.note(sally, "Her therapist moved").sensitivity(Sensitivity::Health).save()?;
            w.follow_up(sally, "Find the new address").from_note(note).save()?;
            w.correct_note(note, "Somebody moved", None)?;
            w.reclassify_note(note, None, Sensitivity::Ordinary)?;
            Ok(note)
        })
        .unwrap();
    let ceiling = || memory.bundle().up_to(Sensitivity::Confidential);
    let told = told(ceiling());
    assert!(told.contains("1 note: more sensitive than the scope allows, before it was classed anew"), "{told}");
    assert!(told.contains("1 promise: promised in a note that is more sensitive than the scope allows"), "{told}");
    memory.write(&ana, |w| w.reclassify_note(note, None, Sensitivity::Confidential)).unwrap();
    assert_eq!(ceiling().preview().unwrap().counts.notes, 3);
}

#[test]
fn a_note_that_was_classed_anew_since_the_last_bundle_says_so_without_its_words() {
    let House { memory, sally, ana, .. } = house();
    let note = memory.write(&ana, |w| w.note(sally, "Is back from the spa").save()).unwrap();
    let since = memory.head().unwrap();
    memory.write(&ana, |w| w.reclassify_note(note, None, Sensitivity::Health)).unwrap();
    let preview = memory.bundle().up_to(Sensitivity::Confidential).since(since).preview().unwrap();
    assert_eq!((preview.counts.notes, preview.counts.without_body), (0, 1), "{preview}");
    assert!(preview.to_string().contains("since it was classed anew; that it was goes"), "{preview}");
    assert!(preview.to_string().starts_with(&format!("Handoff, what is new since entry {}\n", since.seq)), "{preview}");
}

#[test]
fn a_choice_of_nothing_is_refused_and_is_not_taken_for_everything() {
    let House { memory, .. } = house();
    refused(memory.bundle().members(Vec::<heirloom::MemberId>::new()), "narrowed to some members, and none is named");
    refused(memory.bundle().of(Vec::<ContactId>::new()), "narrowed to some contacts, and none is named");
    refused(memory.bundle().kinds([]), "narrowed to some kinds of notes, and none is named");
    refused(memory.bundle().between(at("2024-05-01"), at("2024-05-01")), "which is not after it begins");
    refused(memory.bundle().title(" "), "title of the bundle: it is empty");
    refused(memory.bundle().sender("a\0b"), "sender of the bundle: it has the character U+0000");
    refused(memory.bundle().instruction(""), "instruction of the bundle: it is empty");
}

#[test]
fn who_or_what_is_not_in_this_memory_is_named_in_words() {
    let (here, there) = (house(), house());
    refused(here.memory.bundle().agency(there.agency), "there is no agency");
    refused(here.memory.bundle().members([&there.ana]), "there is no member");
    refused(here.memory.bundle().of([there.sally]), "there is no contact");
    refused(here.memory.all_seeing().bundle().with_private_of(&there.ana), "there is no member");
    refused(here.memory.bundle().since(there.memory.head().unwrap()), "nothing can go on from the head");
}

#[test]
fn an_increment_of_a_scope_takes_all_that_is_known_of_who_came_into_it() {
    let House { memory, agency, ana, ben, .. } = house();
    let since = memory.head().unwrap();
    memory.write(&ana, |w| w.note(ben, "Asked for Ana").save()).unwrap();
    let preview = || memory.bundle().agency(agency).since(since).preview().unwrap();
    assert_eq!((preview().counts.contacts, preview().counts.notes), (0, 0), "{}", preview());
    memory.write(host(), |w| w.transfer(ben, &ana, None)).unwrap();
    // Ben, the two notes about him and the one about both, his promise; and Sally, whose link to him stayed behind.
    let counts = preview().counts;
    assert_eq!((counts.contacts, counts.notes, counts.follow_ups), (2, 3, 1), "{}", preview());
    assert!(preview().to_string().contains("2 notes: unchanged since the bundle before"), "{}", preview());
}

#[test]
fn a_promise_made_in_a_note_that_is_too_sensitive_stays_behind_for_whatever_else_the_note_does() {
    let House { memory, ana, sally, .. } = house();
    memory
        .write(&ana, |w| {
            let note =
                w.note(sally, "Her treatment").sensitivity(Sensitivity::Health).happened_at("2020-01-01").save()?;
            w.follow_up(sally, "Ask how the treatment goes").from_note(note).save()
        })
        .unwrap();
    let promises = |bundle: BundleExport<'_>| bundle.up_to(Sensitivity::Ordinary).preview().unwrap().counts.follow_ups;
    let without = memory.bundle().preview().unwrap().counts.follow_ups - 1;
    assert_eq!(promises(memory.bundle()), without);
    assert_eq!(promises(memory.bundle().between(at("2024-01-01"), None)), without);
    assert_eq!(promises(memory.bundle().kinds([NoteKind::Insight])), without);
}
