-- File version 1. Each group names the file that alone writes its tables.
--
-- Keys: a subject's key is the number (seq) of the entry that created it, so a key is the same after a replay.
-- Instants: microseconds since 1970-01-01T00:00:00Z. Ids: the 16 bytes of a UUIDv7.

-- noun: journal.rs
-- The memories whose entries stand here; 1 is this memory.
CREATE TABLE origin (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT origin_id UNIQUE CHECK (length(id) = 16)
) STRICT;

-- Who acts: the kind, the member (empty where there is none), and the name of a system, an import or an agent.
CREATE TABLE actor (
    key INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    member BLOB NOT NULL CHECK (length(member) IN (0, 16)),
    name TEXT NOT NULL,
    CONSTRAINT actor_once UNIQUE (kind, member, name)
) STRICT;

-- Headers. They stay for ever, also when the bodies are erased.
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT entry_id UNIQUE CHECK (length(id) = 16),
    origin INTEGER NOT NULL REFERENCES origin (key),
    subject INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor INTEGER NOT NULL REFERENCES actor (key),
    cause BLOB CHECK (length(cause) = 16),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX entry_by_subject ON entry (subject, seq);
-- What followed from what.
CREATE INDEX entry_by_cause ON entry (cause) WHERE cause IS NOT NULL;

CREATE TABLE entry_body (
    seq INTEGER PRIMARY KEY REFERENCES entry (seq),
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    body TEXT NOT NULL
) STRICT;

-- One row: the newest entry, the hash over all entries so far, the newest stamp.
CREATE TABLE journal_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    stamp INTEGER NOT NULL
) STRICT;

