//! What a column of a CSV file can hold, and the words for it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::error::{Error, Result};

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident $word:literal;)*) => {
        /// What a column of a CSV file holds.
        ///
        /// Written as a word, in configuration files too: `given_name`, `handle:x`, `date:birthday`,
        /// `field:favourite dish`. The word of a column with a name after the colon takes that name as it stands.
        ///
        /// ```
        /// use heirloom::{Channel, Column};
        ///
        /// assert_eq!("handle:x".parse::<Column>()?, Column::Handle(Channel::X));
        /// assert_eq!(Column::Field("favourite dish".into()).to_string(), "field:favourite dish");
        /// # Ok::<(), heirloom::Error>(())
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[non_exhaustive]
        pub enum Column {
            $($(#[$doc])* $name,)*
            /// An address on a channel; several may stand in a cell, joined by ` ::: ` (`handle:x`).
            Handle(Channel),
            /// Whether the contact does not want to be reached on a channel: true or false (`do_not_contact:phone`).
            DoNotContact(Channel),
            /// A day that returns each year (`date:birthday`).
            Date(String),
            /// A related person, by name (`related:spouse`).
            Related(String),
            /// A custom field of the contact (`field:favourite dish`).
            Field(String),
        }

        /// The words of the columns that need no name after them.
        const PLAIN: &[(&str, Column)] = &[$(($word, Column::$name),)*];

        impl fmt::Display for Column {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($word),)*
                    Self::Handle(channel) => write!(f, "handle:{}", channel.word()),
                    Self::DoNotContact(channel) => write!(f, "do_not_contact:{}", channel.word()),
                    Self::Date(label) => write!(f, "date:{label}"),
                    Self::Related(relation) => write!(f, "related:{relation}"),
                    Self::Field(name) => write!(f, "field:{name}"),
                }
            }
        }
    };
}

columns! {
    /// The id that the source gives the row.
    Id "id";
    /// The source's id of the contact; where the rows are notes, several joined by `;` are taken.
    ContactId "contact_id";
    /// The full name.
    Name "name";
    /// The given name.
    GivenName "given_name";
    /// The middle name.
    MiddleName "middle_name";
    /// The family name.
    FamilyName "family_name";
    /// What stands before the name, such as “Dr.”.
    NamePrefix "name_prefix";
    /// What stands after the name, such as “PhD”.
    NameSuffix "name_suffix";
    /// The nickname.
    Nickname "nickname";
    /// The company or other organisation.
    Company "company";
    /// The department within the company.
    Department "department";
    /// What the contact does there.
    JobTitle "job_title";
    /// What relation the contact has to us: customer, employee, partner, press.
    Audience "audience";
    /// E-mail addresses.
    Email "email";
    /// Telephone numbers.
    Phone "phone";
    /// Tags, joined by `;`, by `,` or by ` ::: `.
    Tag "tag";
    /// The text of the note; where the rows are contacts, a note about the contact.
    Note "note";
    /// The title or subject of the note, put before its text.
    Title "title";
    /// The kind of the note: conversation, insight, praise, complaint, idea, milestone, broadcast or other.
    Kind "kind";
    /// When the note happened.
    HappenedAt "happened_at";
    /// Who said it or held the conversation.
    SaidBy "said_by";
    /// The channel over which the note happened, as a word such as `email` or `x`.
    Via "channel";
    /// Whether the note came from the contact (`in`) or went to them (`out`).
    Direction "direction";
    /// A link to where the note happened.
    Permalink "permalink";
    /// Who may read the note: `organisation` or `private`.
    Visibility "visibility";
    /// How sensitive the note is, such as `ordinary`, `confidential` or `health`.
    Sensitivity "sensitivity";
    /// Nothing that is wanted: the column is left out.
    Ignore "ignore";
}

impl FromStr for Column {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some((_, column)) = PLAIN.iter().find(|(word, _)| *word == text) {
            return Ok(column.clone());
        }
        match text.split_once(':').map(|(word, name)| (word, name.trim())) {
            Some(("handle", channel)) => channel.parse().map(Self::Handle),
            Some(("do_not_contact", channel)) => channel.parse().map(Self::DoNotContact),
            Some(("date", label)) if !label.is_empty() => Ok(Self::Date(label.into())),
            Some(("related", relation)) if !relation.is_empty() => Ok(Self::Related(relation.into())),
            Some(("field", name)) if !name.is_empty() => Ok(Self::Field(name.into())),
            _ => Err(Error::invalid("column", unknown(text))),
        }
    }
}

/// Says which words there are.
fn unknown(text: &str) -> String {
    let words: Vec<_> = PLAIN.iter().map(|(word, _)| *word).collect();
    format!(
        "“{text}” is not known; write {}, handle:CHANNEL, do_not_contact:CHANNEL, date:LABEL, related:RELATION or field:NAME",
        words.join(", ")
    )
}

impl TryFrom<String> for Column {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        column.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_read_back_from_its_own_word() {
        let named =
            ["handle:x", "do_not_contact:phone", "date:birthday", "related:spouse", "field:favourite dish: now"];
        for word in PLAIN.iter().map(|(word, _)| *word).chain(named) {
            assert_eq!(word.parse::<Column>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn a_word_that_is_no_column_is_refused_with_the_words_that_are() {
        for word in ["", "given name", "handle:", "handle:icq", "field:", "date: "] {
            assert!(word.parse::<Column>().is_err(), "{word:?}");
        }
        assert!("gvn".parse::<Column>().unwrap_err().to_string().contains("given_name"));
    }
}
