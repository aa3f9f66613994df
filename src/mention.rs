//! Which ids stand in a text, wherever in it.

use std::borrow::Cow;

use uuid::Uuid;

/// The shortest form of an id: 32 hexadecimal digits.
const SHORTEST: usize = 32;
/// The usual form of an id, with hyphens.
const USUAL: usize = 36;

/// Hands out every id that the body of an entry holds: as a value, as a name, or within a text, such as a link.
pub(crate) fn each_id(body: &str, see: &mut dyn FnMut(Uuid)) {
    let body = plain(body);
    let bytes = body.as_bytes();
    let mut at = 0;
    // An id is a run of digits and hyphens of at least 32, so it covers one byte of every 32.
    while let Some(probe) = bytes.get(at + SHORTEST - 1) {
        if !is_of_id(*probe) {
            at += SHORTEST;
            continue;
        }
        let reach = at + SHORTEST - 1;
        let start =
            at + bytes.get(at..reach).map_or(0, |run| run.iter().rposition(|b| !is_of_id(*b)).map_or(0, |p| p + 1));
        let length = bytes.get(start..).map_or(0, |run| run.iter().take_while(|b| is_of_id(**b)).count());
        if let Some(run) = bytes.get(start..start + length).filter(|run| run.len() >= SHORTEST) {
            each_in_run(run, see);
        }
        at = start + length + 1;
    }
}

const fn is_of_id(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'-'
}

/// Tries every place of a run, since what stands around an id may be digits and hyphens too.
fn each_in_run(run: &[u8], see: &mut dyn FnMut(Uuid)) {
    let with_hyphens = run.windows(USUAL).filter(|w| w.get(8) == Some(&b'-') && w.get(13) == Some(&b'-'));
    let without = run.windows(SHORTEST).filter(|w| !w.contains(&b'-'));
    with_hyphens.chain(without).filter_map(|id| Uuid::try_parse_ascii(id).ok()).for_each(see);
}

/// A body without escapes that could hide an id; one that heirloom wrote has none.
fn plain(body: &str) -> Cow<'_, str> {
    if !body.contains("\\u") {
        return Cow::Borrowed(body);
    }
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(value) => Cow::Owned(value.to_string()),
        Err(_) => Cow::Borrowed(body),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn ids_in(body: &str) -> Vec<Uuid> {
        let mut found = Vec::new();
        each_id(body, &mut |id| found.push(id));
        found
    }

    #[test]
    fn an_id_is_found_wherever_it_stands_and_however_it_is_written() {
        let id = Uuid::try_parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let forms = [
            id.to_string(),
            id.to_string().to_uppercase(),
            id.simple().to_string(),
            id.urn().to_string(),
            format!("https://crm.example/c/{id}/edit"),
            format!("abc-{id}-def"),
            format!("{id}{id}"),
            id.to_string().replace('-', "\\u002d"),
            id.to_string().replacen('0', "\\u0030", 1),
        ];
        for form in forms {
            for padding in 0..70 {
                let body = format!("{{\"text\":\"{}{form} and more\"}}", "x".repeat(padding));
                assert!(ids_in(&body).contains(&id), "{body}");
            }
        }
        assert!(ids_in("{\"text\":\"nothing here\",\"at\":1890}").is_empty());
        assert!(ids_in("").is_empty());
    }
}
