//! The rules of the design that can be read off the sources, each checked on every file under `src`.
//!
//! A rule is a function from one file to its findings, and each has a test below that shows it fail. Comments and what
//! stands under `#[cfg(test)]` are not judged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

/// One source file with its comments and its tests left out.
struct Source {
    /// The path below `src`, with `/` between its parts.
    path: String,
    /// The code; comments, literals and tests are blank, and every line is where it was.
    code: String,
    /// The string literals outside the tests, in order.
    literals: Vec<Literal>,
    /// The paths, without `.rs`, of the modules that it declares for tests alone.
    test_modules: Vec<String>,
}

/// A string literal, with its escapes undone.
#[derive(Clone, Debug, PartialEq)]
struct Literal {
    /// The line on which it begins, counted from 1.
    line: usize,
    /// Where it begins in the file, in characters.
    offset: usize,
    text: String,
}

/// One breach of one rule.
#[derive(Debug, PartialEq)]
struct Finding {
    path: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.path, self.line, self.rule)
    }
}

impl Source {
    /// Reads a file's text into code and literals.
    fn new(path: &str, text: &str) -> Self {
        let (mut code, literals) = Scanner::new(text).run();
        let (tests, modules) = blank_tests(&mut code);
        let literals =
            literals.into_iter().filter(|found| !tests.iter().any(|(from, to)| (*from..*to).contains(&found.offset)));
        Self {
            path: path.to_owned(),
            literals: literals.collect(),
            code: code.into_iter().collect(),
            test_modules: modules.iter().map(|name| format!("{}{name}", module_folder(path))).collect(),
        }
    }

    fn finding(&self, line: usize, rule: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, rule: rule.into() }
    }

    /// Returns each word of the code with the line that it stands on.
    fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.lines().enumerate();
        lines.flat_map(|(index, line)| words(line).map(move |word| (index + 1, word)))
    }

    /// Returns the line and the text before it of each place where the code has `what`.
    fn places<'a>(&'a self, what: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        self.code.match_indices(what).map(|(at, _)| {
            let before = &self.code[..at];
            (before.matches('\n').count() + 1, before)
        })
    }

    fn sql(&self) -> impl Iterator<Item = &Literal> {
        self.literals.iter().filter(|literal| is_sql(&literal.text))
    }
}

/// Parts a Rust source into code and string literals.
struct Scanner {
    text: Vec<char>,
    at: usize,
    line: usize,
    code: Vec<char>,
    literals: Vec<Literal>,
}

impl Scanner {
    fn new(text: &str) -> Self {
        Self { text: text.chars().collect(), at: 0, line: 1, code: Vec::new(), literals: Vec::new() }
    }

