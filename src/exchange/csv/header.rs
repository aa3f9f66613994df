//! Which column of a file holds what, told from the headers of the common exporters in four languages.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::column::Column;
use super::{ColumnName, CsvRows};
use crate::channel::Channel;

/// One line of the table of known headers.
struct Known {
    /// Headers in the form that [`key`] gives them, apart by blanks.
    keys: &'static str,
    /// The word of the column where the rows are contacts, and a label behind a blank; empty: a custom field.
    contact: &'static str,
    /// The same where the rows are notes; empty: left to the verbatim source.
    note: &'static str,
    /// How much it speaks for contacts (above 0) or for notes (below 0).
    weight: i32,
}

const fn known(keys: &'static str, contact: &'static str, note: &'static str, weight: i32) -> Known {
    Known { keys, contact, note, weight }
}

/// The headers that are known. Of several columns for one thing in a note, that of the earlier line comes first.
const KNOWN: &[Known] = &[
    known("recordid id", "id", "id", 0),
    known("euid uuid guid externalid uniqueid", "id", "id", 0),
    known("noteid activityid taskid", "", "id", -2),
    known("contactid kontaktid personid customerid kundennummer kundennr clientid contactids", "id", "contact_id", 0),
    known("associatedcontactids associatedcontactid associatedcontact whoid", "", "contact_id", -3),
    known("parentid", "", "contact_id", -1),
    known("fullname displayname vollstandigername anzeigename nomcomplet nombrecompleto", "name", "name", 1),
    known("name contact contactname kontakt kontaktname customer customername kunde client cliente", "name", "name", 0),
    known("person who about regarding wer contacto ansprechpartner", "name", "name", 0),
    known("firstname givenname forename vorname prenom nombre namefirstname", "given_name", "given_name", 2),
    known(
        "middlename additionalname weiterevornamen secondprenom deuxiemeprenom segundonombre",
        "middle_name",
        "middle_name",
        1,
    ),
    known(
        "lastname familyname surname nachname familienname nomdefamille apellido apellidos namelastname",
        "family_name",
        "family_name",
        2,
    ),
    known("nom", "family_name", "name", 1),
    known("nameprefix prefix salutation anrede civilite tratamiento", "name_prefix", "", 1),
    known("namesuffix suffix namenssuffix suffixe sufijo", "name_suffix", "", 1),
    known("nickname spitzname surnom apodo", "nickname", "", 1),
    known(
        "company companyname organization organisation organizationname organisationname firma firmenname unternehmen",
        "company",
        "",
        1,
    ),
    known("societe entreprise empresa account accountname employer associatedcompany", "company", "", 1),
    known("department abteilung departement departamento organizationdepartment", "department", "", 1),
    known(
        "jobtitle position organizationtitle berufsbezeichnung funktion fonction poste puesto cargo",
        "job_title",
        "",
        2,
    ),
    known("audience", "audience", "", 1),
    known(
        "email emails emailaddress emailaddresses emailadresse emailadressen primaryemail emailsprimaryemail contactemail",
        "email",
        "email",
        0,
    ),
    known(
        "mail adressemail adresseemail adressedemessagerie courriel correo correoelectronico direcciondecorreoelectronico",
        "email",
        "email",
        0,
    ),
    known(
        "additionalemails additionalemailaddresses secondaryemail otheremail emailsadditionalemails",
        "email other",
        "email",
        1,
    ),
    known("workemail businessemail emailgeschaftlich emailwork", "email work", "email", 1),
    known("homeemail privateemail personalemail emailprivat emailhome", "email home", "email", 1),
    known(
        "phone phones phonenumber phonenumbers telephone telephonenumber tel telefon telefonnummer telefono tele",
        "phone",
        "phone",
        1,
    ),
    known("primaryphone haupttelefon phonesprimaryphonenumber numerodetelephone", "phone", "phone", 1),
    known(
        "mobile mobilephone mobilephonenumber mobilenumber cell cellphone handy mobil mobiltelefon mobilnummer",
        "phone cell",
        "phone",
        1,
    ),
    known("telephonemobile telmobile portable movil telefonomovil", "phone cell", "phone", 1),
    known(
        "businessphone workphone officephone companymainphone telefongeschaftlich telephonebureau telefonodeltrabajo",
        "phone work",
        "phone",
        1,
    ),
    known("homephone privatephone telefonprivat telephonedomicile telefonoparticular", "phone home", "phone", 1),
    known("otherphone carphone weiterestelefon autotelefon", "phone other", "phone", 1),
    known("fax faxnumber telefax telecopie", "phone fax", "", 1),
    known("businessfax faxgeschaftlich telecopiebureau", "phone work fax", "", 1),
    known("homefax faxprivat", "phone home fax", "", 1),
    known("otherfax", "phone other fax", "", 1),
    known("pager", "phone pager", "", 1),
    known(
        "web website websiteurl webpage webseite homepage internet siteweb sitioweb paginaweb url domainname",
        "handle:web",
        "",
        1,
    ),
    known(
        "tag tags label labels category categories kategorie kategorien groupmembership groups gruppen",
        "tag",
        "",
        1,
    ),
    known("schlagworte schlagworter etiquettes groupes etiquetas categorias grupos", "tag", "", 1),
    known(
        "birthday birthdate dateofbirth dob geburtstag geburtsdatum datedenaissance fechadenacimiento cumpleanos",
        "date:birthday",
        "",
        3,
    ),
    known("anniversary weddinganniversary jahrestag hochzeitstag aniversario", "date:anniversary", "", 2),
    known("spouse partner ehepartner conjoint conyuge", "related:spouse", "", 1),
    known("assistant assistantname assistantsname assistent", "related:assistant", "", 1),
    known("manager managername managersname vorgesetzter", "related:manager", "", 1),
    known("referredby empfohlenvon recommandepar", "related:referred_by", "", 1),
    known("donotcall phoneoptout optedoutofcalls", "do_not_contact:phone", "", 2),
    known(
        "hasoptedoutofemail emailoptout optedoutofemail unsubscribedfromallemail donotemail",
        "do_not_contact:email",
        "",
        2,
    ),
    known("donotmail", "do_not_contact:post", "", 2),
    known(
        "text body notetext notebody notecontent content message notiztext texte texto contenu contenido inhalt",
        "",
        "note",
        -3,
    ),
    known(
        "notes notizen remarks bemerkungen anmerkungen comments remarques commentaires notas observaciones",
        "note",
        "note",
        1,
    ),
    known("note notiz comment kommentar remarque nota description beschreibung", "note", "note", 0),
    known("notetitle subject betreff objet asunto", "", "title", -2),
    known(
        "date datum fecha happenedat happenedon when wann cuando quand activitydate eventdate notedate",
        "",
        "happened_at",
        -2,
    ),
    known("timestamp sentat startdatetime startdate activitydatetime", "", "happened_at", -2),
    known("completeddatetime completeddate", "", "happened_at", -1),
    known(
        "createdtime createdat createddate createdate createdon created erstelltam creele fechadecreacion",
        "",
        "happened_at",
        0,
    ),
    known(
        "saidby activityassignedto assignedto author autor auteur noteowner verfasser gesagtvon ditpar",
        "",
        "said_by",
        -1,
    ),
    known("owner ownerid activityowner createdby createdbyid recordedby erstelltvon creepar", "", "said_by", 0),
    known("kind activitytype notetype tasksubtype art", "", "kind", -2),
    known("type typ", "", "kind", 0),
    known("channel kanal canal", "", "channel", -1),
    known("direction richtung", "", "direction", -1),
    known("permalink link", "", "permalink", 0),
    known("visibility sichtbarkeit", "", "visibility", -1),
    known("sensitivity", "", "sensitivity", -1),
];

