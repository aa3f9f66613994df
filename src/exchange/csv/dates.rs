//! Dates and times as exporters write them, to the precision that they give.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::time::{DayOfYear, When};

/// How a cell's date is to be understood where it leaves a choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Whether 03/04/2024 is the third of April; `None`: not with slashes and dashes, but with dots.
    pub(super) day_first: Option<bool>,
    /// The zone of times that name none; `None`: UTC.
    pub(super) offset: Option<FixedOffset>,
}

/// What a cell says about a time, and what had to be assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read<T> {
    /// The time.
    pub(super) value: T,
    /// Whether day and month could be exchanged: `Some(true)` when the day was taken to stand first.
    pub(super) guessed_day_first: Option<bool>,
    /// Whether the day stands first beyond doubt (`true`), or the month (`false`).
    pub(super) shown_day_first: Option<bool>,
    /// Whether a time of day stood without its zone.
    pub(super) guessed_zone: bool,
}

/// Whether the cell says that there is no date, as Outlook's `0/0/00` does.
pub(super) fn is_none(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '0' | '/' | '-' | '.' | ':' | ' '))
}

/// Reads a time; gives `None` where the text is not one.
pub(super) fn when(text: &str, reading: Reading) -> Option<Read<When>> {
    let parts = Parts::of(text)?;
    let (date, order) = date(&parts.date, reading.day_first)?;
    let Some(time) = parts.time else {
        return Some(order.read(date.when()?, false));
    };
    let at = NaiveDateTime::new(date.day()?, time);
    let offset = parts.zone.or(reading.offset).unwrap_or(FixedOffset::east_opt(0)?);
    let at = offset.from_local_datetime(&at).single()?.to_utc();
    let guessed_zone = parts.zone.is_none() && reading.offset.is_none();
    Some(order.read(When::instant(at).ok()?, guessed_zone))
}

/// Reads a day that returns, with its year where one is given; a time of day beside it is left out.
pub(super) fn day_of_year(text: &str, reading: Reading) -> Option<Read<DayOfYear>> {
    if let Ok(value) = text.parse::<DayOfYear>() {
        return Some(Order::Told.read(value, false));
    }
    let (date, order) = date(&Parts::of(text)?.date, reading.day_first)?;
    Some(order.read(DayOfYear::new(Some(date.year), date.month?, date.day?).ok()?, false))
}

/// How it is known which of two numbers is the day.
#[derive(Clone, Copy)]
enum Order {
    /// By the way the date is written, or by the option.
    Told,
    /// One of them is above 12; whether the first is.
    Shown(bool),
    /// Not at all; whether the first was taken.
    Guessed(bool),
}

impl Order {
    fn read<T>(self, value: T, guessed_zone: bool) -> Read<T> {
        let (guessed_day_first, shown_day_first) = match self {
            Self::Told => (None, None),
            Self::Shown(day_first) => (None, Some(day_first)),
            Self::Guessed(day_first) => (Some(day_first), None),
        };
        Read { value, guessed_day_first, shown_day_first, guessed_zone }
    }
}

/// A calendar date of which the end may be unknown.
#[derive(Clone, Copy)]
struct Date {
    year: i32,
    month: Option<u32>,
    day: Option<u32>,
}

impl Date {
    fn full(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).map(|_| Self { year, month: Some(month), day: Some(day) })
    }

    fn day(self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(self.year, self.month?, self.day?)
    }

    fn when(self) -> Option<When> {
        match (self.month, self.day) {
            (Some(_), Some(_)) => When::day(self.day()?).ok(),
            (Some(month), None) => When::month(self.year, month).ok(),
            _ => When::year(self.year).ok(),
        }
    }
}