    fn run(mut self) -> (Vec<char>, Vec<Literal>) {
        while let Some(next) = self.peek(0) {
            match next {
                '/' if self.peek(1) == Some('/') => self.line_comment(),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                '\'' => self.quote(),
                _ if next.is_alphabetic() || next == '_' => self.word(),
                _ => self.keep(),
            }
        }
        (self.code, self.literals)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    /// Moves on by one character and leaves `shown` for it in the code; a line's end always stays.
    fn step(&mut self, shown: char) {
        let newline = self.peek(0) == Some('\n');
        self.line += usize::from(newline);
        self.code.push(if newline { '\n' } else { shown });
        self.at += 1;
    }

    fn keep(&mut self) {
        self.step(self.text[self.at]);
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count.min(self.text.len() - self.at) {
            self.step(' ');
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|next| next != '\n') {
            self.blank(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while let Some(next) = self.peek(0) {
            let pair = (next, self.peek(1));
            depth += i32::from(pair == ('/', Some('*'))) - i32::from(pair == ('*', Some('/')));
            self.blank(if matches!(pair, ('/', Some('*')) | ('*', Some('/'))) { 2 } else { 1 });
            if depth == 0 {
                break;
            }
        }
    }

    /// Reads a name or a number, or the raw string that it opens, as in `r#"…"#`.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|next| next.is_alphanumeric() || next == '_') {
            self.keep();
        }
        let word: String = self.text[start..self.at].iter().collect();
        let hashes = self.text[self.at..].iter().take_while(|next| **next == '#').count();
        if matches!(word.as_str(), "r" | "br" | "cr") && self.peek(hashes) == Some('"') {
            self.raw_string(hashes);
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        let (line, offset) = (self.line, self.at);
        self.blank(hashes + 1);
        let mut text = String::new();
        while let Some(next) = self.peek(0) {
            if next == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                break;
            }
            text.push(next);
            self.blank(1);
        }
        self.blank(hashes + 1);
        self.literals.push(Literal { line, offset, text });
    }

    fn string(&mut self) {
        let (line, offset) = (self.line, self.at);
        self.blank(1);
        let mut text = String::new();
        while let Some(next) = self.peek(0).filter(|next| *next != '"') {
            self.blank(1);
            text.extend(if next == '\\' { self.escape() } else { Some(next) });
        }
        self.blank(1);
        self.literals.push(Literal { line, offset, text });
    }

    /// Reads what follows a backslash. A line's end and the white space after it stand for nothing.
    fn escape(&mut self) -> Option<char> {
        let escaped = self.peek(0)?;
        if escaped == '\n' {
            while self.peek(0).is_some_and(char::is_whitespace) {
                self.blank(1);
            }
            return None;
        }
        self.blank(1);
        Some(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            other => other,
        })
    }

    /// Reads a character such as `'"'`, or a lifetime such as `'a`.
    fn quote(&mut self) {
        let escaped = self.peek(1) == Some('\\');
        if !escaped && self.peek(2) != Some('\'') {
            return self.keep();
        }
        self.blank(if escaped { 3 } else { 2 });
        while self.peek(0).is_some_and(|next| next != '\'') {
            self.blank(1);
        }
        self.blank(1);
    }
}

/// Blanks each item under `#[cfg(test)]`, or everything under `#![cfg(test)]`; returns the ranges, and the names of the
/// modules among them that stand in files of their own.
fn blank_tests(code: &mut [char]) -> (Vec<(usize, usize)>, Vec<String>) {
    let marks = ["#![cfg(test)]", "#[cfg(test)]"].map(|mark| mark.chars().collect::<Vec<_>>());
    let (mut ranges, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < code.len() {
        let end = match marks.iter().position(|mark| code[at..].starts_with(mark)) {
            Some(0) => code.len(),
            Some(_) => item_end(code, at),
            None => at,
        };
        if end > at {
            let item: String = code[at..end].iter().collect();
            modules.extend(declared_module(&item).map(ToOwned::to_owned));
            code[at..end].iter_mut().filter(|next| **next != '\n').for_each(|next| *next = ' ');
            ranges.push((at, end));
        }
        at = end.max(at + 1);
    }
    (ranges, modules)
}

/// Returns the name in `mod name;`, with whatever stands before it.
fn declared_module(item: &str) -> Option<&str> {
    let words: Vec<&str> = words(item.strip_suffix(';')?).collect();
    words.last().copied().filter(|_| words.len() > 1 && words[words.len() - 2] == "mod")
}

/// Returns the folder in which the modules of a file lie, with a `/` at its end unless it is `src`.
fn module_folder(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    match file {
        "lib.rs" | "mod.rs" => path.trim_end_matches(file).to_owned(),
        _ => format!("{}/", path.trim_end_matches(".rs")),
    }
}

/// Finds the end of the item that begins at `start`: its closing brace, or a semicolon or comma outside of brackets.
fn item_end(code: &[char], start: usize) -> usize {
    let mut depth = 0_i32;
    for (index, next) in code.iter().enumerate().skip(start) {
        match next {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return index;
        }
        if depth == 0 && matches!(next, '}' | ';' | ',') {
            return index + 1;
        }
    }
    code.len()
}

/// Returns the names and numbers in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|next: char| !next.is_alphanumeric() && next != '_').filter(|word| !word.is_empty())
}

