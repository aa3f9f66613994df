//! From the properties of a card to a contact in our words.

pub(super) mod own;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime};

use super::prepass::Remark;
use super::property::Property;
use crate::channel::Channel;
use crate::exchange::{AttachmentRecord, ContactRecord, HandleRecord, NoteRecord};
use crate::time::{DayOfYear, When};

/// Builds a contact out of the properties of one card.
///
/// # Errors
/// Why nothing can be made of the card, in words that follow "skipped: ".
pub(super) fn contact(mut properties: Vec<Property>, remarks: &mut Vec<Remark>) -> Result<ContactRecord, String> {
    // The preferred of several comes first everywhere; otherwise the order of the card stands.
    properties.sort_by_key(Property::rank);
    let mut mapping = Mapping::new(&properties, remarks);
    for property in &properties {
        mapping.property(property);
    }
    mapping.labels_left_over(&properties);
    mapping.finish()
}

struct Mapping<'a> {
    record: ContactRecord,
    remarks: &'a mut Vec<Remark>,
    /// What the person calls the properties of a group.
    labels: BTreeMap<String, String>,
    /// The same as it stands on a card that heirloom wrote.
    own_labels: BTreeMap<String, String>,
    /// Whether heirloom wrote the card.
    own: bool,
    /// The labels of the addresses that are given in parts.
    places: BTreeSet<Option<String>>,
    /// Whether the card is of version 2.1, in which a comma separates nothing.
    old: bool,
    /// What was kept already, by kind and value, so that what a card repeats is kept once.
    seen: BTreeSet<(String, String)>,
    /// Where in the record an address stands.
    reached: BTreeMap<(Channel, String), usize>,
    /// How many attachments are named after a property.
    attached: BTreeMap<String, usize>,
    full_name: Option<String>,
    file_as: Option<String>,
}

/// Properties whose label is kept beside their value.
const LABELLED: [&str; 12] = [
    "EMAIL",
    "TEL",
    "ADR",
    "LABEL",
    "URL",
    "IMPP",
    "X-SOCIALPROFILE",
    "SOCIALPROFILE",
    "X-ABRELATEDNAMES",
    "X-ABDATE",
    "RELATED",
    "X-MS-TEL",
];

impl<'a> Mapping<'a> {
    fn new(properties: &[Property], remarks: &'a mut Vec<Remark>) -> Self {
        let labels = properties
            .iter()
            .filter(|property| property.name == "X-ABLABEL")
            .filter_map(|property| Some((property.group.clone()?, apple_label(&property.text())?)))
            .collect();
        let own = properties.iter().any(|p| p.name == "PRODID" && p.text().starts_with("-//heirloom//"));
        let own_labels = properties
            .iter()
            .filter(|property| property.name == "X-ABLABEL" && own)
            .filter_map(|property| Some((property.group.clone()?, property.verbatim())))
            .collect();
        let old = properties.iter().any(|p| p.name == "VERSION" && p.text().starts_with("2."));
        let mut mapping = Self {
            record: ContactRecord::default(),
            remarks,
            labels,
            own_labels,
            own,
            places: BTreeSet::new(),
            old,
            seen: BTreeSet::new(),
            reached: BTreeMap::new(),
            attached: BTreeMap::new(),
            full_name: None,
            file_as: None,
        };
        mapping.places = properties
            .iter()
            .filter(|property| property.name == "ADR" && !postal_address(property).is_empty())
            .map(|property| mapping.label(property))
            .collect();
        mapping
    }

    /// Tells whether a value of a kind is met for the first time.
    fn is_first(&mut self, kind: &str, value: &str) -> bool {
        self.seen.insert((kind.to_owned(), value.to_owned()))
    }

    fn remark(&mut self, property: &Property, what: impl std::fmt::Display) {
        self.remarks.push((property.line, format!("{} {what}", property.name)));
    }

    fn property(&mut self, property: &Property) {
        let text = property.text();
        if self.own(property) {
            return;
        }
        if property.bytes.is_some() {
            return self.attach(property);
        }
        if is_empty(property) {
            // Exporters write these out even when they have nothing to say.
            if !matches!(property.name.as_str(), "N" | "ORG" | "X-ABLABEL" | "VERSION") {
                self.remark(property, "has no value; left out");
            }
            return;
        }
        match property.name.as_str() {
            // By which program the card was written, when, and how it lays out an address says nothing about the person;
            // the source keeps it.
            "VERSION" | "X-ABLABEL" | "PRODID" | "REV" | "X-ABADR" => {}
            "BEGIN" | "END" => {
                self.remark(property, format_args!("“{text}” frames something else in the card; left out"))
            }
            "FN" => self.full_name(property, text),
            "N" => self.structured_name(property),
            "NICKNAME" => {
                let names = property.parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
                self.nickname(property, names.collect::<Vec<_>>().join(", "));
            }
            "ORG" => self.organisation(property),
            "KIND" | "X-ADDRESSBOOKSERVER-KIND" => self.kind(property, &text),
            "X-ABSHOWAS" | "X-ABSHOWAS-ABSHOWAS" => {
                self.record.organisation |= text.eq_ignore_ascii_case("COMPANY");
                self.custom(property, text);
            }
            "EMAIL" | "TEL" | "X-MS-TEL" | "URL" | "IMPP" | "X-SOCIALPROFILE" | "SOCIALPROFILE" => {
                self.reach(property, &text)
            }
            "ADR" => self.address(property),
            "LABEL" => self.address_label(property, text),
            "BDAY" => self.date("birthday", property, &text),
            "X-ABDATE" => {
                let label = self.label(property).unwrap_or_else(|| "date".into());
                self.date(&label, property, &text);
            }
            "CATEGORIES" => self.tags(property),
            "RELATED" | "X-ABRELATEDNAMES" | "AGENT" => self.related(property, text),
            "NOTE" => self.note(property, text),
            "PHOTO" | "LOGO" | "SOUND" | "KEY" => self.media(property, text),
            "UID" if self.record.external_id.is_none() => self.record.external_id = Some(text),
            "X-ANDROID-CUSTOM" => self.android(property, &text),
            "X-EVOLUTION-FILE-AS" => {
                self.file_as.get_or_insert_with(|| text.clone());
                self.custom(property, text);
            }
            _ => self.by_kind_of_name(property, text),
        }
    }