/// A text taken apart at the blanks: words of the date, the time of day, the zone.
#[derive(Default)]
struct Parts {
    date: Vec<String>,
    time: Option<NaiveTime>,
    zone: Option<FixedOffset>,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let mut parts = Self::default();
        let mut clock: Option<(String, Option<bool>)> = None;
        for word in spaced(text).split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
            let word = word.to_lowercase();
            match word.find(':').filter(|_| clock.is_none()) {
                Some(_) => {
                    let cut = word.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(word.len());
                    let (digits, rest) = word.split_at(cut);
                    clock = Some((digits.to_owned(), half(rest)));
                    if !rest.is_empty() && half(rest).is_none() {
                        parts.zone = Some(zone(rest)?);
                    }
                }
                None => match (&mut clock, half(&word)) {
                    (Some((_, known)), Some(afternoon)) => *known = Some(afternoon),
                    (Some(_), None) if zone(&word).is_some() => parts.zone = zone(&word),
                    _ if is_weekday(&word) => {}
                    _ => parts.date.push(word),
                },
            }
        }
        if let Some((digits, afternoon)) = clock {
            parts.time = Some(time(&digits, afternoon)?);
        }
        Some(parts)
    }
}

/// Puts a blank in place of the `T` between the date and the time of ISO 8601.
fn spaced(text: &str) -> String {
    let bytes = text.as_bytes();
    match bytes.get(10) {
        Some(b'T' | b't') if bytes.get(..10).is_some_and(|head| head.is_ascii() && head.get(4) == Some(&b'-')) => {
            format!("{} {}", &text[..10], &text[11..])
        }
        _ => text.to_owned(),
    }
}

/// Reads `am` and `pm`: whether it is the afternoon.
fn half(word: &str) -> Option<bool> {
    match word {
        "am" | "a.m." | "a" => Some(false),
        "pm" | "p.m." | "p" => Some(true),
        _ => None,
    }
}

/// Reads a zone: `z`, `utc`, `gmt`, `+01:00`, `-0300`, `+02`.
fn zone(word: &str) -> Option<FixedOffset> {
    let bare = word.strip_prefix("utc").or_else(|| word.strip_prefix("gmt")).unwrap_or(word);
    if bare.is_empty() || bare == "z" {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match bare.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, bare.strip_prefix(['-', '−'])?),
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let number = |part: Option<&str>| part.filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?.parse::<i32>().ok();
    let (hours, minutes) = match digits.len() {
        1 | 2 => (number(Some(&digits))?, 0),
        4 => (number(digits.get(..2))?, number(digits.get(2..))?),
        _ => return None,
    };
    if minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))
}

/// Reads `14:30`, `2:30` in the afternoon, `08:00:00.000`.
fn time(digits: &str, afternoon: Option<bool>) -> Option<NaiveTime> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut numbers = whole.split(':').map(|part| part.parse::<u32>().ok());
    let hour = numbers.next()??;
    let minute = numbers.next()??;
    let second = numbers.next().unwrap_or(Some(0))?;
    if numbers.next().is_some() {
        return None;
    }
    let hour = match (afternoon, hour) {
        (None, hour) => hour,
        (Some(_), 0 | 13..) => return None,
        (Some(afternoon), hour) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    NaiveTime::from_hms_micro_opt(hour, minute, second, fraction.parse().ok()?)
}

/// Reads the words of a date.
fn date(words: &[String], day_first: Option<bool>) -> Option<(Date, Order)> {
    let text = words.join(" ");
    let pieces: Vec<&str> = text.split([' ', '-', '/', '.']).filter(|p| !p.is_empty() && *p != "de").collect();
    let exact = |date: Option<Date>| date.map(|date| (date, Order::Told));
    match pieces.as_slice() {
        [one] if one.len() == 8 && number(one).is_some() => {
            exact(Date::full(number(one.get(..4)?)? as i32, number(one.get(4..6)?)?, number(one.get(6..)?)?))
        }
        [year] if year.len() == 4 => exact(Some(Date { year: number(year)? as i32, month: None, day: None })),
        [year, month] if year.len() == 4 => exact(month_of(number(year)? as i32, number(month)?)),
        [month, year] if year.len() == 4 => {
            exact(month_of(number(year)? as i32, month_name(month).or_else(|| number(month))?))
        }
        [year, month, day] if year.len() == 4 => {
            exact(Date::full(number(year)? as i32, number(month).or_else(|| month_name(month))?, number(day)?))
        }
        [a, b, year] => match (month_name(a), month_name(b)) {
            (Some(month), None) => exact(Date::full(self::year(year)?, month, number(ordinal(b))?)),
            (None, Some(month)) => exact(Date::full(self::year(year)?, month, number(ordinal(a))?)),
            (None, None) => numbers(number(a)?, number(b)?, self::year(year)?, day_first, text.contains('.')),
            _ => None,
        },
        _ => None,
    }
}