/// Parts of an address, as the end of a header.
const PARTS: &[(Part, &str)] = &[
    (Part::Formatted, "address addressformatted formatted adresse anschrift direccion domicilio"),
    (Part::Street, "street streetaddress strasse straße rue calle addressline addressstreet addressaddressstreet"),
    (Part::Extended, "extendedaddress addressextendedaddress addressaddressstreet2"),
    (Part::PoBox, "pobox postfach boitepostale apartado addresspobox"),
    (Part::City, "city ort stadt wohnort ville ciudad addresscity addressaddresscity"),
    (
        Part::Region,
        "state stateregion region province bundesland bundeslandkanton provincia addressregion addressaddressstate",
    ),
    (
        Part::Postal,
        "postalcode zip zipcode postcode plz postleitzahl codepostal codigopostal addresspostalcode addressaddresspostcode",
    ),
    (
        Part::Country,
        "country countryregion land landregion pays paysregion pais paisregion addresscountry addressaddresscountry",
    ),
];

/// What may stand before the part of an address, and the label that it means.
const PLACES: &[(&str, &str)] = &[
    ("", ""),
    ("home", "home"),
    ("business", "work"),
    ("work", "work"),
    ("other", "other"),
    ("mailing", "mailing"),
    ("billing", "billing"),
    ("shipping", "shipping"),
];