    /// Maps the properties that have one meaning under many names.
    fn by_kind_of_name(&mut self, property: &Property, text: String) {
        let name = property.name.as_str();
        if let Some(field) = own_field(name) {
            return self.field(field, property, text);
        }
        let bare = bare_name(name);
        if bare == "ANNIVERSARY" {
            return self.date("anniversary", property, &text);
        }
        if let Some(relation) = relation_of(&bare).filter(|_| name.starts_with("X-")) {
            return self.relate(relation.to_owned(), text);
        }
        match network_of_name(name) {
            Some(network) => self.account(network, property, &text),
            None => self.custom(property, text),
        }
    }

    /// Keeps a value under the property's own name; repeated ones are joined line by line.
    fn custom(&mut self, property: &Property, text: String) {
        self.custom_under(property.name.to_lowercase(), text);
    }

    fn custom_under(&mut self, name: String, text: String) {
        if text.is_empty() || !self.is_first(&name, &text) {
            return;
        }
        let kept = self.record.fields.entry(name).or_default();
        if !kept.is_empty() {
            kept.push('\n');
        }
        kept.push_str(&text);
    }

    /// Sets a field of ours; what comes after the first is kept under the property's own name.
    fn field(&mut self, field: &str, property: &Property, text: String) {
        if text.is_empty() {
            return;
        }
        match self.record.fields.get(field) {
            None => {
                self.record.fields.insert(field.to_owned(), text);
            }
            Some(known) if *known == text => {}
            Some(_) => {
                let own = property.name.to_lowercase();
                let own = if own == field { format!("other_{field}") } else { own };
                self.remark(property, format_args!("is given again; kept as the custom field {own}"));
                self.custom_under(own, text);
            }
        }
    }

    fn full_name(&mut self, property: &Property, text: String) {
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        match &self.full_name {
            None => self.full_name = Some(text),
            Some(known) if *known == text => {}
            Some(_) => {
                self.remark(property, "is given again; kept as the custom field fn");
                self.custom(property, text);
            }
        }
    }

    /// Takes the parts of a name (RFC 6350, section 6.2.2, and RFC 9554, section 2.2).
    fn structured_name(&mut self, property: &Property) {
        const FIELDS: [&str; 7] = [
            "family_name",
            "given_name",
            "middle_name",
            "name_prefix",
            "name_suffix",
            "secondary_surname",
            "generation",
        ];
        if property.param("PHONETIC").is_some() {
            self.field("phonetic_family_name", property, property.part(0).to_owned());
            return self.field("phonetic_given_name", property, property.part(1).to_owned());
        }
        if FIELDS.iter().take(5).any(|field| self.record.fields.contains_key(*field)) {
            self.remark(property, "is given again; kept as the custom field n");
            return self.custom(property, property.text());
        }
        for (index, field) in FIELDS.into_iter().enumerate() {
            self.field(field, property, property.part(index).to_owned());
        }
        let more = property.parts.iter().skip(FIELDS.len()).filter(|part| !part.trim().is_empty());
        let more: Vec<&str> = more.map(|part| part.trim()).collect();
        if !more.is_empty() {
            self.remark(property, "has more parts than a name has; kept as the custom field n");
            self.custom(property, property.text());
        }
    }

    fn nickname(&mut self, property: &Property, names: String) {
        if names.is_empty() || !self.is_first("NICKNAME", &names) {
            return;
        }
        match self.record.fields.get_mut("nickname") {
            Some(known) => {
                known.push_str(", ");
                known.push_str(&names);
            }
            None => self.field("nickname", property, names),
        }
    }

    fn organisation(&mut self, property: &Property) {
        let units: Vec<&str> = property.parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
        let Some((company, departments)) = units.split_first() else { return };
        if self.record.fields.contains_key("company") {
            self.remark(property, "is given again; kept as the custom field org");
            return self.custom(property, units.join(", "));
        }
        let named = !property.part(0).is_empty();
        if named {
            self.field("company", property, (*company).to_owned());
            self.field("department", property, departments.join(", "));
        } else {
            self.field("department", property, units.join(", "));
        }
    }

