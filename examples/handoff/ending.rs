//! Carrying the handoff out, the rest of the year, the departure, and what it comes to when all of it is taken back.

use std::error::Error;

use heirloom::{HandoffId, Result};

use crate::office::Office;
use crate::wrapped::wrapped;
use crate::year;

/// Lets the contacts change hands, whole, and checks the journal against the receipt.
pub(crate) fn complete(office: &Office, handoff: HandoffId) -> Result<(), Box<dyn Error>> {
    let receipt = office.memory.write(&office.mia, |w| w.complete(handoff))?;
    office.tell("The receipt", &receipt)?;
    office.tell("The journal, held against it", &office.memory.verify_against(receipt.head)?)?;
    Ok(())
}

/// Goes through the rest of the year, in which those who took over do their work; then the agency leaves.
pub(crate) fn depart(office: &Office) -> Result<(), Box<dyn Error>> {
    let (memory, hugh) = (&office.memory, office.contact("Hugh Pomeroy")?);
    office.turn_to("2025-12-05T23:30:00Z")?;
    let decaf = memory.follow_ups_of(&office.tomas)?.into_iter().find(|promise| promise.what.contains("decaf"));
    if let Some(decaf) = decaf {
        memory.write(&office.tomas, |w| w.finish_follow_up(decaf.id, Some("she approves")))?;
    }
    office.turn_to("2025-12-29T15:00:00Z")?;
    memory.write(&office.daniel, |w| w.transfer(hugh, &office.mia, Some("she is the one on the air")))?;
    let noted = year::notes(memory, office.turn_to("2025-12-31T22:00:00Z")?)?.notes_added;
    memory.write(&office.mia, |w| w.depart(office.agency, Some("the contract ended")))?;
    let left = [memory.history(office.agency)?, memory.history(office.noor.id)?];
    let left: Vec<String> = left.iter().filter_map(|entries| entries.last()).map(ToString::to_string).collect();
    office.tell("Bright Spoon leaves", &format!("{}\n{noted} notes were written in December.", left.join("\n")))?;
    let sally = memory.seen_by(&office.tomas)?.brief(office.contact("Sally Whitcomb")?)?;
    let known: Vec<String> = sally.insights.iter().map(|note| wrapped(&note.to_string())).collect();
    office.tell("What Tomas knows when Sally comes in", &known.join("\n"))?;
    Ok(())
}

/// The agency is back in January, and so is what it looked after; what came since stays as it is.
pub(crate) fn undo(office: &Office, handoff: HandoffId) -> Result<(), Box<dyn Error>> {
    office.turn_to("2026-01-05T15:00:00Z")?;
    let undone = office.memory.write(&office.mia, |w| {
        w.welcome_back(office.agency)?;
        w.undo(handoff, "signed for another year")
    })?;
    office.tell("Taken back", &undone)?;
    Ok(())
}