/// Tells whether a literal is a statement, or a part of one: it begins with a statement's verb, or holds a clause.
fn is_sql(text: &str) -> bool {
    const CLAUSES: &[&str] = &["FROM", "WHERE", "JOIN", "VALUES", "SET", "CONFLICT", "RETURNING"];
    let statement = without_quoted(text);
    has_verb(&statement) || words(&statement).any(|word| CLAUSES.contains(&word)) || in_lower_case(&statement)
}

fn has_verb(statement: &str) -> bool {
    const VERBS: &[&str] =
        &["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "CREATE", "DROP", "ALTER", "VALUES", "PRAGMA"];
    words(statement).next().is_some_and(|first| VERBS.contains(&first))
}

fn in_lower_case(statement: &str) -> bool {
    const PAIRS: &[(&str, &str)] = &[("select", "from"), ("insert", "into"), ("update", "set"), ("delete", "from")];
    let opening: Vec<&str> = words(statement).take(7).collect();
    PAIRS.iter().any(|(first, second)| opening.first() == Some(first) && opening.contains(second))
}

/// Returns a statement with its comments, and what stands in single quotes, blank.
fn without_quoted(sql: &str) -> String {
    let mut kept = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find(['\'', '-']) {
        kept.push_str(&rest[..at]);
        let close = if rest[at..].starts_with("--") {
            rest[at..].find('\n')
        } else if rest[at..].starts_with('\'') {
            rest[at + 1..].find('\'').map(|close| close + 2)
        } else {
            kept.push('-');
            Some(1)
        };
        rest = &rest[at + close.unwrap_or(rest.len() - at)..];
    }
    kept + rest
}

/// Checks that only the journal calls `write` on a store, and that only it and the store know `BEGIN`.
fn only_the_journal_begins_a_write(source: &Source) -> Vec<Finding> {
    const CALL: &str = "only journal.rs begins a write on the store; hand the change to the journal instead";
    const BEGIN: &str = "only journal.rs and the store begin or end a transaction";
    let mut findings = Vec::new();
    if source.path != "journal.rs" {
        let calls = source.places(".write(").filter(|(_, before)| {
            let receiver = before.trim_end().trim_end_matches("()").trim_end_matches('?').trim_end_matches("()");
            words(receiver).last().is_some_and(|name| receiver.ends_with(name) && name.ends_with("store"))
        });
        findings.extend(calls.map(|(line, _)| source.finding(line, CALL)));
    }
    if source.path != "journal.rs" && !source.path.starts_with("store/") {
        let verbs = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT"];
        let begins = source.literals.iter().filter(|literal| {
            let first = literal.text.split_whitespace().next().unwrap_or_default();
            verbs.contains(&first.trim_end_matches(';')) && !source.path.starts_with("exchange/")
        });
        findings.extend(begins.map(|literal| source.finding(literal.line, BEGIN)));
    }
    findings
}

/// Which file alone writes each table, read from the `-- noun: contact.rs` lines of the schema files.
fn nouns(schema: &str) -> BTreeMap<String, String> {
    let mut noun = None;
    let mut tables = BTreeMap::new();
    for line in schema.lines() {
        if let Some(name) = line.trim().strip_prefix("-- noun:") {
            noun = Some(name.trim().to_owned());
        }
        let mut create = words(line).skip_while(|word| *word == "VIRTUAL" || *word == "CREATE");
        if line.starts_with("CREATE ") && create.next() == Some("TABLE") {
            let name = create.find(|word| !matches!(*word, "IF" | "NOT" | "EXISTS")).unwrap_or_default();
            tables.insert(name.to_owned(), noun.clone().unwrap_or_default());
        }
    }
    tables
}

/// Checks that a noun's tables are written in that noun's file, and the modules in its folder, alone.
fn only_a_noun_writes_its_tables(source: &Source, tables: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for literal in source.sql() {
        for table in written_tables(&literal.text) {
            let rule = match tables.get(&table) {
                Some(noun) if below(&source.path, noun.trim_end_matches(".rs")) => continue,
                Some(noun) => format!("the table {table} is written by {noun} alone"),
                None if table.is_empty() => {
                    "a statement that writes names its table, so that it can be read whose it is".into()
                }
                None => format!("the table {table} stands under no `-- noun:` line of the schema"),
            };
            findings.push(source.finding(literal.line, rule));
        }
    }
    findings
}

/// Tells whether a file is a module, given without `.rs`, or one of the modules in its folder.
fn below(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Returns the tables that a statement inserts into, updates, deletes from, or drops; empty where none is named.
fn written_tables(sql: &str) -> Vec<String> {
    let statement = without_quoted(sql);
    let words: Vec<&str> = statement.split(|next: char| next.is_whitespace() || "(),;".contains(next)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let is_name = |word: &&str| word.chars().all(|next| next.is_alphanumeric() || next == '_');
    let mut tables = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| words[index].to_uppercase()).unwrap_or_default();
        let after = words.get(index + 1).map(|next| next.to_uppercase()).unwrap_or_default();
        let writes = match word.to_uppercase().as_str() {
            "INTO" => before == "INSERT" || before == "REPLACE" || before == "IGNORE",
            "FROM" => before == "DELETE",
            "UPDATE" => !["DO", "FOR", "ON"].contains(&before.as_str()) && after != "OF",
            "TABLE" => before == "DROP" || before == "ALTER",
            _ => false,
        };
        if writes {
            let name = words[index + 1..].iter().find(|word| !["IF", "EXISTS"].contains(*word));
            tables.push(name.filter(|name| is_name(name)).map_or_else(String::new, |name| (*name).to_owned()));
        }
    }
    tables
}

/// Checks that every statement can be run by SQLite and PostgreSQL alike.
fn statements_serve_both_engines(source: &Source) -> Vec<Finding> {
    let breaches = |literal: &Literal| unportable(&literal.text).map(|rule| source.finding(literal.line, rule));
    source.sql().filter_map(breaches).collect()
}

/// Returns the first thing in a statement that is not for both engines.
fn unportable(sql: &str) -> Option<String> {
    const CALLS: &[&str] =
        &["datetime", "date", "time", "julianday", "strftime", "unixepoch", "timediff", "last_insert_rowid"];
    let statement = without_quoted(sql);
    if in_lower_case(&statement) {
        return Some("keywords of SQL are in upper case".into());
    }
    let lower = statement.to_lowercase();
    let spaced = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    if spaced.contains("insert or ") || spaced.starts_with("replace into") {
        return Some("`INSERT .. ON CONFLICT`, never `INSERT OR ..` and never `REPLACE`".into());
    }
    if statement.contains('?') {
        return Some("parameters are `$1..$n`, never `?`".into());
    }
    if let Some(word) = words(&lower).find(|word| ["like", "glob", "regexp", "trigger"].contains(word)) {
        return Some(format!("no {} in SQL; look up by a folded key column instead", word.to_uppercase()));
    }
    let call = |name: &&str| CALLS.contains(name) || name.starts_with("json");
    let called = words(&lower).filter(call).find(|name| spaced.replace(" (", "(").contains(&format!("{name}(")));
    if let Some(name) = called {
        return Some(format!("no {name}() in SQL; instants are whole microseconds, and rows are read in Rust"));
    }
    ascending(&statement).err()
}

/// Checks that parameters first appear as `$1`, `$2`, and so on; SQLite numbers them by first appearance. A part of a
/// statement may begin at any number.
fn ascending(statement: &str) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for part in statement.split('$').skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let number: usize = digits.parse().map_err(|_| "a parameter is `$` and a number".to_owned())?;
        let due = seen.last().map_or(if has_verb(statement) { 1 } else { number }, |last| last + 1);
        if seen.insert(number) && number != due {
            return Err(format!("${number} first appears where ${due} is due"));
        }
    }
    Ok(())
}