    fn kind(&mut self, property: &Property, text: &str) {
        let kind = text.to_lowercase();
        match kind.as_str() {
            "individual" | "person" => {}
            "org" | "organization" | "organisation" => self.record.organisation = true,
            "group" | "location" | "application" | "device" => {
                self.record.organisation = true;
                self.remark(property, format_args!("is {kind}; read as an organisation"));
                self.custom_under("kind".into(), kind);
            }
            _ => self.custom(property, text.to_owned()),
        }
    }

    /// Takes an address that says by itself, or by its property, over which channel it reaches.
    fn reach(&mut self, property: &Property, text: &str) {
        match property.name.as_str() {
            "EMAIL" => self.handle(Channel::Email, without_scheme(text, "mailto"), property),
            "TEL" | "X-MS-TEL" => self.telephone(property, text),
            "URL" => self.link(property, text),
            "IMPP" => self.messenger(property, text),
            _ => self.profile(property, text),
        }
    }

    fn telephone(&mut self, property: &Property, text: &str) {
        match scheme_of(text) {
            Some("sip" | "sips" | "xmpp" | "skype") => self.handle(Channel::Other, text, property),
            Some("mailto") => self.handle(Channel::Email, without_scheme(text, "mailto"), property),
            _ => {
                let number = ["tel", "sms", "smsto"].into_iter().fold(text, without_scheme);
                self.handle(Channel::Phone, number, property);
            }
        }
        if let Some(id) = property.param("WAID") {
            let number = if id.starts_with('+') { id.to_owned() } else { format!("+{id}") };
            self.handle(Channel::WhatsApp, &number, property);
        }
    }

    fn link(&mut self, property: &Property, text: &str) {
        match scheme_of(text) {
            Some("mailto") => self.handle(Channel::Email, without_scheme(text, "mailto"), property),
            Some("tel") => self.handle(Channel::Phone, without_scheme(text, "tel"), property),
            _ => self.handle(Channel::of_link(text).unwrap_or(Channel::Web), text, property),
        }
    }

    /// Takes an instant messaging address (RFC 6350, section 6.4.3), with Apple's `X-SERVICE-TYPE`.
    fn messenger(&mut self, property: &Property, text: &str) {
        let service = property.param("X-SERVICE-TYPE").or_else(|| property.param("SERVICE-TYPE"));
        let (scheme, rest) = match scheme_of(text) {
            Some(scheme) => (Some(scheme), text.get(scheme.len() + 1..).unwrap_or_default()),
            None => (None, text),
        };
        let known = service.and_then(network).or_else(|| scheme.and_then(network)).or_else(|| Channel::of_link(text));
        match (known, scheme, service) {
            (Some(channel), Some("http" | "https"), _) => self.handle(channel, text, property),
            (Some(channel), ..) => self.handle(channel, rest.trim_start_matches('/'), property),
            (None, Some("mailto"), _) => self.handle(Channel::Email, rest, property),
            (None, Some("tel" | "sms"), _) => self.handle(Channel::Phone, rest, property),
            (None, None | Some("x-apple"), Some(service)) => {
                let address = format!("{}: {rest}", service.to_lowercase());
                self.handle(Channel::Other, &address, property);
            }
            (None, None, None) => match self.types_of_network(property) {
                Some(word) => self.account(word, property, text),
                None => self.handle(Channel::Other, &format!("impp: {text}"), property),
            },
            (None, Some(_), _) => self.handle(Channel::Other, text, property),
        }
    }

    /// The first type of a property that names a network rather than a place.
    fn types_of_network(&self, property: &Property) -> Option<String> {
        property.types().find(|word| !is_noise(word) && !matches!(word.as_str(), "work" | "home" | "other"))
    }

    /// Takes an account on a network (RFC 9554, section 3.5, and Apple's `X-SOCIALPROFILE`).
    fn profile(&mut self, property: &Property, text: &str) {
        let service = property
            .param("SERVICE-TYPE")
            .or_else(|| property.param("X-SERVICE-TYPE"))
            .map(str::to_lowercase)
            .or_else(|| self.types_of_network(property))
            .or_else(|| self.label_of_group(property).map(|label| label.to_lowercase()));
        let user =
            ["USERNAME", "X-USER", "X-USERNAME", "X-DISPLAYNAME"].into_iter().find_map(|name| property.param(name));
        let written = without_scheme(text, "x-apple").trim_start_matches("//");
        // The link may be that of the network alone, with the name beside it.
        let with_user = |user: &str| Channel::of_link(&format!("{}/{user}", text.trim_end_matches('/')));
        let linked = Channel::of_link(text).or_else(|| user.and_then(with_user));
        let channel = service.as_deref().and_then(network).or(linked);
        let address = match (channel, linked, user) {
            (Some(known), Some(linked), _) if known == linked && has_path(text) => text,
            (Some(_), _, Some(user)) => user,
            _ if written.is_empty() => user.unwrap_or(text),
            _ => written,
        };
        match (channel, service) {
            (Some(channel), _) => self.handle(channel, address, property),
            (None, Some(service)) => self.handle(Channel::Other, &format!("{service}: {address}"), property),
            (None, None) if scheme_of(text).is_some() => self.link(property, text),
            (None, None) => self.handle(Channel::Other, &format!("profile: {address}"), property),
        }
    }

