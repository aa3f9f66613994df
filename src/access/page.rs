//! The file as it is read: HTML and Markdown, which tell the same in the same order.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use super::told::{Item, Part, Told};
use super::{AccessFinding, Cover, Form};
use crate::brief::html::{Text, write_head};
use crate::brief::markdown::Line;
use crate::wording::steers;

/// The only style of the page; it loads nothing.
const STYLE: &str = concat!(include_str!("../brief/brief.css"), include_str!("page.css"));

/// Writes the file as HTML.
pub(super) const fn html<W: Write>(out: W) -> Page<W, Html> {
    Page { out, markup: Html, part: None }
}

/// Writes the file as Markdown.
pub(super) const fn markdown<W: Write>(out: W) -> Page<W, Markdown> {
    Page { out, markup: Markdown, part: None }
}

/// A file that is read, in some markup.
pub(super) struct Page<W, M> {
    out: W,
    markup: M,
    /// The part at hand, and whether it has an item.
    part: Option<(Part, bool)>,
}

/// How a file is marked up.
pub(super) trait Markup {
    fn begin(&self, out: &mut String, cover: &Cover<'_>) -> fmt::Result;
    /// Begins a section, which the contents lead to by its id.
    fn section(&self, out: &mut String, id: &str, title: &str) -> fmt::Result;
    fn begin_list(&self, out: &mut String) -> fmt::Result;
    fn told(&self, out: &mut String, told: &Told) -> fmt::Result;
    fn end_list(&self, out: &mut String) -> fmt::Result;
    fn paragraph(&self, out: &mut String, text: &str) -> fmt::Result;
    fn end_section(&self, out: &mut String) -> fmt::Result;
    fn end(&self, out: &mut String) -> fmt::Result;

    /// Writes a section of its own.
    fn whole(&self, out: &mut String, id: &str, title: &str, items: &[Told]) -> fmt::Result {
        self.section(out, id, title)?;
        self.begin_list(out)?;
        items.iter().try_for_each(|told| self.told(out, told))?;
        self.end_list(out)?;
        self.end_section(out)
    }
}

impl<W: Write, M: Markup> Page<W, M> {
    fn put(&mut self, write: impl FnOnce(&M, &mut String) -> fmt::Result) -> io::Result<()> {
        let mut text = String::new();
        write(&self.markup, &mut text).map_err(io::Error::other)?;
        self.out.write_all(text.as_bytes())
    }

    fn end_part(&mut self) -> io::Result<()> {
        match self.part.take() {
            None => Ok(()),
            Some((_, true)) => self.put(|markup, out| {
                markup.end_list(out)?;
                markup.end_section(out)
            }),
            Some((part, false)) => self.put(|markup, out| {
                markup.paragraph(out, part.nothing())?;
                markup.end_section(out)
            }),
        }
    }
}

impl<W: Write, M: Markup> Form for Page<W, M> {
    fn begin(&mut self, cover: &Cover<'_>) -> io::Result<()> {
        self.put(|markup, out| {
            markup.begin(out, cover)?;
            markup.whole(out, "summary", "What this file holds", &summary(cover))?;
            let sections = cover.person.sections();
            (1..)
                .zip(sections)
                .try_for_each(|(place, (title, told))| markup.whole(out, &format!("person-{place}"), title, &told))
        })
    }

    fn part(&mut self, part: Part) -> io::Result<()> {
        self.end_part()?;
        self.part = Some((part, false));
        self.put(|markup, out| markup.section(out, part.word(), part.title()))
    }

    fn item(&mut self, item: &Item) -> io::Result<()> {
        let first = matches!(self.part, Some((_, false)));
        if let Some((_, begun)) = &mut self.part {
            *begun = true;
        }
        self.put(|markup, out| {
            if first {
                markup.begin_list(out)?;
            }
            markup.told(out, &item.told())
        })
    }

    fn end(&mut self) -> io::Result<()> {
        self.end_part()?;
        self.put(|markup, out| markup.end(out))?;
        self.out.flush()
    }
}

/// What the file holds, what was masked, and what was left out.
fn summary(cover: &Cover<'_>) -> Vec<Told> {
    let told = |label: &str, text: String| Told { label: label.to_owned(), text, ..Told::default() };
    let rows = |found: &[AccessFinding]| found.iter().map(|f| (f.what.clone(), f.count.to_string())).collect();
    let report = cover.report;
    let mut summary = vec![told("holds", report.holdings())];
    let masked = report.maskings();
    summary.push(Told { more: rows(&report.masked), ..told("masked", masked) });
    let left_out = if report.left_out.is_empty() { "nothing" } else { "what follows, so many each" };
    summary.push(Told { more: rows(&report.left_out), ..told("left out", left_out.to_owned()) });
    if !cover.members.is_empty() {
        let who = "who acts for the organisation, by a number within this file".to_owned();
        summary.push(Told { more: cover.members.clone(), ..told("members", who) });
    }
    summary
}

/// The contents: where each section begins.
fn contents(cover: &Cover<'_>) -> Vec<(String, &'static str)> {
    let person = (1..).zip(cover.person.sections()).map(|(place, (title, _))| (format!("person-{place}"), title));
    let parts = Part::ALL.into_iter().filter(|part| !cover.provided_only || *part == Part::Notes);
    let parts = parts.map(|part| (part.word().to_owned(), part.title()));
    std::iter::once(("summary".to_owned(), "What this file holds")).chain(person).chain(parts).collect()
}

/// A text with the ends of its lines as they are in the file.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// A page that loads nothing and runs nothing.
pub(super) struct Html;

impl Markup for Html {
    fn begin(&self, out: &mut String, cover: &Cover<'_>) -> fmt::Result {
        write_head(out, &cover.title, &cover.about, STYLE)?;
        out.write_str("</header>\n<nav aria-label=\"Contents\">\n<ul>\n")?;
        for (id, title) in contents(cover) {
            writeln!(out, "<li><a href=\"#{id}\">{title}</a></li>")?;
        }
        out.write_str("</ul>\n</nav>\n<main>\n")
    }

