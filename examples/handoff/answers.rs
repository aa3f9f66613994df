//! What those say to whom it is offered, until everybody has answered.

use std::error::Error;

use heirloom::{HandoffId, Result};

use crate::office::Office;
use crate::wrapped::wrapped;

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
    memory.write(&office.mia, |w| w.accept_all(handoff))?;
    office.tell("So far", &status(office, handoff)?)?;
    office.turn_to("2025-12-03T18:00:00Z")?;
    memory.write(&office.mia, |w| w.offer_to(handoff, chloé, &office.daniel))?;
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
