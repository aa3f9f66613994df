//! The document of briefs as one HTML page.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::book::{Cover, Entry, Form};
use super::{Brief, Row, Section};
use crate::wording::steers;

/// The only style of the page; it loads nothing.
const STYLE: &str = concat!(include_str!("brief.css"), include_str!("page.css"));

/// A page that loads nothing and runs nothing.
pub(super) struct Html;

impl Form for Html {
    fn cover(&self, out: &mut String, cover: &Cover) -> fmt::Result {
        write_head(out, &cover.title, &cover.about, STYLE)?;
        writeln!(out, "<p class=\"counts\">{}</p>\n</header>", Text(&cover.counts))?;
        if !cover.entries.is_empty() {
            write_contents(out, &cover.entries)?;
        }
        out.write_str("<main id=\"briefs\">\n")
    }

    fn brief(&self, out: &mut String, place: usize, entry: &Entry, brief: &Brief) -> fmt::Result {
        write!(
            out,
            "<article id=\"contact-{place}\" aria-labelledby=\"name-{place}\">\n\
             <h2 id=\"name-{place}\" dir=\"auto\">{}</h2>\n",
            Text(&entry.name)
        )?;
        write_standing(out, entry, brief)?;
        brief.sections().iter().try_for_each(|section| write_section(out, section))?;
        out.write_str("<p class=\"back\"><a href=\"#contents\">Contents</a></p>\n</article>\n")
    }

    fn end(&self, out: &mut String) -> fmt::Result {
        out.write_str("</main>\n</body>\n</html>\n")
    }
}

/// The source expression that lets a browser take this style or script and no other (CSP 3, section 2.3.1).
pub(crate) fn digest(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source)))
}

/// Writes the head of a page that loads nothing and runs nothing, and in its body the title and what the page says of
/// itself; the header stays open.
pub(crate) fn write_head(out: &mut String, title: &str, about: &[String], style: &str) -> fmt::Result {
    let title = Text(title);
    // The browser is told to take this one style and nothing else, whatever a text of others may say.
    let taken = digest(style);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{taken}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <header>\n<h1 dir=\"auto\">{title}</h1>\n"
    )?;
    about.iter().try_for_each(|text| writeln!(out, "<p>{}</p>", Text(text)))
}

/// Writes what stands below the name: what they are to us, why they stand where they stand, and what they do not wish.
pub(crate) fn write_standing(out: &mut String, entry: &Entry, brief: &Brief) -> fmt::Result {
    let (epithets, mut wishes) = brief.subtitle();
    if !epithets.is_empty() {
        writeln!(out, "<p class=\"epithets\" dir=\"auto\">{}</p>", Text(&epithets))?;
    }
    writeln!(out, "<p class=\"why{}\">{}</p>", urgent(entry), Text(&sentence(&entry.why)))?;
    wishes.try_for_each(|wish| writeln!(out, "<p class=\"wish\">{}</p>", Text(&wish)))
}

fn write_contents(out: &mut String, entries: &[Entry]) -> fmt::Result {
    out.write_str(
        "<nav id=\"contents\" aria-labelledby=\"contents-title\">\n<h2 id=\"contents-title\">Contents</h2>\n\
         <p class=\"skip\"><a href=\"#briefs\">Skip the contents</a></p>\n<ol>\n",
    )?;
    for (place, entry) in (1..).zip(entries) {
        writeln!(
            out,
            "<li><a href=\"#contact-{place}\" dir=\"auto\">{}</a> <span class=\"reason{}\">{}</span></li>",
            Text(&entry.name),
            urgent(entry),
            Text(&entry.why)
        )?;
    }
    out.write_str("</ol>\n</nav>\n")
}

pub(crate) const fn urgent(entry: &Entry) -> &'static str {
    if entry.urgent { " urgent" } else { "" }
}

/// A section: terms with what is said of them, or a list where one of them has no name.
pub(crate) fn write_section(out: &mut String, section: &Section) -> fmt::Result {
    let named = section.rows.iter().all(|row| !row.label.trim().is_empty());
    let title = section.part.title();
    let class = title.to_lowercase().replace(' ', "-");
    writeln!(out, "<section class=\"{class}\">\n<h3>{title}</h3>")?;
    let list = if named { "dl" } else { "ul" };
    writeln!(out, "<{list}>")?;
    for Row { label, text, aside } in &section.rows {
        let aside = match aside.as_str() {
            "" => String::new(),
            aside => format!("<span class=\"aside\">{}</span>", Text(aside)),
        };
        let (label, text) = (Text(label.trim()), Text(text.trim()));
        match (named, label.0) {
            (true, _) => writeln!(
                out,
                "<div><dt>{label}</dt><dd dir=\"auto\"><span class=\"said\" lang=\"\">{text}</span>{aside}</dd></div>"
            )?,
            (false, "") => writeln!(out, "<li dir=\"auto\"><span class=\"said\">{text}</span>{aside}</li>")?,
            (false, _) => {
                writeln!(out, "<li dir=\"auto\"><b>{label}</b> <span class=\"said\">{text}</span>{aside}</li>")?
            }
        }
    }
    writeln!(out, "</{list}>")?;
    if section.more > 0 {
        writeln!(out, "<p class=\"more\">and {} more</p>", section.more)?;
    }
    out.write_str("</section>\n")
}

/// A phrase with a capital letter at its beginning and a full stop.
pub(crate) fn sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if phrase.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// A text of others in an element or an attribute, in which nothing is markup, and nothing turns the direction of the
/// line. Its lines stay lines.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(c),
            c if steers(c) => write!(f, "&lt;U+{:04X}&gt;", u32::from(c)),
            c => f.write_char(c),
        })
    }
}