    fn section(&self, out: &mut String, id: &str, title: &str) -> fmt::Result {
        writeln!(out, "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>")
    }

    fn begin_list(&self, out: &mut String) -> fmt::Result {
        out.write_str("<dl>\n")
    }

    fn told(&self, out: &mut String, told: &Told) -> fmt::Result {
        let (text, aside) = (lines(&told.text), lines(&told.aside));
        write!(out, "<div><dt>{}</dt><dd dir=\"auto\">", Text(&told.label))?;
        write!(out, "<span class=\"said\" lang=\"\">{}</span>", Text(&text))?;
        if !aside.is_empty() {
            write!(out, "<span class=\"aside\">{}</span>", Text(&aside))?;
        }
        if !told.more.is_empty() {
            out.write_str("\n<ul>\n")?;
            for (label, text) in &told.more {
                let text = lines(text);
                writeln!(out, "<li><b>{}</b> <span class=\"said\">{}</span></li>", Text(label), Text(&text))?;
            }
            out.write_str("</ul>\n")?;
        }
        if let Some(source) = &told.source {
            write!(out, "\n<p class=\"source-title\">As it was imported</p>\n<pre>{}</pre>\n", Text(&lines(source)))?;
        }
        out.write_str("</dd></div>\n")
    }

    fn end_list(&self, out: &mut String) -> fmt::Result {
        out.write_str("</dl>\n")
    }

    fn paragraph(&self, out: &mut String, text: &str) -> fmt::Result {
        writeln!(out, "<p class=\"more\">{}</p>", Text(text))
    }

    fn end_section(&self, out: &mut String) -> fmt::Result {
        out.write_str("</section>\n")
    }

    fn end(&self, out: &mut String) -> fmt::Result {
        out.write_str("</main>\n</body>\n</html>\n")
    }
}

/// CommonMark without raw HTML.
pub(super) struct Markdown;

impl Markup for Markdown {
    fn begin(&self, out: &mut String, cover: &Cover<'_>) -> fmt::Result {
        writeln!(out, "# {}", Line(&cover.title))?;
        cover.about.iter().try_for_each(|text| write!(out, "\n{}\n", Line(text)))
    }

    fn section(&self, out: &mut String, _: &str, title: &str) -> fmt::Result {
        write!(out, "\n## {title}\n\n")
    }

    fn begin_list(&self, _: &mut String) -> fmt::Result {
        Ok(())
    }

    fn told(&self, out: &mut String, told: &Told) -> fmt::Result {
        write!(out, "- **{}** ", Line(&told.label))?;
        write_lines(out, &format!("{}{}", told.text, told.aside), "  ")?;
        for (label, text) in &told.more {
            write!(out, "  - {}: ", Line(label))?;
            write_lines(out, text, "    ")?;
        }
        match &told.source {
            None => Ok(()),
            Some(source) => write_source(out, &lines(source)),
        }
    }

    fn end_list(&self, _: &mut String) -> fmt::Result {
        Ok(())
    }

    fn paragraph(&self, out: &mut String, text: &str) -> fmt::Result {
        writeln!(out, "{}", Line(text))
    }

    fn end_section(&self, _: &mut String) -> fmt::Result {
        Ok(())
    }

    fn end(&self, _: &mut String) -> fmt::Result {
        Ok(())
    }
}

/// Writes a text whose lines stay lines of one item: the backslash is a hard break, the indent keeps them in it.
fn write_lines(out: &mut String, text: &str, indent: &str) -> fmt::Result {
    let text = lines(text);
    for (at, line) in text.split('\n').filter(|line| !line.trim().is_empty()).enumerate() {
        if at > 0 {
            write!(out, "\\\n{indent}")?;
        }
        write!(out, "{}", Line(line))?;
    }
    out.write_char('\n')
}

/// Writes a source as a block of code within an item, with a fence that the source does not have.
fn write_source(out: &mut String, source: &str) -> fmt::Result {
    let (mut longest, mut ticks) = (2, 0);
    for c in source.chars() {
        ticks = if c == '`' { ticks + 1 } else { 0 };
        longest = longest.max(ticks);
    }
    let fence = "`".repeat(longest + 1);
    write!(out, "\n  As it was imported:\n\n  {fence}text\n")?;
    for line in source.split('\n') {
        out.write_str("  ")?;
        for c in line.chars() {
            match steers(c) && c != '\t' {
                true => write!(out, "<U+{:04X}>", u32::from(c))?,
                false => out.write_char(c)?,
            }
        }
        out.write_char('\n')?;
    }
    write!(out, "  {fence}\n\n")
}