-- Bytes too large for a body, by their SHA-256, which stands in the body.
CREATE TABLE attachment_bytes (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What is not here any more, or never came, and why: the body of an entry (by its id), or the bytes of an attachment (by
-- their SHA-256). `digest` is that of the body which stands in the place of a masked one.
CREATE TABLE gone (
    id BLOB PRIMARY KEY CHECK (length(id) IN (16, 32)),
    why TEXT NOT NULL,
    digest BLOB CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;

-- noun: memory.rs
-- Calls that carried an idempotency key: the entries number `first` to `last`.
CREATE TABLE request (
    key TEXT PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- noun: member.rs
CREATE TABLE agency (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT agency_id UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    since INTEGER,
    until INTEGER,
    departed_at INTEGER,
    departed_why TEXT
) STRICT;

CREATE TABLE member (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT member_id UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    email TEXT,
    email_key TEXT,
    agency INTEGER,
    joined_at INTEGER NOT NULL,
    departed_at INTEGER,
    departed_why TEXT,
    outside INTEGER NOT NULL
) STRICT;

CREATE INDEX member_by_name ON member (name_key);
CREATE INDEX member_by_email ON member (email_key);

-- noun: contact.rs
CREATE TABLE contact (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT contact_id UNIQUE CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    audience TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    spoken_at INTEGER
) STRICT;

CREATE INDEX contact_by_name ON contact (name_key);
CREATE INDEX contact_by_spoken ON contact (spoken_at);

CREATE TABLE contact_field (
    contact INTEGER NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (contact, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_tag (
    contact INTEGER NOT NULL,
    tag_key TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (contact, tag_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_by_tag ON contact_tag (tag_key, contact);

CREATE TABLE contact_date (
    contact INTEGER NOT NULL,
    label TEXT NOT NULL,
    month INTEGER NOT NULL,
    day INTEGER NOT NULL,
    year INTEGER,
    PRIMARY KEY (contact, label)
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_by_date ON contact_date (month, day, contact);

CREATE TABLE contact_link (
    contact INTEGER NOT NULL,
    relation TEXT NOT NULL,
    other INTEGER NOT NULL,
    PRIMARY KEY (contact, relation, other)
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_link_by_other ON contact_link (other, contact);

CREATE TABLE do_not_contact (
    contact INTEGER NOT NULL,
    channel TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (contact, channel)
) STRICT, WITHOUT ROWID;

-- What other systems call a contact, with the digest of what they last said of it.
CREATE TABLE contact_external_id (
    system TEXT NOT NULL,
    external_id TEXT NOT NULL,
    contact INTEGER NOT NULL,
    digest BLOB CHECK (length(digest) = 32),
    PRIMARY KEY (system, external_id, contact)
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_external_id_by_contact ON contact_external_id (contact);

-- noun: handle.rs
CREATE TABLE handle (
    contact INTEGER NOT NULL,
    channel TEXT NOT NULL,
    address_key TEXT NOT NULL,
    address TEXT NOT NULL,
    network_id TEXT,
    label TEXT,
    position INTEGER NOT NULL,
    since INTEGER,
    until INTEGER,
    PRIMARY KEY (contact, channel, address_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX handle_by_address ON handle (address_key, channel, contact, until);
CREATE INDEX handle_by_network_id ON handle (network_id, channel) WHERE network_id IS NOT NULL;

-- noun: note.rs
-- `private_to` is the key of the member who alone may read the note, -1 where a private note has no such member, -3 where
-- it is sealed.
CREATE TABLE note (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    happened_at INTEGER NOT NULL,
    happened_precision INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    recorded_by INTEGER NOT NULL,
    recorded_by_name TEXT NOT NULL,
    said_by_member INTEGER,
    said_by_contact INTEGER,
    said_by_name TEXT,
    via TEXT NOT NULL,
    channel TEXT,
    direction TEXT,
    permalink TEXT,
    private_to INTEGER,
    sensitivity TEXT NOT NULL,
    corrected_at INTEGER,
    retracted_at INTEGER
) STRICT;

-- A note as it hangs on a contact, with all that figures need, so that they are taken without reading a text. `voice` is
-- the member who can be asked about it (who said it, or else who wrote it down), 0 where there is none.
CREATE TABLE note_contact (
    contact INTEGER NOT NULL,
    happened_at INTEGER NOT NULL,
    note INTEGER NOT NULL,
    kind TEXT NOT NULL,
    voice INTEGER NOT NULL,
    private_to INTEGER,
    retracted_at INTEGER,
    PRIMARY KEY (contact, happened_at, note)
) STRICT, WITHOUT ROWID;

CREATE INDEX note_contact_by_note ON note_contact (note, contact);
-- What a brief shows before anything else.
CREATE INDEX note_contact_foremost ON note_contact (contact, kind, happened_at, note)
    WHERE kind IN ('insight', 'complaint');

-- Whose private notes there are.
CREATE INDEX note_contact_private ON note_contact (private_to, contact) WHERE private_to IS NOT NULL;

CREATE TABLE note_external_id (
    system TEXT NOT NULL,
    external_id TEXT NOT NULL,
    note INTEGER NOT NULL,
    digest BLOB CHECK (length(digest) = 32),
    PRIMARY KEY (system, external_id, note)
) STRICT, WITHOUT ROWID;

-- noun: attachment.rs
CREATE TABLE attachment (
    subject INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (subject, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_by_sha256 ON attachment (sha256);

-- noun: ownership.rs
CREATE TABLE assignment (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CHECK (length(id) = 16),
    contact INTEGER NOT NULL,
    member INTEGER NOT NULL,
    role TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    opened_by INTEGER NOT NULL,
    opened_why TEXT,
    closed_by INTEGER,
    closed_why TEXT
) STRICT;

CREATE INDEX assignment_by_contact ON assignment (contact, role, since);
CREATE INDEX assignment_by_member ON assignment (member, role, contact);

-- noun: follow_up.rs
-- `due` is the start of the period until whose end something was promised, with its precision.
CREATE TABLE follow_up (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CHECK (length(id) = 16),
    contact INTEGER NOT NULL,
    what TEXT NOT NULL,
    due INTEGER,
    due_precision INTEGER,
    note BLOB CHECK (length(note) = 16),
    first_owner INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    added_by INTEGER NOT NULL,
    state TEXT NOT NULL,
    ended_at INTEGER,
    ended_by INTEGER,
    ended_why TEXT
) STRICT;

CREATE INDEX follow_up_by_contact ON follow_up (contact, key);
CREATE INDEX follow_up_open ON follow_up (owner, due) WHERE state = 'open';
CREATE INDEX follow_up_due ON follow_up (due) WHERE state = 'open';

-- noun: handoff.rs
CREATE TABLE handoff (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT handoff_id UNIQUE CHECK (length(id) = 16),
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    offered_at INTEGER NOT NULL,
    offered_by INTEGER NOT NULL,
    stage TEXT,
    stage_since INTEGER,
    stage_until INTEGER,
    still_to_learn TEXT,
    closed_at INTEGER,
    closed_by INTEGER,
    closed_why TEXT,
    undone_at INTEGER,
    undone_by INTEGER,
    undone_why TEXT
) STRICT;

CREATE INDEX handoff_by_state ON handoff (state, key);

-- Who leaves: the key of a member or of an agency.
CREATE TABLE handoff_leaver (
    handoff INTEGER NOT NULL,
    party INTEGER NOT NULL,
    PRIMARY KEY (handoff, party)
) STRICT, WITHOUT ROWID;

CREATE TABLE handoff_stage (
    handoff INTEGER NOT NULL,
    stage TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (handoff, stage)
) STRICT, WITHOUT ROWID;

-- What one leaver hands to one successor about one contact. `owned` is 1 where the leaver is an owner, 0 where it is
-- about promises and private notes alone; `fate` is that of the private notes.
CREATE TABLE handoff_item (
    handoff INTEGER NOT NULL,
    contact INTEGER NOT NULL,
    leaver INTEGER NOT NULL,
    successor INTEGER NOT NULL,
    owned INTEGER NOT NULL,
    fate TEXT NOT NULL,
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    why TEXT,
    PRIMARY KEY (handoff, contact, leaver)
) STRICT, WITHOUT ROWID;

CREATE INDEX handoff_item_by_contact ON handoff_item (contact, handoff);

CREATE TABLE handoff_question (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT handoff_question_id UNIQUE CHECK (length(id) = 16),
    handoff INTEGER NOT NULL,
    contact INTEGER NOT NULL,
    question TEXT NOT NULL,
    asked_by INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    answer BLOB CHECK (length(answer) = 16),
    answered_at INTEGER
) STRICT;

CREATE INDEX handoff_question_by_handoff ON handoff_question (handoff, contact);
CREATE INDEX handoff_question_by_contact ON handoff_question (contact);

-- noun: erasure.rs
-- Who and what was erased: the id of a contact, a note, a follow-up or a member; bundles do not bring them back.
CREATE TABLE tombstone (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    noun TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The addresses of those who were erased, each as a hash under a key, so that the address cannot be read from it.
CREATE TABLE tombstone_address (
    hash_key BLOB NOT NULL CHECK (length(hash_key) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    id BLOB NOT NULL CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    PRIMARY KEY (hash_key, hash, id)
) STRICT, WITHOUT ROWID;

-- noun: hold.rs
-- Legal holds: what stands here is neither erased nor thrown away by a rule. Each is known by the entry that placed it.
CREATE TABLE hold (
    contact INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    matter TEXT NOT NULL,
    why TEXT NOT NULL,
    placed_at INTEGER NOT NULL,
    placed_by INTEGER NOT NULL,
    PRIMARY KEY (contact, id)
) STRICT, WITHOUT ROWID;

-- noun: search.rs
-- The words of notes and contacts, as search.rs works them out; the row is the note's or the contact's key. What is
-- newer than `through`, and what stands in `search_pending`, is not in them yet and is searched by reading it.
CREATE VIRTUAL TABLE note_index USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
CREATE VIRTUAL TABLE contact_index USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
-- What stands in the two, word by word, for checking them.
CREATE VIRTUAL TABLE note_index_word USING fts5vocab (note_index, instance);
CREATE VIRTUAL TABLE contact_index_word USING fts5vocab (contact_index, instance);

-- Each word of each contact's name, folded.
CREATE TABLE name_word (
    word TEXT NOT NULL,
    contact INTEGER NOT NULL,
    PRIMARY KEY (word, contact)
) STRICT, WITHOUT ROWID;

CREATE INDEX name_word_by_contact ON name_word (contact, word);

-- Each word once, numbered in order of first use, so that what is new can be told from what is known.
CREATE TABLE name_vocabulary (
    key INTEGER PRIMARY KEY,
    word TEXT NOT NULL CONSTRAINT name_vocabulary_word UNIQUE
) STRICT;

CREATE TABLE search_pending (
    noun TEXT NOT NULL,
    key INTEGER NOT NULL,
    PRIMARY KEY (noun, key)
) STRICT, WITHOUT ROWID;

-- One row: up to which entry notes and contacts are in the index, by which rules the words were worked out,
-- and how many notes there are up to there.
CREATE TABLE search_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    through INTEGER NOT NULL,
    version INTEGER NOT NULL,
    notes INTEGER NOT NULL
) STRICT;

INSERT INTO search_state (one, through, version, notes) VALUES (1, 0, 1, 0);
