//! Time: instants to the microsecond, dates of which only a part is known, and the one place that reads a clock.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The first instant that a memory takes, 0001-01-01T00:00:00Z, in microseconds since 1970.
const EARLIEST: i64 = -62_135_596_800_000_000;
/// The last instant that a memory takes, 9999-12-31T23:59:59.999999Z, in microseconds since 1970.
const LATEST: i64 = 253_402_300_799_999_999;

/// Returns an instant as whole microseconds since 1970-01-01T00:00:00Z, the form in which it is stored.
///
/// # Errors
/// [`Error::Invalid`] before the year 1 or after the year 9999.
pub(crate) fn to_micros(at: DateTime<Utc>) -> Result<i64> {
    let micros = at.timestamp_micros();
    if (EARLIEST..=LATEST).contains(&micros) {
        Ok(micros)
    } else {
        Err(Error::invalid("time", "the year lies outside 1 to 9999"))
    }
}

/// Returns the instant of so many microseconds since 1970-01-01T00:00:00Z.
pub(crate) fn from_micros(micros: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
        .filter(|_| (EARLIEST..=LATEST).contains(&micros))
        .ok_or_else(|| Error::invalid("time", format!("{micros} microseconds lie outside the years 1 to 9999")))
}

/// Reads the clock, cut to whole microseconds. Nothing else in the crate does.
pub(crate) fn now() -> DateTime<Utc> {
    let now = Utc::now();
    now - TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos() % 1_000))
}

/// How exactly a time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// To the year.
    Year,
    /// To the month.
    Month,
    /// To the day: no hour is known, and none is made up.
    Day,
    /// To the instant.
    Instant,
}

/// A point in time together with how exactly it is known: a day is a day, not midnight.
///
/// Written as the part of ISO 8601 that is known: `2024`, `2024-03`, `2024-03-12` or `2024-03-12T18:30:00Z`.
///
/// ```
/// use heirloom::When;
///
/// let when: When = "2024-03-12".parse()?;
/// assert_eq!(when.to_string(), "2024-03-12");
/// assert!("2024-02-30".parse::<When>().is_err());
/// # Ok::<(), heirloom::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct When {
    /// The first instant of the time that is meant.
    start: i64,
    precision: Precision,
}

impl When {
    /// An instant, known exactly.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn instant(at: DateTime<Utc>) -> Result<Self> {
        Ok(Self { start: to_micros(at)?, precision: Precision::Instant })
    }

    /// A day of which no hour is known.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn day(day: NaiveDate) -> Result<Self> {
        Self::floor(day, Precision::Day)
    }

    /// A month of which no day is known.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such month, or outside the years 1 to 9999.
    pub fn month(year: i32, month: u32) -> Result<Self> {
        let day = NaiveDate::from_ymd_opt(year, month, 1)
            .ok_or_else(|| Error::invalid("time", format!("there is no month {month} in the year {year}")))?;
        Self::floor(day, Precision::Month)
    }

    /// A year of which no month is known.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn year(year: i32) -> Result<Self> {
        let day = NaiveDate::from_ymd_opt(year, 1, 1)
            .ok_or_else(|| Error::invalid("time", format!("the year {year} lies outside 1 to 9999")))?;
        Self::floor(day, Precision::Year)
    }

    fn floor(day: NaiveDate, precision: Precision) -> Result<Self> {
        Ok(Self { start: to_micros(day.and_time(NaiveTime::MIN).and_utc())?, precision })
    }

    /// The first instant of the time that is meant: the start of the day when only the day is known.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.start).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The first instant after the time that is meant: the start of the next day when only the day is known; after an
    /// instant, the next microsecond.
    ///
    /// ```
    /// use heirloom::When;
    ///
    /// let february: When = "2024-02".parse()?;
    /// assert_eq!(february.end().to_rfc3339(), "2024-03-01T00:00:00+00:00");
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn end(self) -> DateTime<Utc> {
        let start = self.start();
        let end = match self.precision {
            Precision::Year => start.checked_add_months(Months::new(12)),
            Precision::Month => start.checked_add_months(Months::new(1)),
            Precision::Day => start.checked_add_days(Days::new(1)),
            Precision::Instant => start.checked_add_signed(TimeDelta::microseconds(1)),
        };
        end.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// How exactly the time is known.
    pub const fn precision(self) -> Precision {
        self.precision
    }

    pub(crate) const fn micros(self) -> i64 {
        self.start
    }

    pub(crate) const fn stored(start: i64, precision: Precision) -> Self {
        Self { start, precision }
    }
}