/// A month of a year.
fn month_of(year: i32, month: u32) -> Option<Date> {
    (1..=12).contains(&month).then_some(Date { year, month: Some(month), day: None })
}

/// Decides which of two numbers is the day.
fn numbers(a: u32, b: u32, year: i32, day_first: Option<bool>, dots: bool) -> Option<(Date, Order)> {
    let could_be_either = a <= 12 && b <= 12 && a != b;
    let first = if could_be_either { day_first.unwrap_or(dots) } else { a > 12 };
    let (day, month) = if first { (a, b) } else { (b, a) };
    let order = match (could_be_either, day_first) {
        (true, None) => Order::Guessed(first),
        (false, _) if a != b => Order::Shown(first),
        _ => Order::Told,
    };
    Date::full(year, month, day).map(|date| (date, order))
}

/// Reads a number of digits only.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Takes the ending of `1st`, `2nd`, `3rd`, `4th` off.
fn ordinal(text: &str) -> &str {
    let cut = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    match text.split_at(cut) {
        (digits, "st" | "nd" | "rd" | "th") => digits,
        _ => text,
    }
}

/// Reads a year of four digits, or of two: 00 to 68 are of this century, 69 to 99 of the last (as POSIX has it).
fn year(text: &str) -> Option<i32> {
    let text = text.strip_prefix('\'').unwrap_or(text);
    let year = i32::try_from(number(text)?).ok()?;
    match text.len() {
        4 => Some(year),
        2 if year <= 68 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

/// Reads the name of a month, or its beginning, in English, German, French and Spanish.
fn month_name(text: &str) -> Option<u32> {
    const MONTHS: [&[&str]; 12] = [
        &["january", "januar", "janvier", "enero", "janner", "jan"],
        &["february", "februar", "fevrier", "febrero", "feb"],
        &["march", "marz", "mars", "marzo", "mrz", "maerz"],
        &["april", "avril", "abril", "apr"],
        &["may", "mai", "mayo"],
        &["june", "juni", "juin", "junio", "jun"],
        &["july", "juli", "juillet", "julio", "jul"],
        &["august", "aout", "agosto"],
        &["september", "septembre", "septiembre", "sept"],
        &["october", "oktober", "octobre", "octubre"],
        &["november", "novembre", "noviembre"],
        &["december", "dezember", "decembre", "diciembre"],
    ];
    let folded: String = text.nfd().filter(|c| !is_combining_mark(*c)).collect();
    let found =
        (folded.len() >= 3).then(|| MONTHS.iter().position(|names| names.iter().any(|n| n.starts_with(&folded))));
    u32::try_from(found?? + 1).ok()
}

/// Whether the word is an English day of the week or its beginning, which says nothing that the date does not.
fn is_weekday(word: &str) -> bool {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    word.len() >= 3 && DAYS.iter().any(|day| day.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Reading = Reading { day_first: None, offset: None };

    fn shown(text: &str, reading: Reading) -> String {
        when(text, reading).map_or_else(|| "none".to_owned(), |read| read.value.to_string())
    }

    #[test]
    fn dates_of_every_exporter_are_read_to_the_precision_they_give() {
        for (text, expected) in [
            ("2024", "2024"),
            ("2024-03", "2024-03"),
            ("March 2024", "2024-03"),
            ("2024-03-12", "2024-03-12"),
            ("20240312", "2024-03-12"),
            ("2024/3/12", "2024-03-12"),
            ("12 Mar 2024", "2024-03-12"),
            ("03 Jan 2023", "2023-01-03"),
            ("7-Feb-22", "2022-02-07"),
            ("7-Feb-70", "1970-02-07"),
            ("Mar 12, 2024", "2024-03-12"),
            ("March 3rd, 2024", "2024-03-03"),
            ("12. März 2024", "2024-03-12"),
            ("12 août 2024", "2024-08-12"),
            ("12 de enero de 2024", "2024-01-12"),
            ("12 juin 2024", "2024-06-12"),
            ("12 juil. 2024", "2024-07-12"),
            ("3/15/2024", "2024-03-15"),
            ("15/3/2024", "2024-03-15"),
            ("3.4.2024", "2024-04-03"),
            ("3/15/2024 2:30 PM", "2024-03-15T14:30:00Z"),
            ("3/15/2024 12:05am", "2024-03-15T00:05:00Z"),
            ("2024-03-12 09:14", "2024-03-12T09:14:00Z"),
            ("2024-03-12T12:00:00.000Z", "2024-03-12T12:00:00Z"),
            ("2024-03-12T12:00:00.000-0300", "2024-03-12T15:00:00Z"),
            ("2024-03-12T12:00:00+05:30", "2024-03-12T06:30:00Z"),
            ("2026-08-01 02:00:00 UTC", "2026-08-01T02:00:00Z"),
            ("Sun Aug 02 2026 15:17:46 +0000", "2026-08-02T15:17:46Z"),
            ("2/30/2024", "none"),
            ("2024-02-30", "none"),
            ("soon", "none"),
            ("3/15/2024 14:30 PM", "none"),
            ("25:00", "none"),
            ("", "none"),
            ("99999-01-01", "none"),
            ("1/2/3/4", "none"),
        ] {
            assert_eq!(shown(text, PLAIN), expected, "{text:?}");
        }
    }

    #[test]
    fn a_date_that_could_be_either_follows_the_option_and_else_says_that_it_was_guessed() {
        let day_first = Reading { day_first: Some(true), ..PLAIN };
        let read =
            |text, reading| when(text, reading).map(|read| (read.value.to_string(), read.guessed_day_first)).unwrap();
        assert_eq!(read("03/04/2024", PLAIN), ("2024-03-04".into(), Some(false)));
        assert_eq!(read("03.04.2024", PLAIN), ("2024-04-03".into(), Some(true)));
        assert_eq!(read("03/04/2024", day_first), ("2024-04-03".into(), None));
        assert_eq!(read("03/13/2024", day_first), ("2024-03-13".into(), None));
        assert_eq!(read("03/03/2024", PLAIN), ("2024-03-03".into(), None));
    }

    #[test]
    fn a_time_without_zone_is_read_in_the_zone_of_the_option() {
        let berlin = Reading { offset: FixedOffset::east_opt(3600), ..PLAIN };
        assert_eq!(shown("2024-03-12 09:14", berlin), "2024-03-12T08:14:00Z");
        assert_eq!(shown("2024-03-12 09:14 UTC", berlin), "2024-03-12T09:14:00Z");
        assert!(when("2024-03-12 09:14", PLAIN).unwrap().guessed_zone);
        assert!(!when("2024-03-12 09:14", berlin).unwrap().guessed_zone);
    }

    #[test]
    fn birthdays_are_read_with_and_without_a_year() {
        let shown = |text| day_of_year(text, PLAIN).map(|read| read.value.to_string());
        assert_eq!(shown("--04-12").as_deref(), Some("--04-12"));
        assert_eq!(shown("12/28/1969").as_deref(), Some("1969-12-28"));
        assert_eq!(shown("1815-12-10").as_deref(), Some("1815-12-10"));
        assert_eq!(shown("April 1985"), None);
        assert!(is_none("0/0/00") && is_none("00.00.0000") && !is_none("1/1/2000"));
    }
}