/// Checks that the engine's crate is named below the seam alone.
fn only_the_store_names_rusqlite(source: &Source) -> Vec<Finding> {
    const RULE: &str = "rusqlite is named under src/store/ alone";
    let named = source.words().filter(|(_, word)| matches!(*word, "rusqlite" | "libsqlite3_sys"));
    named.filter(|_| !source.path.starts_with("store/")).map(|(line, _)| source.finding(line, RULE)).collect()
}

/// Checks that the outside formats know no database.
fn formats_know_no_database(source: &Source) -> Vec<Finding> {
    let known = |word: &str| matches!(word, "store" | "Sql" | "memory" | "Memory" | "journal" | "rusqlite");
    let named = source.words().filter(|(_, word)| source.path.starts_with("exchange/") && known(word));
    named
        .map(|(line, word)| source.finding(line, format!("exchange/ reads and writes formats; it never names {word}")))
        .collect()
}

/// Checks that nothing outside the tests can end the host's process.
fn nothing_panics(source: &Source) -> Vec<Finding> {
    const ENDINGS: &[&str] = &[".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "unreachable!"];
    let places = ENDINGS.iter().flat_map(|ending| source.places(ending).map(move |(line, _)| (line, ending)));
    places
        .map(|(line, ending)| source.finding(line, format!("no `{ending}` outside tests; return an error in words")))
        .collect()
}

/// Reads every file below a directory whose name ends with `ending`, as path and text, in order.
fn files(directory: &Path, below: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(files(&path, &format!("{name}/"), ending));
        } else if name.ends_with(ending) {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Reads the sources that are judged: all but the files that are modules for tests alone.
fn sources() -> Vec<Source> {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", ".rs");
    judged(all.iter().map(|(path, text)| Source::new(path, text)).collect())
}

/// Leaves out the files of the modules that another file declares for tests alone.
fn judged(mut sources: Vec<Source>) -> Vec<Source> {
    let modules: Vec<String> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    sources.retain(|source| !modules.iter().any(|module| below(&source.path, module)));
    sources
}

/// Reads the schema files, as one text.
fn schema() -> String {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/schema"), "", ".sql");
    all.into_iter().map(|(_, text)| text + "\n").collect()
}

/// Fails with every finding of a rule over all sources.
fn check(rule: impl Fn(&Source) -> Vec<Finding>) {
    let sources = sources();
    assert!(sources.iter().any(|source| source.path == "journal.rs"), "src/journal.rs was not among the files read");
    let findings: Vec<String> = sources.iter().flat_map(rule).map(|finding| finding.to_string()).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn only_the_journal_begins_writes() {
    check(only_the_journal_begins_a_write);
}

#[test]
fn each_table_is_written_by_its_noun_alone() {
    let tables = nouns(&schema());
    assert!(tables.len() > 5, "the schema was not read: {tables:?}");
    check(|source| only_a_noun_writes_its_tables(source, &tables));
}

#[test]
fn each_table_of_the_schema_has_a_noun_that_is_a_file() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (table, noun) in nouns(&schema()) {
        assert!(!noun.is_empty(), "the table {table} stands under no `-- noun:` line");
        assert!(
            source.join(&noun).exists(),
            "the table {table} is said to be written by src/{noun}, which does not exist"
        );
    }
}

#[test]
fn each_statement_serves_both_engines() {
    check(statements_serve_both_engines);
}

#[test]
fn the_schema_has_strict_tables_and_nothing_that_one_engine_alone_has() {
    for statement in without_quoted(&schema()).split(';').map(str::trim) {
        assert_eq!(unportable(statement), None, "in the schema:\n{statement}");
        let options = statement.rsplit(')').next().unwrap_or_default();
        let strict = words(options).any(|word| word == "STRICT");
        assert!(strict || !statement.starts_with("CREATE TABLE"), "a table that is not STRICT:\n{statement}");
    }
}

#[test]
fn rusqlite_is_named_below_the_seam_alone() {
    check(only_the_store_names_rusqlite);
}

#[test]
fn the_outside_formats_know_no_database() {
    check(formats_know_no_database);
}

#[test]
fn nothing_outside_the_tests_ends_the_hosts_process() {
    check(nothing_panics);
}

#[test]
fn the_guide_names_every_kind_of_entry_and_no_other() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |file: &str| fs::read_to_string(source.join(file)).unwrap();
    let is_kind = |word: &&str| word.split_once('.').is_some_and(|(noun, _)| !noun.is_empty()) && !word.contains(' ');
    let (change, guide) = (read("change.rs"), read("guide/journal.md"));
    let kinds = change.lines().filter(|line| line.trim_end().ends_with(';')).filter_map(|line| line.split('"').nth(1));
    let kinds: BTreeSet<&str> = kinds.filter(is_kind).collect();
    let section = guide.split("# The kinds of entries").nth(1).unwrap().split("\n# ").next().unwrap();
    let named: BTreeSet<&str> = section.split('`').skip(1).step_by(2).filter(is_kind).collect();
    assert!(kinds.len() > 40, "the kinds were not read: {kinds:?}");
    assert_eq!(named, kinds);
}

/// Returns what a rule says of a file, as lines.
fn said(rule: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
    rule(&Source::new(path, text)).iter().map(ToString::to_string).collect()
}

fn texts(source: &str) -> Vec<String> {
    Source::new("x.rs", source).literals.into_iter().map(|literal| literal.text).collect()
}

#[test]
fn the_scanner_reads_every_form_of_string() {
    assert_eq!(texts(r#"f("a\"b", "c\nd", b"e", c"f");"#), ["a\"b", "c\nd", "e", "f"]);
    assert_eq!(texts("r\"a\\b\" r#\"c\"d\"# br##\"e\"#f\"##"), ["a\\b", "c\"d", "e\"#f"]);
    assert_eq!(texts("\"SELECT a \\\n    FROM b\""), ["SELECT a FROM b"]);
    assert_eq!(texts("\"two\nlines\""), ["two\nlines"]);
}

#[test]
fn the_scanner_takes_no_comment_character_or_lifetime_for_a_string() {
    assert_eq!(texts("// \"a\"\n/* \"b\" /* \"c\" */ \"d\" */ \"e\""), ["e"]);
    assert_eq!(texts(r#"let a = '"'; let b = '\''; let c = b'"'; let d = '\u{22}'; "e""#), ["e"]);
    assert_eq!(texts(r#"fn f<'a>(x: &'a str) -> &'static str { "g" }"#), ["g"]);
    assert_eq!(texts(r#"let r#type = 1; "a""#), ["a"]);
    assert_eq!(texts("\"https://a\" // \"b\""), ["https://a"]);
}

#[test]
fn the_scanner_leaves_every_line_where_it_was() {
    let source = Source::new("x.rs", "/* a\nb */\n\"c\nd\\\n e\"\nlet f = 1; // g\n\"h\"");
    assert_eq!(source.literals.iter().map(|literal| literal.line).collect::<Vec<_>>(), [3, 7]);
    assert_eq!(source.words().collect::<Vec<_>>(), [(6, "let"), (6, "f"), (6, "1")]);
}

#[test]
fn what_stands_under_cfg_test_is_not_judged() {
    let text = "#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n fn f() { a.unwrap(); \"INSERT OR\" }\n}\nfn g() { b.unwrap(); \"kept\" }";
    assert_eq!(
        said(nothing_panics, "x.rs", text),
        ["src/x.rs:6: no `.unwrap()` outside tests; return an error in words"]
    );
    assert_eq!(texts(text), ["kept"]);
    assert_eq!(texts("#[cfg(test)]\nuse a::{b, c};\n\"kept\""), ["kept"]);
    assert_eq!(texts("#![cfg(test)]\n\"a\""), [""; 0]);
    assert_eq!(texts("enum E { #[cfg(test)] A, B }\n\"kept\""), ["kept"]);
}

#[test]
fn a_file_that_is_a_module_for_tests_alone_is_not_judged() {
    let both_judged = |path: &str, text: &str, module: &str| {
        judged(vec![Source::new(path, text), Source::new(module, "fn f() { a.unwrap() }")]).len() == 2
    };
    assert!(!both_judged("store/sqlite.rs", "#[cfg(test)]\nmod measure;", "store/sqlite/measure.rs"));
    assert!(!both_judged("store/mod.rs", "#[cfg(test)]\npub(crate) mod faulty;", "store/faulty.rs"));
    assert!(!both_judged("lib.rs", "#[cfg(test)] mod kit;", "kit/cards.rs"));
    assert!(both_judged("lib.rs", "#[cfg(test)] mod kit {}\nmod kit;", "kit.rs"));
    assert!(both_judged("lib.rs", "#[cfg(test)] mod kit;", "kitchen.rs"));
    assert!(both_judged("note.rs", "#[cfg(test)] mod kit;", "kit.rs"));
}

#[test]
fn a_write_that_the_journal_did_not_begin_is_found() {
    let rule = "only journal.rs begins a write on the store; hand the change to the journal instead";
    let text = "fn f() {\n    self.store\n        .write(|sql| Ok(()))\n}";
    assert_eq!(said(only_the_journal_begins_a_write, "note.rs", text), [format!("src/note.rs:3: {rule}")]);
    assert_eq!(said(only_the_journal_begins_a_write, "note.rs", "self.store()?.write(f)").len(), 1);
    assert_eq!(said(only_the_journal_begins_a_write, "journal.rs", text), [""; 0]);
    assert_eq!(
        said(only_the_journal_begins_a_write, "note.rs", "memory.write(f); lock.write()?; restore(x).write(y)"),
        [""; 0]
    );
    for text in ["\"BEGIN IMMEDIATE\"", "\"COMMIT\"", "\"ROLLBACK;\""] {
        assert_eq!(said(only_the_journal_begins_a_write, "note.rs", text).len(), 1, "{text}");
        assert_eq!(said(only_the_journal_begins_a_write, "store/sqlite.rs", text), [""; 0]);
    }
    assert_eq!(said(only_the_journal_begins_a_write, "exchange/vcard.rs", "\"BEGIN\" \"BEGIN:VCARD\""), [""; 0]);
}

#[test]
fn a_table_that_another_noun_writes_is_found() {
    let tables = nouns(
        "-- noun: contact.rs\nCREATE TABLE contact (\n) STRICT;\n-- noun: search.rs\nCREATE VIRTUAL TABLE words USING fts5(a);\n",
    );
    assert_eq!(tables.get("contact").map(String::as_str), Some("contact.rs"));
    let said = |path: &str, text: &str| said(|source| only_a_noun_writes_its_tables(source, &tables), path, text);
    for text in [
        "INSERT INTO contact (key) VALUES ($1)",
        "UPDATE contact SET name = $1",
        "WITH a AS (SELECT 1)\nDELETE FROM contact",
    ] {
        let text = format!("\n\"{text}\"");
        assert_eq!(said("note.rs", &text), ["src/note.rs:2: the table contact is written by contact.rs alone"]);
        assert_eq!(said("contact.rs", &text), [""; 0]);
    }
    assert_eq!(said("search/rank.rs", "\"INSERT INTO words VALUES ($1)\""), [""; 0]);
    assert_eq!(said("note.rs", "\"INSERT INTO words VALUES ($1)\"").len(), 1);
    assert_eq!(said("note.rs", "\"SELECT name FROM contact\""), [""; 0]);
    assert_eq!(
        said("contact.rs", "\"INSERT INTO contact (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = 1\""),
        [""; 0]
    );
    assert_eq!(
        said("note.rs", "\"DELETE FROM note\""),
        ["src/note.rs:1: the table note stands under no `-- noun:` line of the schema"]
    );
    assert_eq!(said("note.rs", "format!(\"DELETE FROM {table}\")").len(), 1);
    assert_eq!(said("note.rs", "concat!(\"INSERT INTO \", \"contact\")").len(), 1);
}

#[test]
fn a_statement_for_one_engine_alone_is_found() {
    let said = |sql: &str| said(statements_serve_both_engines, "note.rs", &format!("f({sql:?})"));
    let breaches = [
        ("SELECT a FROM b WHERE c = ?1", "parameters are `$1..$n`, never `?`"),
        ("SELECT a FROM b WHERE c = $2 AND d = $1", "$2 first appears where $1 is due"),
        ("SELECT a FROM b WHERE c = $1 AND d = $3", "$3 first appears where $2 is due"),
        ("AND c = $4 WHERE d = $3", "$3 first appears where $5 is due"),
        ("INSERT OR IGNORE INTO b VALUES ($1)", "`INSERT .. ON CONFLICT`, never `INSERT OR ..` and never `REPLACE`"),
        ("INSERT OR\n REPLACE INTO b VALUES ($1)", "`INSERT .. ON CONFLICT`, never `INSERT OR ..` and never `REPLACE`"),
        ("REPLACE INTO b VALUES ($1)", "`INSERT .. ON CONFLICT`, never `INSERT OR ..` and never `REPLACE`"),
        (
            "SELECT last_insert_rowid()",
            "no last_insert_rowid() in SQL; instants are whole microseconds, and rows are read in Rust",
        ),
        ("SELECT a FROM b WHERE c LIKE $1", "no LIKE in SQL; look up by a folded key column instead"),
        (
            "SELECT datetime (a) FROM b",
            "no datetime() in SQL; instants are whole microseconds, and rows are read in Rust",
        ),
        (
            "SELECT json_extract(a, $1) FROM b",
            "no json_extract() in SQL; instants are whole microseconds, and rows are read in Rust",
        ),
        ("select a from b where c = $1", "keywords of SQL are in upper case"),
    ];
    for (sql, rule) in breaches {
        assert_eq!(said(sql), [format!("src/note.rs:1: {rule}")], "{sql}");
    }
    for sql in [
        "SELECT a FROM b WHERE c = $1 AND d = $2 AND (e = $1 OR f = '? LIKE $9')",
        "SELECT date FROM b -- like a date (or not?)\n WHERE c = $1",
        "would you like to know? delete the file and try again",
        "INSERT INTO b (a) VALUES ($1) ON CONFLICT (a) DO NOTHING",
        "PRAGMA user_version = 1",
    ] {
        assert_eq!(said(sql), [""; 0], "{sql}");
    }
}

#[test]
fn the_engines_crate_above_the_seam_is_found() {
    let found = said(only_the_store_names_rusqlite, "note.rs", "use a;\nuse rusqlite::Row;");
    assert_eq!(found, ["src/note.rs:2: rusqlite is named under src/store/ alone"]);
    assert_eq!(said(only_the_store_names_rusqlite, "store/sqlite.rs", "use rusqlite::Row;"), [""; 0]);
    assert_eq!(said(only_the_store_names_rusqlite, "note.rs", "// rusqlite\n\"rusqlite\""), [""; 0]);
}

#[test]
fn a_format_that_knows_the_database_is_found() {
    for word in ["crate::store::Sql", "crate::memory::open", "crate::Memory"] {
        let found = said(formats_know_no_database, "exchange/csv.rs", &format!("use {word};"));
        assert!(!found.is_empty(), "{word}");
        assert!(said(formats_know_no_database, "contact.rs", &format!("use {word};")).is_empty());
    }
    let found = said(formats_know_no_database, "exchange/csv.rs", "\nuse crate::Memory;");
    assert_eq!(found, ["src/exchange/csv.rs:2: exchange/ reads and writes formats; it never names Memory"]);
    assert!(said(formats_know_no_database, "exchange/csv.rs", "/// Into a memory.\nfn restore() {}").is_empty());
}

#[test]
fn code_that_may_panic_is_found() {
    for ending in [".unwrap()", ".expect(\"x\")"] {
        assert_eq!(said(nothing_panics, "note.rs", &format!("fn f() {{ a\n{ending} }}")).len(), 1, "{ending}");
    }
    for ending in ["panic!(\"x\")", "todo!()", "unimplemented!()", "unreachable!()"] {
        assert_eq!(said(nothing_panics, "note.rs", &format!("fn f() {{ {ending} }}")).len(), 1, "{ending}");
    }
    assert!(said(nothing_panics, "note.rs", "/// a.unwrap() panics\nfn f() { a.unwrap_or(1); \"panic!\" }").is_empty());
}