impl Precision {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Year => 1,
            Self::Month => 2,
            Self::Day => 3,
            Self::Instant => 4,
        }
    }

    pub(crate) fn from_code(code: i64) -> Result<Self> {
        match code {
            1 => Ok(Self::Year),
            2 => Ok(Self::Month),
            3 => Ok(Self::Day),
            4 => Ok(Self::Instant),
            _ => Err(Error::fault("precision of a time", format!("code {code} is not known"))),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start();
        match self.precision {
            Precision::Year => write!(f, "{:04}", start.year()),
            Precision::Month => write!(f, "{:04}-{:02}", start.year(), start.month()),
            Precision::Day => write!(f, "{}", start.date_naive()),
            Precision::Instant => f.write_str(&start.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

impl FromStr for When {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |part: &str| part.parse::<u32>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
        let parsed = match text.len() {
            4 => number(text).and_then(|year| Self::year(year as i32).ok()),
            7 if text.is_char_boundary(4) && text.is_char_boundary(5) && &text[4..5] == "-" => number(&text[..4])
                .zip(number(&text[5..]))
                .and_then(|(year, month)| Self::month(year as i32, month).ok()),
            10 => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| Self::day(day).ok()),
            _ => DateTime::parse_from_rfc3339(text).ok().and_then(|at| Self::instant(at.to_utc()).ok()),
        };
        parsed.ok_or_else(|| {
            Error::invalid(
                "time",
                format!("“{text}” is not one; write 2024, 2024-03, 2024-03-12 or 2024-03-12T18:30:00Z"),
            )
        })
    }
}

impl TryFrom<String> for When {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.to_string()
    }
}

impl TryFrom<DateTime<Utc>> for When {
    type Error = Error;

    fn try_from(at: DateTime<Utc>) -> Result<Self> {
        Self::instant(at)
    }
}

impl TryFrom<NaiveDate> for When {
    type Error = Error;

    fn try_from(day: NaiveDate) -> Result<Self> {
        Self::day(day)
    }
}

impl TryFrom<&str> for When {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

/// A day that returns each year, such as a birthday; the year may be unknown.
///
/// Written as vCard 4 writes it (RFC 6350, section 4.3.1): `1985-04-12`, or `--04-12` without a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayOfYear {
    year: Option<i32>,
    month: u32,
    day: u32,
}

impl DayOfYear {
    /// A day, with its year where it is known.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such day; 29 February without a year is taken.
    pub fn new(year: Option<i32>, month: u32, day: u32) -> Result<Self> {
        let exists = NaiveDate::from_ymd_opt(year.unwrap_or(2000), month, day).is_some();
        match exists && year.is_none_or(|year| (1..=9999).contains(&year)) {
            true => Ok(Self { year, month, day }),
            false => Err(Error::invalid(
                "date",
                format!(
                    "there is no day {day} in month {month}{}",
                    match year {
                        Some(year) => format!(" of {year}"),
                        None => String::new(),
                    }
                ),
            )),
        }
    }

    /// The year, where it is known.
    pub const fn year(self) -> Option<i32> {
        self.year
    }

    /// The month, 1 to 12.
    pub const fn month(self) -> u32 {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub const fn day(self) -> u32 {
        self.day
    }
}

impl fmt::Display for DayOfYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.year {
            Some(year) => write!(f, "{year:04}-{:02}-{:02}", self.month, self.day),
            None => write!(f, "--{:02}-{:02}", self.month, self.day),
        }
    }
}

impl FromStr for DayOfYear {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail =
            || Error::invalid("date", format!("“{text}” is not one; write 1985-04-12, or --04-12 without a year"));
        let (year, rest) = match text.strip_prefix("--") {
            Some(rest) => (None, rest),
            None => match text.split_once('-') {
                Some((year, rest)) if year.len() == 4 => (Some(year.parse::<i32>().map_err(|_| fail())?), rest),
                _ => return Err(fail()),
            },
        };
        let (month, day) = rest.split_once('-').ok_or_else(fail)?;
        Self::new(year, month.parse().map_err(|_| fail())?, day.parse().map_err(|_| fail())?)
    }
}

impl TryFrom<String> for DayOfYear {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DayOfYear> for String {
    fn from(day: DayOfYear) -> Self {
        day.to_string()
    }
}