/// What may stand behind the part of an address in the languages that write it there.
const PLACES_AFTER: &[(&str, &str)] = &[
    ("geschaftlich", "work"),
    ("privat", "home"),
    ("weitere", "other"),
    ("bureau", "work"),
    ("domicile", "home"),
    ("trabajo", "work"),
    ("particular", "home"),
];

/// The part of an address that a column holds, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The whole of it.
    Formatted,
    /// Street and number.
    Street,
    /// Floor, suite.
    Extended,
    /// Post office box.
    PoBox,
    /// Postal code.
    Postal,
    /// City.
    City,
    /// State, province.
    Region,
    /// Country.
    Country,
}

/// Where the label of a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// Nowhere.
    None,
    /// In the header.
    Fixed(String),
    /// In the cell of another column.
    In(usize),
}

/// What is done with the cells of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// They are values.
    Value(Column, Label),
    /// They are parts of the address of so many groups.
    Address(usize, Part),
    /// They are labels of another column's values.
    LabelOf,
    /// Nothing is known of them.
    Unknown,
}

/// A column of the file.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Its header; no two are the same.
    pub(super) name: String,
    /// What is done with it.
    pub(super) usage: Use,
    /// Whether a comma parts two tags.
    pub(super) comma_parts_tags: bool,
    /// Its place among columns for the same thing: the lowest is asked first.
    rank: usize,
}

/// The columns of the file and what its rows are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// What the rows are.
    pub(super) rows: CsvRows,
    /// The columns, in the order of the file.
    pub(super) columns: Vec<Plan>,
    /// The columns in the order in which they are asked.
    pub(super) order: Vec<usize>,
    /// The label of each group of address columns.
    pub(super) places: Vec<Label>,
}

/// Folds a header into the form under which it is known: letters and digits in lower case, without accents.
pub(super) fn key(header: &str) -> String {
    if header.is_ascii() {
        let letters = header.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.map(|letter| char::from(letter.to_ascii_lowercase())).collect();
    }
    let letters = header.nfd().filter(|c| c.is_alphanumeric() && !is_combining_mark(*c));
    letters.flat_map(char::to_lowercase).collect()
}

/// Folds a header and takes its digits off.
fn unnumbered(header: &str) -> String {
    key(header).chars().filter(|c| !c.is_numeric()).collect()
}

/// Finds a header in the table: its line, and its number there.
fn look_up(header: &str) -> Option<(usize, &'static Known)> {
    static TABLE: LazyLock<HashMap<&'static str, (usize, &'static Known)>> = LazyLock::new(|| {
        let lines = KNOWN.iter().enumerate();
        lines.flat_map(|(at, known)| known.keys.split(' ').map(move |key| (key, (at, known)))).collect()
    });
    let exact = key(header);
    let found = TABLE.get(exact.as_str());
    found.or_else(|| TABLE.get(exact.replace(char::is_numeric, "").as_str())).copied()
}

