//! The README of a bundle, for people who never heard of heirloom.

use std::fmt::Write as _;

use super::super::signature::NAMESPACE;
use super::super::statement::Statement;
use crate::wording::Visible;

/// The text of `README.txt`. Its lines to type work as they stand, beside the ZIP.
pub(super) fn text(statement: &Statement, folder: &str, signed: bool, files: &[String]) -> String {
    let mut text = String::new();
    let title = Visible(&statement.title);
    let _ = writeln!(text, "{title}\n{}\n", "=".repeat(statement.title.chars().count()));
    who(&mut text, statement);
    contents(&mut text, statement, files);
    withheld(&mut text, statement);
    reading(&mut text, folder, statement);
    checking(&mut text, folder, signed);
    taking_in(&mut text, folder);
    text
}

fn who(text: &mut String, statement: &Statement) {
    let day = statement.as_of.format("%-d %B %Y, %H:%M UTC");
    let _ = writeln!(text, "This is what was known about people on {day}, packed to be handed over.");
    let said =
        [("From", &statement.sender), ("To", &statement.receiver), ("On instruction of", &statement.instruction)];
    for (what, who) in said {
        if let Some(who) = who {
            let _ = writeln!(text, "{what}: {}", Visible(who));
        }
    }
    let _ = writeln!(text, "The memory that was packed: {}, at {}.", statement.memory, statement.head.told());
    if let Some(since) = statement.since {
        let _ = writeln!(
            text,
            "It goes on from an earlier bundle, at {}. The journal holds what came after it; take the\nearlier bundle in first. \
             The page, the cards and the tables show everything.",
            since.told()
        );
    }
    text.push('\n');
}

fn contents(text: &mut String, statement: &Statement, files: &[String]) {
    let _ = writeln!(text, "What is in it\n-------------\n{}\n", statement.counts);
    for file in files {
        let _ = writeln!(text, "{file}");
    }
    text.push_str("data/journal.jsonl  every change that goes, with who made it and when, for programs\n");
    if statement.counts.attachments > 0 {
        text.push_str("data/attachments/  the attachments, each named by its SHA-256\n");
    }
    text.push_str("handoff.json  what this page says, for programs\n\n");
}

fn withheld(text: &mut String, statement: &Statement) {
    text.push_str("What was withheld\n-----------------\n");
    if statement.withheld.is_empty() {
        text.push_str("Nothing.\n");
    }
    for withheld in &statement.withheld {
        let _ = writeln!(text, "{withheld}");
    }
    text.push('\n');
}

fn reading(text: &mut String, folder: &str, statement: &Statement) {
    text.push_str("How to read it\n--------------\n");
    let _ = writeln!(text, "Unpack it, if it is still called {folder}.zip:\n");
    let _ = writeln!(text, "    unzip {folder}.zip\n");
    match super::has_no_page(&statement.withheld) {
        true => text.push_str("Open the tables in data/ with a spreadsheet.\n\n"),
        false => {
            let _ = writeln!(text, "and open {folder}/data/index.html in a browser. It loads nothing from anywhere.\n");
        }
    }
}

fn checking(text: &mut String, folder: &str, signed: bool) {
    text.push_str(
        "How to check that nothing was changed\n-------------------------------------\nWith what most systems have:\n\n",
    );
    let _ = writeln!(text, "    cd {folder} && sha256sum -c tagmanifest-sha256.txt manifest-sha256.txt && cd ..\n");
    let _ = writeln!(text, "or with bagit.py (pip install bagit), since this is a BagIt bag (RFC 8493):\n");
    let _ = writeln!(text, "    bagit.py --validate {folder}\n");
    text.push_str(match signed {
        true => "Who packed it is shown by the signature.\n",
        false => {
            "It was not signed when it was packed: that shows damage, but not who packed it. Where there is a\n\
             file tagmanifest-sha256.txt.sig, it was signed after that, and the signature shows who.\n"
        }
    });
    text.push_str(
        "Get the sender's public key from the sender, not from this bundle, and put it into a file\n\
         allowed_signers as one line: the word sender, a blank, the key (ssh-ed25519 AAAA...). Then:\n\n",
    );
    let _ = writeln!(
        text,
        "    ssh-keygen -Y verify -f allowed_signers -I sender -n {NAMESPACE} \
         -s {folder}/tagmanifest-sha256.txt.sig < {folder}/tagmanifest-sha256.txt\n"
    );
}

fn taking_in(text: &mut String, folder: &str) {
    text.push_str(
        "How to take it into a memory of your own\n----------------------------------------\n\
         In a checkout of heirloom, which shows first what would happen:\n\n",
    );
    let _ = writeln!(text, "    cargo run --example import_bundle -- ours.heirloom {folder}.zip --preview\n");
    text.push_str(
        "Without --preview it is taken in; with --keys allowed_signers only where a key of that file signed it.\n\
         Other programs read contacts.vcf and the tables.\n",
    );
}
