//! Phone numbers: E.164 by the national numbering plans, by digits where no plan knows the number.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde::{Deserialize, Serialize};

use super::{Why, excerpt, network, strip_scheme};
use crate::error::{Error, Result};

/// A country or territory with a numbering plan, by its code of ISO 3166-1 alpha-2: where a phone number that is written
/// without `+` is at home.
///
/// ```
/// use heirloom::Region;
///
/// let region: Region = "gb".parse()?;
/// assert_eq!(region.to_string(), "GB");
/// assert!("England".parse::<Region>().is_err());
/// # Ok::<(), heirloom::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(rlibphonenumber::Region);

impl FromStr for Region {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = text.to_ascii_uppercase().parse().ok();
        let planned = known.filter(|&region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some());
        planned.map(Self).ok_or_else(|| {
            let hint = if text.eq_ignore_ascii_case("uk") { "; the United Kingdom is GB" } else { "" };
            Error::invalid(
                "region",
                format!(
                    "“{}” is no country code; give two letters of ISO 3166-1, such as GB or US{hint}",
                    excerpt(text)
                ),
            )
        })
    }
}

impl TryFrom<String> for Region {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Whether the text is a number in E.164, as the key has it.
pub(super) fn is_e164(text: &str) -> bool {
    text.len() <= 16 && text.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether somebody who typed the text may have meant a number, and not a name with digits in it.
pub(super) fn is_likely(text: &str) -> bool {
    let count = |of: fn(char) -> bool| text.chars().filter(|&c| of(c)).count();
    let (letters, digits) = (count(char::is_alphabetic), count(char::is_numeric));
    digits > 0
        && (digits >= letters || text.starts_with('+') || text.contains(':') || !text.contains(char::is_lowercase))
}

/// Derives the key of a number: E.164 with `;ext=` (RFC 3966) where a plan has numbers of that length, else its digits,
/// with a `+` before them if one was given.
pub(super) fn key(text: &str, region: Option<Region>) -> Result<String, Why> {
    let text = ["tel:", "callto:", "sms:"].iter().find_map(|scheme| strip_scheme(text, scheme)).unwrap_or(text);
    let page = || network::Link::read(text).is_some_and(|link| link.network().is_some());
    if text.contains('@') || text.contains("://") || text.starts_with("//") || page() {
        return Err("is not a phone number".into());
    }
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    if let Some(key) = planned(&decoded, region) {
        return Ok(key);
    }
    let digits = digits(&decoded)?;
    // Nowhere does a national number begin with 00, and in most of the world an international one does.
    let international = || planned(&format!("+{}", digits.strip_prefix("00")?), None);
    Ok(planned(&digits, region).or_else(international).unwrap_or(digits))
}

/// Brings a number to E.164 if its length is one that its plan has. Length alone is asked for: ranges come into use
/// faster than programs are updated, and the key of a number must not change when they are.
fn planned(text: &str, region: Option<Region>) -> Option<String> {
    let number = PHONE_NUMBER_UTIL.parse(text, region.map(|region| region.0)).ok()?;
    if PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) != Ok(NumberLengthType::IsPossible) {
        return None;
    }
    let key = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned();
    let rests = key == text || {
        let again = PHONE_NUMBER_UTIL.parse(&key, None).ok()?;
        PHONE_NUMBER_UTIL.format(&again, PhoneNumberFormat::E164) == key
    };
    let extension = number.extension.filter(|extension| !extension.is_empty());
    rests.then(|| extension.map_or_else(|| key.clone(), |extension| format!("{key};ext={extension}")))
}

/// Takes the digits of a number that no plan knows, with its `+` and its extension.
fn digits(text: &str) -> Result<String, Why> {
    let (main, extension) = split_extension(text);
    let plus = main.trim_start_matches(|c: char| c != '+' && !c.is_numeric()).starts_with('+');
    let letters = main.bytes().filter(u8::is_ascii_alphabetic);
    let vanity = letters.clone().count() >= 3 && letters.clone().all(|b| b.is_ascii_uppercase());
    let main = if vanity { PHONE_NUMBER_UTIL.convert_alpha_characters_in_number(main) } else { main.to_owned() };
    let digits = PHONE_NUMBER_UTIL.normalize_digits_only(&main);
    if digits.is_empty() {
        return Err("has no digit in it".into());
    }
    let sign = if plus { "+" } else { "" };
    Ok(extension.map_or_else(|| format!("{sign}{digits}"), |extension| format!("{sign}{digits};ext={extension}")))
}

/// Splits the extension off: the last run of digits, if `ext`, `x` or `#` and their like stand before it.
fn split_extension(text: &str) -> (&str, Option<&str>) {
    let main = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let extension = text.get(main.len()..).filter(|extension| !extension.is_empty());
    let before = main.trim_end_matches([' ', '.', ':', '=', '-']);
    let marks = ["extension", "extn", "ext", "x", "#"];
    let number = marks.iter().find_map(|mark| strip_end(before, mark)).filter(|number| has_digit(number));
    match (number, extension) {
        (Some(number), Some(extension)) => (number.trim_end_matches([' ', ';', ',']), Some(extension)),
        _ => (text, None),
    }
}

/// Takes an ending away, in capitals or not.
fn strip_end<'a>(text: &'a str, ending: &str) -> Option<&'a str> {
    let start = text.len().checked_sub(ending.len())?;
    text.get(start..)?.eq_ignore_ascii_case(ending).then(|| text.get(..start)).flatten()
}

/// Whether a text has a digit of any script.
fn has_digit(text: &str) -> bool {
    !PHONE_NUMBER_UTIL.normalize_digits_only(text).is_empty()
}