    /// Takes an account of a property that is named after its network, such as `X-TWITTER` or `X-AIM`.
    fn account(&mut self, network_name: String, property: &Property, text: &str) {
        let channel = network(&network_name);
        for address in text.split(['\u{E000}', '\n']).map(str::trim).filter(|address| !address.is_empty()) {
            match channel {
                Some(channel) => self.handle(channel, address, property),
                None if scheme_of(address).is_some_and(|scheme| scheme == network_name) => {
                    self.handle(Channel::Other, address, property);
                }
                None if is_scheme(&network_name) => {
                    self.handle(Channel::Other, &format!("{network_name}:{address}"), property);
                }
                None => self.handle(Channel::Other, &format!("{network_name}: {address}"), property),
            }
        }
    }

    fn handle(&mut self, channel: Channel, address: &str, property: &Property) {
        let address = address.trim();
        if address.is_empty() {
            return self.remark(property, "has no address; left out");
        }
        let label = self.label(property).filter(|label| network(label) != Some(channel));
        let network_id = property.param("X-USERID").map(str::to_owned);
        let next = self.record.handles.len();
        let place = *self.reached.entry((channel, address.to_owned())).or_insert(next);
        match self.record.handles.get_mut(place) {
            Some(known) => {
                known.label = known.label.take().or(label);
                known.network_id = known.network_id.take().or(network_id);
            }
            None => {
                self.record.handles.push(HandleRecord { label, network_id, ..HandleRecord::new(channel, address) });
            }
        }
    }

    fn label_of_group(&self, property: &Property) -> Option<String> {
        property.group.as_ref().and_then(|group| self.labels.get(group)).cloned()
    }

    /// What the source calls a property: the label of its group, else its types, the place before the kind.
    fn label(&self, property: &Property) -> Option<String> {
        if let Some(label) = self.label_of_group(property).or_else(|| property.own_label.clone()) {
            return Some(label);
        }
        let mut words: Vec<String> = Vec::new();
        for word in property.types() {
            let word = word.strip_prefix("x-").map_or(word.clone(), str::to_owned);
            if !is_noise(&word) && !words.contains(&word) {
                words.push(word);
            }
        }
        if matches!(property.name.as_str(), "X-SOCIALPROFILE" | "SOCIALPROFILE" | "IMPP") {
            words.retain(|word| matches!(word.as_str(), "work" | "home" | "other") || property.name == "IMPP");
        }
        words.sort_by_key(|word| !matches!(word.as_str(), "work" | "home" | "other"));
        let label = words.join(" ");
        if label.is_empty() { None } else { Some(label) }
    }

    fn address(&mut self, property: &Property) {
        let address = postal_address(property);
        let label = property.param("LABEL").map(str::to_owned);
        match (address.is_empty(), label) {
            (true, Some(label)) => self.handle(Channel::Post, &label, property),
            (false, label) => {
                self.handle(Channel::Post, &address, property);
                self.custom_under("label".into(), label.unwrap_or_default());
            }
            (true, None) => self.remark(property, "has no value; left out"),
        }
    }

    /// Takes an address that is written as on an envelope, unless the card has the same one in parts.
    fn address_label(&mut self, property: &Property, text: String) {
        let text = text.replace("\r\n", "\n");
        if self.places.contains(&self.label(property)) {
            self.custom(property, text);
        } else {
            self.handle(Channel::Post, &text, property);
        }
    }

    fn date(&mut self, label: &str, property: &Property, text: &str) {
        let omitted = property.param("X-APPLE-OMIT-YEAR").and_then(|year| year.parse().ok());
        let foreign = property.param("CALSCALE").is_some_and(|scale| !scale.eq_ignore_ascii_case("gregorian"));
        match parse_date(text, omitted).filter(|_| !foreign) {
            Some((day, exact)) if day.year() == Some(1604) && omitted.is_none() => {
                self.remark(property, format_args!("“{text}” has the year that Apple writes for none; left out"));
                let unknown = DayOfYear::new(None, day.month(), day.day()).unwrap_or(day);
                self.day(label, unknown, exact, property, text);
            }
            Some((day, exact)) => self.day(label, day, exact, property, text),
            None => {
                let own = property.name.to_lowercase();
                self.remark(
                    property,
                    format_args!("“{text}” is no day of the calendar; kept as the custom field {own}"),
                );
                self.custom(property, text.to_owned());
            }
        }
    }

    fn day(&mut self, label: &str, day: DayOfYear, exact: bool, property: &Property, text: &str) {
        if !self.is_first(&format!("date {label}"), &day.to_string()) {
            return;
        }
        if label == "birthday" && !self.is_first("birthday", "") {
            self.remark(property, format_args!("“{text}” is a second birthday; kept as the custom field bday"));
            return self.custom(property, text.to_owned());
        }
        if !exact {
            self.remark(property, format_args!("“{text}” has a time of day; the day is kept"));
        }
        self.record.dates.push((label.to_owned(), day));
    }

    fn tags(&mut self, property: &Property) {
        let separators: &[char] = if self.old { &[';', ','] } else { &[] };
        for tag in property.parts.iter().flat_map(|part| part.split(separators)).map(str::trim) {
            // The group in which Google keeps everybody.
            let system = tag.trim_start_matches("* ") == "myContacts";
            if !tag.is_empty() && !system && self.is_first("CATEGORIES", tag) {
                self.record.tags.push(tag.to_owned());
            }
        }
    }

