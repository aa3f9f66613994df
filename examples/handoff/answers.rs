//! What is offered, and what those say to whom it is offered.

use std::error::Error;

use heirloom::{Actor, Debrief, HandoffId, Plan, Result, Topic};

use crate::office::Office;
use crate::wrapped::wrapped;

/// What comes of leaving without a handoff: nobody does, while anybody would be left behind.
pub(crate) fn without_a_handoff(office: &Office) -> String {
    let left = office.memory.write(&office.mia, |w| w.depart(office.agency, None));
    left.map_or_else(|refused| wrapped(&format!("No: {refused}.")), |()| "Bright Spoon has left.".to_owned())
}

/// What to ask first of those who leave; Noor answers one of the questions.
pub(crate) fn debrief(office: &Office) -> Result<Debrief> {
    let debrief = office.memory.debrief(office.agency).first(2).run()?;
    let first = debrief.contacts.first().into_iter().flat_map(|asked| &asked.questions);
    if let Some(never) = first.filter(|question| question.topic == Topic::Never).last() {
        let answer = "Call her on a Wednesday before noon: the paper closes then.";
        office.memory.write(&office.noor, |w| w.answer_debrief(never, answer))?;
    }
    Ok(debrief)
}

/// Offers the plan. The program does, as the host: what becomes of private notes is for their authors or for the host to say.
pub(crate) fn offer(office: &Office, plan: &Plan) -> Result<HandoffId> {
    office.memory.write(Actor::system("office"), |w| w.offer(plan))
}

/// Each says what they take. One contact is declined and goes to somebody else; one question is asked and answered.
pub(crate) fn all(office: &Office, handoff: HandoffId) -> Result<(), Box<dyn Error>> {
    let (memory, chloé, ruth) = (&office.memory, office.contact("Chloé Marchand")?, office.contact("Ruth Kettering")?);
    office.turn_to("2025-12-02T15:00:00Z")?;
    let question = "May she publish the list of soups before we print it?";
    let question = memory.write(&office.daniel, |w| w.ask(handoff, ruth, question))?;
    memory.write(&office.tomas, |w| {
        w.decline(handoff, chloé, "I am not on TikTok")?;
        w.accept_all(handoff)
    })?;
    memory.write(&office.mia, |w| {
        w.accept_all(handoff)?;
        w.offer_to(handoff, chloé, &office.daniel)
    })?;
    office.tell("So far", &status(office, handoff)?)?;
    office.turn_to("2025-12-03T18:00:00Z")?;
    let answer = "No, and she never has: she wants to cook them first. Send it as words, without pictures.";
    let note = memory.write(&office.noor, |w| w.answer(question, answer))?;
    memory.write(&office.daniel, |w| w.accept_all(handoff))?;
    office.tell("A question, answered for all who come after", &wrapped(&memory.note(note)?.to_string()))?;
    office.turn_to("2025-12-04T14:00:00Z")?;
    office.tell("All have answered", &status(office, handoff)?)?;
    Ok(())
}

/// Where the handoff stands, and each contact in it.
fn status(office: &Office, handoff: HandoffId) -> Result<String> {
    let items = office.memory.handoff_items(handoff)?;
    let items: Vec<String> = items.iter().map(|item| format!("  {item}")).collect();
    Ok(format!("{}\n{}", office.memory.handoff_by_id(handoff)?, items.join("\n")))
}