/// Finds the channel of a header such as “Twitter username” or “Instagram”.
fn network(header: &str) -> Option<Channel> {
    const ENDS: [&str; 12] = [
        "",
        "handle",
        "username",
        "name",
        "url",
        "profile",
        "profileurl",
        "account",
        "link",
        "id",
        "primarylinkurl",
        "number",
    ];
    static TABLE: LazyLock<HashMap<String, Channel>> = LazyLock::new(|| {
        use Channel::{Email, Other, Phone, Post, Web};
        let own = Channel::ALL.iter().filter(|channel| !matches!(channel, Other | Email | Phone | Web | Post));
        let words = own.map(|channel| (channel.word(), *channel)).chain([("twitter", Channel::X)]);
        words.flat_map(|(word, channel)| ENDS.map(|end| (format!("{word}{end}"), channel))).collect()
    });
    TABLE.get(&unnumbered(header)).copied()
}

/// Finds the part of an address that a header names, and the place: “Home City”, “Address 1 - Street”, “Ort privat”.
fn address(header: &str) -> Option<(String, Part)> {
    static TABLE: LazyLock<HashMap<String, (&'static str, Part)>> = LazyLock::new(|| {
        let parts = PARTS.iter().flat_map(|(part, keys)| keys.split(' ').map(move |key| (key, *part)));
        let placed = parts.flat_map(|(key, part)| {
            let before = PLACES.iter().map(move |(place, label)| (format!("{place}{key}"), (*label, part)));
            before.chain(PLACES_AFTER.iter().map(move |(place, label)| (format!("{key}{place}"), (*label, part))))
        });
        placed.collect()
    });
    let (group, key) = match numbered(header) {
        Some((stem, "address", part)) => (stem.to_lowercase(), self::key(part)),
        _ => (String::new(), self::key(header)),
    };
    let found = TABLE.get(&key).or_else(|| TABLE.get(key.trim_end_matches(char::is_numeric)));
    found.map(|(label, part)| (if group.is_empty() { (*label).to_owned() } else { group }, *part))
}

/// Takes “E-mail 1 - Value” apart into “E-mail 1”, `email` and “Value”.
fn numbered(header: &str) -> Option<(&str, &'static str, &str)> {
    const STEMS: [(&str, &str); 10] = [
        ("email", "email"),
        ("phone", "phone"),
        ("website", "website"),
        ("address", "address"),
        ("organization", "organization"),
        ("event", "event"),
        ("relation", "relation"),
        ("customfield", "customfield"),
        ("userdefinedfield", "customfield"),
        ("im", "im"),
    ];
    let (stem, part) = header.split_once(" - ")?;
    let found = STEMS.iter().find(|(key, _)| *key == unnumbered(stem))?;
    Some((stem.trim(), found.1, part.trim()))
}