    fn related(&mut self, property: &Property, text: String) {
        if property.name == "AGENT" {
            return self.agent(property, text);
        }
        let relation = self.label(property).unwrap_or_else(|| "related".into()).to_lowercase();
        let uri = scheme_of(&text)
            .is_some_and(|scheme| matches!(scheme, "urn" | "http" | "https" | "mailto" | "cid" | "data" | "ldap"));
        if uri && !property.has_value_type("text") {
            self.remark(property, "names nobody but points to a card; kept as the custom field related");
            return self.custom(property, format!("{relation}: {text}"));
        }
        self.relate(relation, text);
    }

    fn relate(&mut self, relation: String, name: String) {
        if self.is_first(&format!("RELATED {relation}"), &name) {
            self.record.related.push((relation, name));
        }
    }

    /// Takes a representative, who is a card in the card (vCard 3.0, RFC 2426, section 3.5.4), a name or a link.
    fn agent(&mut self, property: &Property, text: String) {
        let nested = property.nested.as_ref().map(|lines| format!("{text}\n{lines}").trim().to_owned());
        let nested = nested.or_else(|| text.to_uppercase().starts_with("BEGIN:VCARD").then(|| text.clone()));
        match nested {
            Some(card) => {
                self.remark(
                    property,
                    "holds a card of its own; its name is taken, the card is kept as the custom field agent",
                );
                if let Some(name) = nested_name(&card) {
                    self.relate("agent".into(), name);
                }
                self.custom(property, card.trim().to_owned());
            }
            None if scheme_of(&text).is_some() => self.custom(property, text),
            None => self.relate("agent".into(), text),
        }
    }

    /// Takes a note with its author and time (RFC 9554, sections 4.1 to 4.3).
    fn note(&mut self, property: &Property, text: String) {
        let author = property.param("AUTHOR").map(|uri| without_scheme(uri, "mailto").to_owned());
        let name = property.param("AUTHOR-NAME").map(str::to_owned);
        if let (Some(author), Some(name)) = (&author, &name) {
            self.remark(property, format_args!("is by {name} ({author}); the name is kept"));
        }
        let created = property.param("CREATED");
        let happened_at = created.and_then(parse_time);
        if let (Some(created), None) = (created, happened_at) {
            self.remark(property, format_args!("has the time “{created}”, which cannot be read; left out"));
        }
        let note = NoteRecord {
            text: text.replace("\r\n", "\n"),
            said_by: name.or(author),
            happened_at,
            ..NoteRecord::default()
        };
        let time = note.happened_at.map(|time| time.to_string()).unwrap_or_default();
        let source = format!("NOTE {} {time}", note.said_by.as_deref().unwrap_or_default());
        if self.is_first(&source, &note.text) {
            self.record.notes.push(note);
        }
    }

