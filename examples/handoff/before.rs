//! Before anybody answers: what is asked of those who leave, what is planned, and the offer.

use heirloom::{Actor, Debrief, Fate, HandoffId, Plan, Result, Topic};

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
    let mut first = debrief.contacts.first().into_iter().flat_map(|asked| &asked.questions);
    if let Some(never) = first.rfind(|question| question.topic == Topic::Never) {
        let answer = "Call her on a Wednesday before noon: the paper closes then.";
        office.memory.write(&office.noor, |w| w.answer_debrief(never, answer))?;
    }
    Ok(debrief)
}

/// The press goes to Daniel, two whom she knows to the chef, and everybody else to Tomas. What is private and must be
/// known goes along; what nobody is to read without a reason is sealed; the rest stays private to who wrote it.
pub(crate) fn plan(office: &Office) -> Result<Plan> {
    let known_to_mia = [office.contact("Amara Osei")?, office.contact("中村 遥")?];
    let plan = office.memory.handoff().of_agency(office.agency).reason("Bright Spoon's contract ends");
    let plan = plan.tagged("press", &office.daniel).except(known_to_mia, &office.mia).to(&office.tomas);
    let plan = plan.private_notes_about([office.contact("Sally Whitcomb")?], Fate::Release);
    plan.private_notes_about([office.contact("Ruth Kettering")?], Fate::Seal).plan()
}

/// Offers the plan. The program does, as the host: what becomes of private notes is for their authors or for the host to say.
pub(crate) fn offer(office: &Office, plan: &Plan) -> Result<HandoffId> {
    office.memory.write(Actor::system("office"), |w| w.offer(plan))
}