/// What a header says by itself.
enum Said {
    /// It names a column of the table.
    Known(usize, &'static Known),
    /// It is an account on a network.
    Network(Channel),
    /// It is a value with a number and a label beside it.
    Numbered(Column),
    /// It is the label of such a value.
    Label,
    /// It is a part of an address.
    Address(String, Part),
    /// “Title”, which means something else in each program.
    Title,
    /// Nothing.
    Nothing,
}

/// Reads one header.
fn read(header: &str) -> Said {
    if let Some((_, stem, part)) = numbered(header).filter(|(_, stem, _)| *stem != "address") {
        return match (stem, self::key(part).as_str()) {
            ("im", _) => Said::Nothing,
            (_, "type" | "label") => Said::Label,
            ("email", "value") => Said::Numbered(Column::Email),
            ("phone", "value") => Said::Numbered(Column::Phone),
            ("website", "value") => Said::Numbered(Column::Handle(Channel::Web)),
            ("event", "value") => Said::Numbered(Column::Date(String::new())),
            ("relation", "value") => Said::Numbered(Column::Related(String::new())),
            ("customfield", "value") => Said::Numbered(Column::Field(String::new())),
            ("organization", "name") => Said::Numbered(Column::Company),
            ("organization", "title") => Said::Numbered(Column::JobTitle),
            ("organization", "department") => Said::Numbered(Column::Department),
            _ => Said::Nothing,
        };
    }
    if numbered(header).is_some()
        && matches!(self::key(header.rsplit(" - ").next().unwrap_or("")).as_str(), "type" | "label")
    {
        return Said::Label;
    }
    if let Some((at, known)) = look_up(header) {
        return Said::Known(at, known);
    }
    if let Some(channel) = network(header) {
        return Said::Network(channel);
    }
    match address(header) {
        Some((group, part)) => Said::Address(group, part),
        None if matches!(key(header).as_str(), "title" | "titel" | "titre" | "titulo") => Said::Title,
        None => Said::Nothing,
    }
}

/// Whether a cell is a header that is known; a long text is none.
pub(super) fn is_known(header: &str) -> bool {
    header.len() <= 100 && !matches!(read(header), Said::Nothing)
}

/// Finds out what the rows are; the words say why it cannot be told.
fn tell_rows(headers: &[String]) -> Result<CsvRows, String> {
    let (mut weight, mut has_text) = (0, false);
    for header in headers {
        match read(header) {
            Said::Known(_, known) => {
                weight += known.weight;
                has_text |= matches!(known.note, "note" | "title") && known.weight <= 0;
            }
            Said::Title => has_text = true,
            Said::Numbered(_) | Said::Label => weight += 2,
            Said::Network(_) => weight += i32::from(!has_text),
            Said::Address(..) => weight += 1,
            Said::Nothing => {}
        }
    }
    match weight {
        _ if !has_text => Ok(CsvRows::Contacts),
        1.. => Ok(CsvRows::Contacts),
        ..0 => Ok(CsvRows::Notes),
        0 => Err("it cannot be told whether the rows are contacts or notes; say which in the options (rows)".into()),
    }
}

/// Lists the columns of a file for a message.
pub(super) fn list(headers: &[String]) -> String {
    let shown = headers.iter().map(|header| format!("“{}”", header.trim()));
    shown.collect::<Vec<_>>().join(", ")
}

impl Layout {
    /// The layout of a table whose columns are read otherwise.
    pub(super) const fn empty(rows: CsvRows) -> Self {
        Self { rows, columns: Vec::new(), order: Vec::new(), places: Vec::new() }
    }

    /// Finds out what each column holds.
    pub(super) fn of(
        headers: &[String],
        rows: Option<CsvRows>,
        mapping: &[(ColumnName, Column)],
    ) -> Result<Self, String> {
        let explicit = explicit(headers, mapping)?;
        let rows = match rows.map_or_else(|| tell_rows(headers), Ok) {
            Ok(rows) => rows,
            Err(reason) => {
                told_by_mapping(&explicit).ok_or_else(|| format!("{reason}; the columns are {}", list(headers)))?
            }
        };
        let mut layout = Self::empty(rows);
        layout.plan(headers, &explicit);
        layout.settle_titles(headers);
        layout.settle_singles();
        layout.order = (0..headers.len()).collect();
        if rows == CsvRows::Notes {
            layout.order.sort_by_key(|at| layout.columns.get(*at).map_or(usize::MAX, |plan| plan.rank));
        }
        layout.check(headers)?;
        Ok(layout)
    }

    /// Plans each column.
    fn plan(&mut self, headers: &[String], explicit: &BTreeMap<usize, Column>) {
        let mut names = HashSet::new();
        let mut groups: Vec<String> = Vec::new();
        for (at, header) in headers.iter().enumerate() {
            let (usage, rank) = match explicit.get(&at) {
                Some(column) => (Use::Value(column.clone(), Label::None), 0),
                None => self.usage(header, headers, &mut groups),
            };
            let comma_parts_tags = !matches!(key(header).as_str(), "labels" | "groupmembership");
            self.columns.push(Plan { name: unique(header, at, &mut names), usage, comma_parts_tags, rank });
        }
    }