    /// Takes a picture, a sound or a key that is not marked as base64: a `data:` URI, a link, or base64 all the same.
    fn media(&mut self, property: &Property, text: String) {
        if property.name == "SOUND" && property.types().any(|word| word == "x-irmc-n") {
            // Japanese phones keep the reading of the name here.
            let parts: Vec<&str> = text.split(';').map(str::trim).collect();
            self.field("phonetic_family_name", property, parts.first().copied().unwrap_or_default().to_owned());
            return self.field("phonetic_given_name", property, parts.get(1).copied().unwrap_or_default().to_owned());
        }
        if let Some((media_type, bytes)) = data_uri(&text) {
            return self.attach_bytes(property, media_type, bytes);
        }
        let bare = text.len() >= 64
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b' '));
        match mail_parser::decoders::base64::base64_decode(text.as_bytes()).filter(|_| bare) {
            Some(bytes) => {
                self.remark(property, "is base64 without saying so; decoded");
                self.attach_bytes(property, None, bytes);
            }
            None => self.custom(property, text),
        }
    }

    fn attach(&mut self, property: &Property) {
        if let Some(bytes) = &property.bytes {
            self.attach_bytes(property, None, bytes.clone());
        }
    }

    fn attach_bytes(&mut self, property: &Property, said: Option<String>, bytes: Vec<u8>) {
        let kind = said
            .or_else(|| property.param("MEDIATYPE").map(str::to_lowercase))
            .or_else(|| property.types().find_map(|word| media_type(&word)));
        let media_type = kind
            .filter(|kind| kind.contains('/'))
            .or_else(|| sniff(&bytes).map(str::to_owned))
            .unwrap_or_else(|| "application/octet-stream".into());
        let base = property.name.trim_start_matches("X-").to_lowercase();
        let base = if base.is_empty() { "file".to_owned() } else { base };
        let count = self.attached.entry(base.clone()).or_default();
        *count += 1;
        let number = if *count == 1 { String::new() } else { format!("-{count}") };
        let name = format!("{base}{number}.{}", extension(&media_type));
        self.record.attachments.push(AttachmentRecord { name, media_type, bytes });
    }

    /// Takes what Android's address book knows and vCard does not: `kind;value;type;label;…`.
    fn android(&mut self, property: &Property, text: &str) {
        let parts: Vec<&str> = text.split(';').map(str::trim).collect();
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        let custom = Some(part(3)).filter(|label| !label.is_empty());
        match part(0).strip_prefix("vnd.android.cursor.item/") {
            Some("nickname") if !part(1).is_empty() => {
                self.nickname(property, part(1).to_owned());
            }
            Some("relation") if !part(1).is_empty() => {
                let relation = part(2).parse().ok().and_then(|code: usize| ANDROID_RELATIONS.get(code).copied());
                let relation = relation.filter(|word| !word.is_empty()).or(custom).unwrap_or("related");
                self.relate(relation.to_lowercase(), part(1).to_owned());
            }
            Some("contact_event") if !part(1).is_empty() => {
                let label = match part(2) {
                    "1" => "anniversary",
                    "3" => "birthday",
                    _ => custom.unwrap_or("date"),
                };
                self.date(label, property, part(1));
            }
            _ => self.custom(property, text.trim_end_matches(';').to_owned()),
        }
    }

    /// Keeps the labels of those grouped properties that have no place for one.
    fn labels_left_over(&mut self, properties: &[Property]) {
        if self.own {
            return;
        }
        let labelled = properties.iter().filter(|property| LABELLED.contains(&property.name.as_str()));
        let used: BTreeSet<&String> = labelled.filter_map(|property| property.group.as_ref()).collect();
        for label in properties.iter().filter(|property| property.name == "X-ABLABEL") {
            let is_used = label.group.as_ref().is_some_and(|group| used.contains(group));
            if let (false, Some(text)) = (is_used, apple_label(&label.text())) {
                self.custom(label, text);
            }
        }
    }

    fn finish(mut self) -> Result<ContactRecord, String> {
        if let Some(name) = self.full_name.take() {
            self.record.name = name;
        } else {
            let (name, from) = self.substitute_name().ok_or("the card has nothing that could name a contact")?;
            self.remarks.push((0, format!("the card has no FN; named “{name}” after its {from}")));
            self.record.name = name;
        }
        self.record.organisation |= !self.own && self.is_named_as_a_firm();
        Ok(self.record)
    }

    /// Whether the card names its organisation where others name a person, and gives no part of a person's name: so
    /// Android, Google and Outlook write the card of a firm.
    fn is_named_as_a_firm(&self) -> bool {
        let has = |field: &str| self.record.fields.contains_key(field);
        !["given_name", "family_name", "nickname"].into_iter().any(has)
            && self.record.fields.get("company") == Some(&self.record.name)
    }

    /// Makes a name for a card that has none, and says of what.
    fn substitute_name(&self) -> Option<(String, &'static str)> {
        let field = |name: &str| self.record.fields.get(name).map(String::as_str);
        let parts = ["name_prefix", "given_name", "middle_name", "family_name", "name_suffix"];
        let composed = parts.into_iter().filter_map(field).collect::<Vec<_>>().join(" ");
        let handle = |channel: Channel| self.record.handles.iter().find(|handle| handle.channel == channel);
        let address = |channel: Channel| handle(channel).map(|handle| first_line(&handle.address));
        let candidates = [
            (Some(composed), "N"),
            (self.file_as.clone(), "X-EVOLUTION-FILE-AS"),
            (field("nickname").map(str::to_owned), "NICKNAME"),
            (field("company").map(str::to_owned), "ORG"),
            (address(Channel::Email), "e-mail"),
            (address(Channel::Phone), "telephone number"),
            (self.record.handles.first().map(|handle| first_line(&handle.address)), "first address"),
            (field("department").map(str::to_owned), "department"),
            (field("job_title").map(str::to_owned), "TITLE"),
            (self.record.related.first().map(|(_, name)| first_line(name)), "related person"),
            (self.record.notes.first().map(|note| first_line(&note.text)), "NOTE"),
            (self.record.external_id.clone(), "UID"),
            (self.record.fields.values().next().map(|value| first_line(value)), "first field"),
            (self.record.tags.first().cloned(), "CATEGORIES"),
            (self.record.attachments.first().map(|file| file.name.clone()), "attachment"),
            (self.record.dates.first().map(|(label, day)| format!("{label} {day}")), "date"),
        ];
        candidates.into_iter().find_map(|(name, from)| Some((name.filter(|name| !name.is_empty())?, from)))
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(120).collect()
}

/// Whether a property says nothing at all.
fn is_empty(property: &Property) -> bool {
    property.parts.iter().all(|part| part.trim().is_empty())
        && property.nested.is_none()
        && !["WAID", "LABEL", "X-USER", "USERNAME"].into_iter().any(|name| property.param(name).is_some())
}

/// Our field for a property that has one.
fn own_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "TITLE" => "job_title",
        "ROLE" => "role",
        "PRONOUNS" | "X-PRONOUNS" => "pronouns",
        "GENDER" | "X-GENDER" => "gender",
        "LANG" | "LANGUAGE" => "language",
        "TZ" => "time_zone",
        "X-PHONETIC-FIRST-NAME" => "phonetic_given_name",
        "X-PHONETIC-LAST-NAME" => "phonetic_family_name",
        "LOCATION" | "X-LOCATION" => "location",
        "X-DEPARTMENT" | "X-KADDRESSBOOK-X-DEPARTMENT" | "X-MS-DEPARTMENT" => "department",
        _ => return None,
    })
}

/// A name without the prefixes under which programs keep their own properties.
fn bare_name(name: &str) -> String {
    let name = ["X-KADDRESSBOOK-", "X-EVOLUTION-", "X-ANDROID-", "X-MOZILLA-", "X-MS-"]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    name.strip_prefix("X-").unwrap_or(name).to_owned()
}