    /// Finds what is done with a column of this header.
    fn usage(&mut self, header: &str, headers: &[String], groups: &mut Vec<String>) -> (Use, usize) {
        let contacts = self.rows == CsvRows::Contacts;
        match read(header) {
            Said::Known(at, known) => {
                let (word, label) = split_label(if contacts { known.contact } else { known.note });
                let usage = word.parse().map_or(Use::Unknown, |column| Use::Value(column, label));
                (usage, at + 1)
            }
            Said::Network(channel) => (Use::Value(Column::Handle(channel), Label::None), KNOWN.len()),
            Said::Title => (Use::Value(Column::Title, Label::None), KNOWN.len()),
            Said::Numbered(column) => (Use::Value(column, beside(header, headers)), KNOWN.len()),
            Said::Label => (Use::LabelOf, KNOWN.len()),
            Said::Address(group, part) if contacts => {
                let at = groups.iter().position(|known| *known == group).unwrap_or_else(|| {
                    groups.push(group.clone());
                    self.places.push(match group.starts_with("address ") {
                        true => beside(header, headers),
                        false if group.is_empty() => Label::None,
                        false => Label::Fixed(group),
                    });
                    groups.len() - 1
                });
                (Use::Address(at, part), KNOWN.len())
            }
            Said::Address(..) | Said::Nothing => (Use::Unknown, KNOWN.len()),
        }
    }

    /// Decides what “Title” is: the subject of a note, what stands before a name (Outlook), or the work (Salesforce).
    fn settle_titles(&mut self, headers: &[String]) {
        if self.rows == CsvRows::Notes {
            return;
        }
        let has_job =
            headers.iter().any(|header| matches!(look_up(header), Some((_, known)) if known.contact == "job_title"));
        for plan in &mut self.columns {
            if plan.usage == Use::Value(Column::Title, Label::None) {
                let column = if has_job { Column::NamePrefix } else { Column::JobTitle };
                plan.usage = Use::Value(column, Label::None);
            }
        }
    }

    /// Leaves the id of a contact to the first of several columns.
    fn settle_singles(&mut self) {
        let mut ids: Vec<_> =
            self.columns.iter_mut().filter(|plan| plan.usage == Use::Value(Column::Id, Label::None)).collect();
        ids.sort_by_key(|plan| plan.rank);
        ids.into_iter().skip(1).for_each(|plan| plan.usage = Use::Unknown);
    }

    /// Checks that the columns can make a record at all.
    fn check(&self, headers: &[String]) -> Result<(), String> {
        let has = |test: fn(&Column) -> bool| {
            self.columns.iter().any(|plan| matches!(&plan.usage, Use::Value(column, _) if test(column)))
        };
        let missing = match self.rows {
            CsvRows::Notes if !has(|column| matches!(column, Column::Note | Column::Title)) => {
                "holds the text of the notes (note)"
            }
            CsvRows::Notes if !has(names_contact) => {
                "names the contact of a note (contact_id, email, handle:CHANNEL, name)"
            }
            CsvRows::Contacts
                if !has(|column| names_contact(column) || matches!(column, Column::Company | Column::Nickname)) =>
            {
                "names a contact (name, given_name, company, email, handle:CHANNEL)"
            }
            _ => return Ok(()),
        };
        Err(format!("no column {missing}; the columns are {}; say in the options what they hold", list(headers)))
    }
}

/// Whether a column can name a contact.
fn names_contact(column: &Column) -> bool {
    use Column::{ContactId, Email, FamilyName, GivenName, Handle, Name, Phone};
    matches!(column, Name | GivenName | FamilyName | Email | Phone | Handle(_) | ContactId)
}

/// Finds which columns the caller's mapping means.
fn explicit(headers: &[String], mapping: &[(ColumnName, Column)]) -> Result<BTreeMap<usize, Column>, String> {
    let mut found = BTreeMap::new();
    for (name, column) in mapping {
        let places: Vec<usize> = match name {
            ColumnName::Number(number) => number.checked_sub(1).filter(|at| *at < headers.len()).into_iter().collect(),
            ColumnName::Header(name) => {
                (0..headers.len()).filter(|at| headers.get(*at).is_some_and(|header| same(header, name))).collect()
            }
        };
        if places.is_empty() {
            let name = match name {
                ColumnName::Number(number) => format!("with the number {number}"),
                ColumnName::Header(name) => format!("“{name}”"),
            };
            let count = headers.len();
            return Err(format!("there is no column {name}; the {count} columns of the file are {}", list(headers)));
        }
        found.extend(places.into_iter().map(|at| (at, column.clone())));
    }
    Ok(found)
}

/// Whether two headers are the same but for case and blanks around them.
pub(super) fn same(header: &str, name: &str) -> bool {
    header.trim().to_lowercase() == name.trim().to_lowercase()
}

/// Tells what the rows are from the columns that only notes have.
fn told_by_mapping(explicit: &BTreeMap<usize, Column>) -> Option<CsvRows> {
    use Column::{Direction, HappenedAt, Kind, Permalink, SaidBy, Sensitivity, Title, Via, Visibility};
    let of_notes = |column: &Column| {
        matches!(column, Direction | HappenedAt | Kind | Permalink | SaidBy | Sensitivity | Title | Via | Visibility)
    };
    explicit.values().any(of_notes).then_some(CsvRows::Notes)
}

/// Finds the column that holds the label of a numbered value.
fn beside(header: &str, headers: &[String]) -> Label {
    let Some((stem, ..)) = numbered(header) else { return Label::None };
    let is_label = |other: &String| {
        numbered(other).is_some_and(|(of, _, part)| of == stem && matches!(key(part).as_str(), "type" | "label"))
    };
    headers.iter().position(is_label).map_or(Label::None, Label::In)
}

/// Takes “phone work” apart.
fn split_label(word: &str) -> (&str, Label) {
    match word.split_once(' ') {
        Some((word, label)) => (word, Label::Fixed(label.to_owned())),
        None => (word, Label::None),
    }
}

/// Gives a column a name that no other has.
fn unique(header: &str, at: usize, names: &mut HashSet<String>) -> String {
    let bare = match header.trim() {
        "" => format!("column {}", at + 1),
        header => header.to_owned(),
    };
    let mut name = bare.clone();
    while !names.insert(name.to_lowercase()) {
        name = format!("{bare} (column {})", at + 1);
        if names.contains(&name.to_lowercase()) {
            name.push('*');
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_header_is_listed_once_in_its_folded_form_and_names_columns_that_exist() {
        let mut seen = HashSet::new();
        for known in KNOWN {
            for word in known.keys.split(' ') {
                assert!(seen.insert(word), "{word} is listed twice");
                assert!(key(word) == word, "{word} is not folded");
            }
            for word in [known.contact, known.note].into_iter().filter(|word| !word.is_empty()) {
                assert!(split_label(word).0.parse::<Column>().is_ok(), "{word}");
            }
        }
    }

    #[test]
    fn rows_are_told_from_the_header_and_where_they_cannot_be_the_columns_are_listed() {
        let rows = |headers: &str| {
            let headers: Vec<_> = headers.split(',').map(str::to_owned).collect();
            Layout::of(&headers, None, &[]).map(|layout| layout.rows)
        };
        for contacts in ["Name,Email", "First Name,Last Name,Notes", "name,phone,notes", "Name,E-Mail,Telefon,Notiz"] {
            assert_eq!(rows(contacts), Ok(CsvRows::Contacts), "{contacts}");
        }
        for notes in [
            "contact,date,note",
            "email,subject,body",
            "Name;Text".replace(';', ",").as_str(),
            "Kontakt,Datum,Notiz,Autor",
        ] {
            assert_eq!(rows(notes), Ok(CsvRows::Notes), "{notes}");
        }
        assert!(rows("name,note").unwrap_err().contains("“name”, “note”"));
    }
}