fn relation_of(bare: &str) -> Option<&'static str> {
    Some(match bare {
        "SPOUSE" | "SPOUSESNAME" | "SPOUSE-NAME" => "spouse",
        "MANAGER" | "MANAGERSNAME" | "MANAGER-NAME" => "manager",
        "ASSISTANT" | "ASSISTANTSNAME" | "ASSISTANT-NAME" => "assistant",
        "CHILD" | "CHILDREN" => "child",
        "PARTNER" => "partner",
        "REFERRED-BY" | "REFERREDBY" => "referred_by",
        _ => return None,
    })
}

/// Android's codes for relations (ContactsContract.CommonDataKinds.Relation).
const ANDROID_RELATIONS: [&str; 15] = [
    "",
    "assistant",
    "brother",
    "child",
    "domestic partner",
    "father",
    "friend",
    "manager",
    "mother",
    "parent",
    "partner",
    "referred_by",
    "relative",
    "sister",
    "spouse",
];

/// Returns the network after which a property is named: one of our channels, or a messenger that programs write so.
fn network_of_name(name: &str) -> Option<String> {
    let bare = match name.strip_prefix("X-MESSAGING/") {
        Some(messenger) => messenger.trim_end_matches("-ALL").to_owned(),
        None if name.starts_with("X-") => bare_name(name),
        None => return None,
    };
    let word = bare.to_lowercase();
    Some(match word.as_str() {
        "aim" | "icq" | "skype" | "sip" | "xmpp" | "irc" | "matrix" => word,
        "skype-username" => "skype".into(),
        "jabber" => "xmpp".into(),
        "msn" | "msnim" => "msnim".into(),
        "yahoo" | "yahoo-id" => "ymsgr".into(),
        "google-talk" | "googletalk" | "gtalk" | "google_talk" => "google talk".into(),
        "gadugadu" | "gadu-gadu" | "gadu" => "gadugadu".into(),
        "imaddress" => "im".into(),
        "qq" | "groupwise" | "netmeeting" | "signal" | "discord" | "wechat" | "line" | "viber" | "zoom" => word,
        _ if network(&word).is_some() || name.starts_with("X-MESSAGING/") => word,
        _ => return None,
    })
}

/// Whether the word for a network is the scheme of its addresses too.
fn is_scheme(network: &str) -> bool {
    matches!(network, "aim" | "icq" | "skype" | "sip" | "xmpp" | "irc" | "msnim" | "ymsgr" | "matrix")
}

/// Returns our channel for what a source calls a network.
fn network(word: &str) -> Option<Channel> {
    let word: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    Some(match word.as_str() {
        "x" | "twitter" | "twitterid" | "xtwitter" => Channel::X,
        "facebook" | "fb" | "messenger" | "facebookmessenger" | "facebookid" | "facebookprofile" => Channel::Facebook,
        "linkedin" | "linkedinid" | "linkedinprofile" => Channel::LinkedIn,
        "instagram" | "instagramid" => Channel::Instagram,
        "threads" => Channel::Threads,
        "mastodon" | "fediverse" | "activitypub" => Channel::Mastodon,
        "bluesky" | "bsky" => Channel::Bluesky,
        "tiktok" => Channel::TikTok,
        "youtube" => Channel::YouTube,
        "pinterest" => Channel::Pinterest,
        "reddit" => Channel::Reddit,
        "yelp" => Channel::Yelp,
        "tripadvisor" => Channel::TripAdvisor,
        "foursquare" => Channel::Foursquare,
        "whatsapp" => Channel::WhatsApp,
        "telegram" => Channel::Telegram,
        _ => return None,
    })
}

/// Types that say nothing about which address it is.
fn is_noise(word: &str) -> bool {
    matches!(
        word,
        "" | "pref"
            | "internet"
            | "voice"
            | "msg"
            | "dom"
            | "intl"
            | "postal"
            | "parcel"
            | "email"
            | "text"
            | "video"
            | "uri"
    )
}

/// Returns the label that a person, or Apple in their place, gives: `_$!<Home>!$_` is "home".
fn apple_label(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = text.find("$!<").zip(text.rfind(">!$")).and_then(|(start, end)| text.get(start + 3..end));
    let label = inner.map_or_else(|| text.to_owned(), str::to_lowercase);
    if label.trim().is_empty() { None } else { Some(label.trim().to_owned()) }
}

/// Returns the scheme of a URI, if the text begins with one, in the case in which it is written.
fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let valid = scheme.len() >= 2
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let known = [
        "tel", "sms", "smsto", "mailto", "sip", "sips", "http", "https", "xmpp", "skype", "urn", "cid", "data",
        "x-apple", "ldap",
    ];
    known.into_iter().find(|known| scheme.eq_ignore_ascii_case(known)).or(valid.then_some(scheme))
}

fn without_scheme<'t>(text: &'t str, scheme: &str) -> &'t str {
    match text.split_once(':') {
        Some((found, rest)) if found.trim().eq_ignore_ascii_case(scheme) => rest.trim(),
        _ => text,
    }
}

/// Whether a link leads further than to the front page.
fn has_path(link: &str) -> bool {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    rest.split_once('/').is_some_and(|(_, path)| !path.is_empty())
}

/// Writes a postal address in lines (RFC 6350, section 6.3.1, and RFC 9554, section 2.1).
fn postal_address(property: &Property) -> String {
    let part = |index: usize| property.part(index);
    let (locality, region, code, country) = (part(3), part(4), part(5), part(6));
    let town = match region.is_empty() {
        true => [code, locality].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
        false => {
            let place = [locality, region].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            [place.as_str(), code].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
        }
    };
    let mut lines: Vec<String> = [part(0), part(1), part(2)].into_iter().map(str::to_owned).collect();
    let known = lines.join("\n");
    let finer =
        property.parts.iter().skip(7).map(|part| part.trim()).filter(|part| !part.is_empty() && !known.contains(part));
    lines.push(finer.collect::<Vec<_>>().join(" "));
    lines.extend([town, country.to_owned()]);
    lines.retain(|line| !line.trim().is_empty());
    lines.join("\n").replace("\r\n", "\n")
}

/// Reads a day, and tells whether that is all that the text says. A year of 1604 or 0 that stands for none is left out.
fn parse_date(text: &str, omitted: Option<i32>) -> Option<(DayOfYear, bool)> {
    let text = text.trim();
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.trim()),
        None => (text, ""),
    };
    let (year, month, day) = match date.strip_prefix("--") {
        Some(rest) => {
            let (month, day) =
                rest.split_once('-').or_else(|| (rest.len() == 4).then(|| rest.split_at_checked(2)).flatten())?;
            (None, month, day)
        }
        None if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => {
            (Some(date.get(..4)?), date.get(4..6)?, date.get(6..)?)
        }
        None => {
            let mut parts = date.split(['-', '/', '.']);
            let parts = (parts.next()?, parts.next()?, parts.next()?, parts.next());
            if parts.0.len() != 4 || parts.3.is_some() {
                return None;
            }
            (Some(parts.0), parts.1, parts.2)
        }
    };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let year = match year {
        Some(year) => Some(i32::try_from(number(year)?).ok()?).filter(|year| *year != 0 && Some(*year) != omitted),
        None => None,
    };
    let midnight = time.trim_end_matches(['Z', 'z']).bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
    Some((DayOfYear::new(year, number(month)?, number(day)?).ok()?, midnight))
}

/// Reads a time in the forms that vCard knows, to the precision that it gives.
fn parse_time(text: &str) -> Option<When> {
    let basic = || {
        NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y%m%dT%H%M%S")
            .ok()
            .and_then(|at| When::instant(at.and_utc()).ok())
    };
    let local = || {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok().and_then(|at| When::instant(at.and_utc()).ok())
    };
    let day = || {
        NaiveDate::parse_from_str(text, "%Y%m%d").ok().filter(|_| text.len() == 8).and_then(|day| When::day(day).ok())
    };
    text.parse().ok().or_else(day).or_else(basic).or_else(local)
}

/// Returns the name on a card that is nested in another.
fn nested_name(card: &str) -> Option<String> {
    let value = |name: &str| {
        card.lines().map(str::trim).find_map(|line| {
            let (head, value) = line.split_once(':')?;
            let known = head.split(';').next().unwrap_or_default().trim();
            (known.eq_ignore_ascii_case(name) && !value.trim().is_empty()).then(|| value.trim().to_owned())
        })
    };
    value("FN").or_else(|| {
        let name = value("N")?;
        let mut parts = name.split(';').map(str::trim);
        let (family, given) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Some(format!("{given} {family}").trim().to_owned())
    })
}

/// Decodes a `data:` URI (RFC 2397).
fn data_uri(text: &str) -> Option<(Option<String>, Vec<u8>)> {
    if !text.get(..5)?.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, data) = text.get(5..)?.split_once(',')?;
    let mut words = head.split(';').map(str::trim);
    let media_type = words.next().filter(|word| word.contains('/')).map(str::to_lowercase);
    let base64 = head.split(';').any(|word| word.trim().eq_ignore_ascii_case("base64"));
    let bytes = percent_decode(data);
    let bytes = if base64 { mail_parser::decoders::base64::base64_decode(&bytes)? } else { bytes };
    (!bytes.is_empty()).then_some((media_type, bytes))
}

fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    bytes
}

/// Returns the media type for what a card calls it: `JPEG`, `image/jpeg`, `PGP`.
fn media_type(word: &str) -> Option<String> {
    let known = match word {
        "jpeg" | "jpg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "tiff" => "image/tiff",
        "webp" => "image/webp",
        "wave" | "wav" => "audio/wav",
        "basic" => "audio/basic",
        "pcm" => "audio/L16",
        "aiff" => "audio/aiff",
        "pgp" => "application/pgp-keys",
        "x509" => "application/pkix-cert",
        other if other.contains('/') => other,
        _ => return None,
    };
    Some(known.to_owned())
}

/// Tells a media type by the first bytes.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'B', b'M', ..] => "image/bmp",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => "audio/wav",
        _ => return None,
    })
}

fn extension(media_type: &str) -> &str {
    match media_type {
        "image/jpeg" | "image/jpg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/bmp" => "bmp",
        "image/tiff" => "tiff",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "text/plain" => "txt",
        "audio/wav" => "wav",
        "audio/basic" => "au",
        "audio/mpeg" => "mp3",
        "audio/ogg" => "ogg",
        "application/pgp-keys" => "asc",
        "application/pkix-cert" => "cer",
        _ => "bin",
    }
}
