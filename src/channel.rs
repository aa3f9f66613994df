//! Channels: where a contact can be reached, and the one form of an address under which it is looked up.
//!
//! An address is kept twice. What is *shown* is what somebody wrote, trimmed and in Unicode NFC. The *key* is what is
//! compared: two spellings of one account have one key, and two accounts on one channel never share one. A key is itself
//! an address on its channel, with the same key, so that it can be written back and read again.

mod network;
mod phone;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use caseless::Caseless;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use url::Url;

use crate::error::{Error, Result};

pub use phone::Region;

/// Why an address is refused: the rest of a sentence that begins with the address.
type Why = Cow<'static, str>;

/// The longest address, in characters.
const LONGEST: usize = 2_048;
/// The longest postal address, in characters.
const LONGEST_POST: usize = 4_096;
/// Parameters of a web address that tell a campaign or a click, never a page. All that begin with `utm_` go with them.
const TRACKERS: [&str; 8] = ["dclid", "fbclid", "gclid", "igsh", "igshid", "mc_cid", "mc_eid", "msclkid"];

macro_rules! channels {
    ($($(#[$doc:meta])* $name:ident $word:literal $shown:literal $noun:literal $example:literal;)*) => {
        /// Where a contact can be reached.
        ///
        /// Serialised as the lower-case word, such as `email` or `x`. What an address looks like on each:
        ///
        /// | channel | an address, and other spellings of it |
        /// |---|---|
        /// | e-mail | `sally@example.com`, `"Sally" <Sally@Example.com>`, `mailto:sally@example.com`; names and domains of any script |
        /// | phone | `+44 20 7946 0958`, `tel:+44-20-7946-0958`, `020 7946 0958` with [`Region`] GB, `+1 800 FLOWERS`, `+1 201 555 0123 ext. 5`; a number that no plan knows is kept by its digits |
        /// | web | `https://example.com/menu`, `example.com/menu/`, `http://www.Example.com:80/menu?utm_source=x#top` |
        /// | post | `1 High Street, London`, on one line or on several |
        /// | X | `@sally`, `sally`, `https://twitter.com/Sally?lang=en`, `x.com/sally/`, `x.com/i/user/12` |
        /// | Facebook | `sally.smith`, `m.facebook.com/SallySmith` (dots do not count), `https://www.facebook.com/profile.php?id=123`, `facebook.com/groups/gym` |
        /// | LinkedIn | `sally-smith-123`, `https://uk.linkedin.com/in/Sally-Smith-123/`, `linkedin.com/company/acme` |
        /// | Instagram | `@sally`, `instagram.com/_u/sally`, `https://www.instagram.com/sally/?hl=en` |
        /// | Threads | `@sally`, `https://www.threads.net/@sally`, `threads.com/@sally` |
        /// | Mastodon | `@sally@mastodon.example`, `https://mastodon.example/@sally` |
        /// | Bluesky | `sally` or `sally.bsky.social`, `@sally.example`, `https://bsky.app/profile/sally.example`, `did:plc:…` |
        /// | TikTok | `@sally`, `https://www.tiktok.com/@sally` |
        /// | YouTube | `@sally`, `youtube.com/@sally`, `youtube.com/channel/UC…`, `youtube.com/c/sally`, `youtube.com/user/sally` (four kinds of name, all distinct) |
        /// | Pinterest | `sally`, `https://www.pinterest.co.uk/sally/` |
        /// | Reddit | `sally`, `u/sally`, `https://old.reddit.com/user/sally`, `r/gym` |
        /// | Yelp | `corner-table-london`, `yelp.com/biz/corner-table-london`, `yelp.com/user_details?userid=…` |
        /// | TripAdvisor | `sally`, `https://www.tripadvisor.co.uk/Profile/sally`, a page of a place |
        /// | Foursquare | `sally`, `foursquare.com/user/123`, `foursquare.com/v/corner-table/4b…` |
        /// | WhatsApp | a phone number, `https://wa.me/442079460958`, `whatsapp://send?phone=442079460958` |
        /// | Telegram | `@sally`, `t.me/sally`, `t.me/+442079460958`, an invitation |
        /// | other | any text |
        ///
        /// A page on a network that is not the page of an account, such as a photo, is kept by its web address. An address
        /// has at most 2,048 characters, a postal address 4,096. Control characters are refused (a postal address may
        /// have line breaks), invisible marks of writing direction are dropped.
        ///
        /// ```
        /// use heirloom::Channel;
        ///
        /// assert_eq!(Channel::X.link("https://twitter.com/Sally?lang=en").as_deref(), Some("https://x.com/sally"));
        /// assert_eq!("linkedin".parse::<Channel>()?, Channel::LinkedIn);
        /// # Ok::<(), heirloom::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum Channel {
            $($(#[$doc])* $name,)*
        }

        impl Channel {
            /// Every channel.
            pub const ALL: &'static [Channel] = &[$(Channel::$name,)*];

            /// Returns the word under which the channel is stored and serialised.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Returns the name that people read.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $shown,)* }
            }

            /// Returns what an address on this channel is called in an error.
            const fn noun(self) -> &'static str {
                match self { $(Self::$name => $noun,)* }
            }

            /// Returns a good address, for errors.
            const fn example(self) -> &'static str {
                match self { $(Self::$name => $example,)* }
            }
        }

        impl FromStr for Channel {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($word => Ok(Self::$name),)*
                    _ => Err(Error::invalid("channel", format!(
                        "“{}” is not known; the channels are {}",
                        excerpt(text),
                        [$($word),*].join(", "),
                    ))),
                }
            }
        }
    };
}

channels! {
    /// E-mail.
    Email "email" "e-mail" "e-mail address" "sally@example.com";
    /// A telephone number, voice or text.
    Phone "phone" "phone" "phone number" "+44 20 7946 0958";
    /// A page on the web.
    Web "web" "web" "web address" "https://example.com/menu";
    /// A postal address.
    Post "post" "post" "postal address" "1 High Street, London";
    /// X, once Twitter.
    X "x" "X" "X account" "@sally or https://x.com/sally";
    /// Facebook.
    Facebook "facebook" "Facebook" "Facebook account" "sally.smith or https://www.facebook.com/sally.smith";
    /// LinkedIn.
    LinkedIn "linkedin" "LinkedIn" "LinkedIn account" "https://www.linkedin.com/in/sally-smith";
    /// Instagram.
    Instagram "instagram" "Instagram" "Instagram account" "@sally or https://www.instagram.com/sally";
    /// Threads.
    Threads "threads" "Threads" "Threads account" "@sally or https://www.threads.com/@sally";
    /// Mastodon and what else speaks ActivityPub: `@user@host`.
    Mastodon "mastodon" "Mastodon" "Mastodon account" "@sally@mastodon.example";
    /// Bluesky.
    Bluesky "bluesky" "Bluesky" "Bluesky account" "@sally.bsky.social";
    /// TikTok.
    TikTok "tiktok" "TikTok" "TikTok account" "@sally or https://www.tiktok.com/@sally";
    /// YouTube.
    YouTube "youtube" "YouTube" "YouTube account" "@sally or https://www.youtube.com/@sally";
    /// Pinterest.
    Pinterest "pinterest" "Pinterest" "Pinterest account" "sally or https://www.pinterest.com/sally";
    /// Reddit.
    Reddit "reddit" "Reddit" "Reddit account" "u/sally";
    /// Yelp.
    Yelp "yelp" "Yelp" "Yelp page" "https://www.yelp.com/biz/corner-table-london";
    /// TripAdvisor.
    TripAdvisor "tripadvisor" "TripAdvisor" "TripAdvisor account" "https://www.tripadvisor.com/Profile/sally";
    /// Foursquare.
    Foursquare "foursquare" "Foursquare" "Foursquare account" "https://foursquare.com/sally";
    /// WhatsApp: a telephone number.
    WhatsApp "whatsapp" "WhatsApp" "WhatsApp number" "+44 20 7946 0958 or https://wa.me/442079460958";
    /// Telegram.
    Telegram "telegram" "Telegram" "Telegram account" "@sally or https://t.me/sally";
    /// Anything else; the address is kept as it is.
    Other "other" "other" "address" "what leads to the contact";
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Channel {
    /// Returns the address that opens `address` on this channel: a profile page, `mailto:` or `tel:`. Takes every
    /// spelling that a handle may have. `None` where there is no such page, and where `address` is not one of this channel.
    ///
    /// ```
    /// use heirloom::Channel;
    ///
    /// assert_eq!(Channel::LinkedIn.link("sally-smith-123").as_deref(), Some("https://www.linkedin.com/in/sally-smith-123"));
    /// assert_eq!(Channel::Phone.link("+44 20 7946 0958").as_deref(), Some("tel:+442079460958"));
    /// assert_eq!(Channel::Post.link("1 High Street, London"), None);
    /// ```
    pub fn link(self, address: &str) -> Option<String> {
        let shown = clean(self, address).ok()?;
        let key = self.key(&shown, None).ok()?;
        match self {
            Self::Post | Self::Other => None,
            Self::Email => Some(format!("mailto:{}", network::encoded(&key))),
            Self::Phone => Some(format!("tel:{key}")),
            Self::Web if key.starts_with("ftp://") => Some(key),
            // The key leaves out what does not tell pages apart; the page itself is where it was said to be.
            Self::Web => web_url(&shown).ok().map(Into::into),
            _ if key.starts_with("https://") => Some(key),
            _ => network::profile(self, &key),
        }
    }

    /// Tells which network the page of an account belongs to; `None` for an ordinary page, and for what is no link.
    pub fn of_link(text: &str) -> Option<Channel> {
        let text = clean(Self::Other, text).ok()?;
        network::Link::read(&compatible(&text))?.owner()
    }

    /// Derives the key of a cleaned address.
    fn key(self, text: &str, region: Option<Region>) -> Result<String, Why> {
        let text = &*compatible(text);
        match self {
            Self::Email => email(text),
            Self::Phone => phone::key(text, region),
            Self::Web => web(text),
            Self::Post => words(text),
            Self::Other => Ok(fold(text)),
            _ => network::key(self, text, region),
        }
    }

    /// Returns the longest address, in characters.
    const fn longest(self) -> usize {
        if matches!(self, Self::Post) { LONGEST_POST } else { LONGEST }
    }

    /// Puts the refusal of `text` in words.
    fn refusal(self, text: &str, why: Why) -> Error {
        Error::invalid(self.noun(), format!("“{}” {why}; a good one is {}", excerpt(text), self.example()))
    }
}

/// An address as a person wrote it and the one form under which it is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// As it is shown: trimmed, in Unicode NFC, otherwise as it was written.
    pub(crate) shown: String,
    /// As it is looked up: two spellings of one address have one key. Never empty.
    pub(crate) key: String,
}

impl Address {
    /// Takes an address as a person or a program wrote it on this channel. `region` is where a phone number that has no
    /// country code is at home.
    ///
    /// Fails with [`Error::Invalid`] where the text cannot be an address of the channel.
    pub(crate) fn parse(channel: Channel, text: &str, region: Option<Region>) -> Result<Self> {
        let read = || {
            let shown = clean(channel, text)?;
            let key = channel.key(&shown, region)?;
            if key.chars().nth(channel.longest()).is_some() {
                return Err(too_long(channel));
            }
            Ok(Self { shown: shown.into_owned(), key })
        };
        read().map_err(|why| channel.refusal(text, why))
    }
}

/// Lists the keys under which a text that somebody typed may be found, most likely channel first. `None` stands for any
/// channel: a key that several channels agree on comes once.
///
/// What no channel takes (an empty text, one with control characters) has no keys.
pub(crate) fn lookup_keys(text: &str, region: Option<Region>) -> Vec<(Option<Channel>, String)> {
    let Ok(text) = clean(Channel::Other, text) else { return Vec::new() };
    let text = &*text;
    if is_plain_name(text) || is_plain_email(text) {
        return vec![(None, text.to_ascii_lowercase())];
    }
    if let Some(name) = text.strip_prefix('@').filter(|name| is_plain_name(name)) {
        return vec![(None, name.to_ascii_lowercase()), (Some(Channel::Other), text.to_ascii_lowercase())];
    }
    if phone::is_e164(text) && phone::key(text, None).is_ok_and(|key| key == text) {
        return vec![(None, text.to_owned())];
    }
    let mut keys = Vec::with_capacity(4);
    let link = network::Link::read(&compatible(text));
    let network = link.as_ref().map(|link| link.network().unwrap_or(Channel::Mastodon));
    let likely = network.map(|network| [network, Channel::Web, Channel::Email, Channel::Phone, Channel::Other]);
    for &channel in likely.as_ref().map_or(Channel::ALL, |likely| likely.as_slice()) {
        let worth = match channel {
            Channel::Post => text.contains(char::is_whitespace),
            Channel::Phone => phone::is_likely(text),
            Channel::WhatsApp => network.is_some() || text.contains('@') || phone::is_likely(text),
            _ => true,
        };
        if let Some(key) = worth.then(|| channel.key(text, region).ok()).flatten() {
            add(&mut keys, channel, key);
        }
    }
    // A national number may have been kept when no region was known.
    if let Some(key) = region.filter(|_| phone::is_likely(text)).and_then(|_| Channel::Phone.key(text, None).ok()) {
        add(&mut keys, Channel::Phone, key);
    }
    keys
}

/// Adds a key of a channel; one that another channel has too stands for any channel from then on.
fn add(keys: &mut Vec<(Option<Channel>, String)>, channel: Channel, key: String) {
    match keys.iter_mut().find(|(_, known)| *known == key) {
        Some((of, _)) if *of == Some(channel) => {}
        Some((of, _)) => *of = None,
        None => keys.push((Some(channel), key)),
    }
}

/// Whether the text is an account's name that has one key on every channel: ASCII, without dots, no number, no link, and
/// too short for an id whose case counts.
fn is_plain_name(text: &str) -> bool {
    text.len() <= 20
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !phone::is_likely(text)
}

/// Whether the text is an e-mail address whose key is itself in lower case.
fn is_plain_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
    !local.is_empty() && local.bytes().all(plain) && is_plain_domain(domain) && !network::is_whatsapp_server(domain)
}

/// Whether the domain is ASCII, has a dot, no empty label and no label in Punycode.
fn is_plain_domain(domain: &str) -> bool {
    domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                && !label.as_bytes().get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))
        })
}

/// Trims an address, brings it to NFC, drops marks that nobody sees, and refuses control characters.
fn clean(channel: Channel, text: &str) -> Result<Cow<'_, str>, Why> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c) || is_joiner(c));
    if text.is_empty() {
        return Err("is empty".into());
    }
    if text.len() > channel.longest() && text.chars().nth(channel.longest()).is_some() {
        return Err(too_long(channel));
    }
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Ok(Cow::Borrowed(text));
    }
    let line_break = |c| channel == Channel::Post && matches!(c, '\t' | '\n' | '\r');
    if let Some(c) = text.chars().find(|&c| c.is_control() && !line_break(c)) {
        return Err(format!("holds a control character, U+{:04X}", u32::from(c)).into());
    }
    Ok(Cow::Owned(text.chars().filter(|&c| !is_invisible(c)).nfc().collect()))
}

/// Refuses an address that is too long.
fn too_long(channel: Channel) -> Why {
    format!("is longer than {} characters", channel.longest()).into()
}

/// Whether the character only steers how text is laid out: marks and embeddings of direction (UAX 9), which telephones
/// and mail programs put around numbers, zero-width spaces and byte order marks.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'
        | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Whether the character joins or parts letters: a part of words in some scripts, at the ends of a text never. Some
/// exports put one before a leading `+` or `@`.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Brings a text to NFKC, trimmed.
fn compatible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfkc().collect::<String>().trim().to_owned())
}

/// Folds case (Unicode, full) in NFKC, as often as it takes to come to rest.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let once = |text: &str| text.nfkc().default_case_fold().nfkc().collect::<String>();
    let mut folded = once(text);
    for _ in 0..8 {
        let again = once(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded.trim().to_owned()
}

/// Derives the key of an e-mail address (RFC 5321, RFC 5322 and RFC 6531): the local part folded, the domain in ASCII.
fn email(text: &str) -> Result<String, Why> {
    if is_plain_email(text) {
        return Ok(text.to_ascii_lowercase());
    }
    let link = strip_scheme(text, "mailto:").map(|rest| rest.split('?').next().unwrap_or_default());
    let decoded = link.map(|link| percent_decode_str(link).decode_utf8_lossy());
    let text = decoded.as_deref().unwrap_or(text).trim();
    let text = unbracketed(text);
    let Some((local, domain)) = text.rsplit_once('@') else { return Err("has no @".into()) };
    Ok(format!("{}@{}", local_part(local)?, mail_domain(domain)?))
}

/// Takes a display name before, or a comment behind, an e-mail address away.
fn unbracketed(text: &str) -> &str {
    let address = match (text.ends_with('>'), text.rfind('<')) {
        (true, Some(open)) => text.get(open + 1..text.len() - 1),
        _ if text.ends_with(')') => text.rfind(" (").and_then(|open| text.get(..open)),
        _ => None,
    };
    address.map_or(text, str::trim)
}

/// Derives the key of what stands before the @.
fn local_part(local: &str) -> Result<String, Why> {
    if local.is_empty() {
        return Err("has nothing before the @".into());
    }
    let special = |c: char| c.is_whitespace() || c.is_control() || "()<>[]:;@\\,\"".contains(c);
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(quoted) = quoted {
        let content = fold(&unescaped(quoted)?);
        if content.is_empty() || content.contains(special) {
            return Ok(format!("\"{}\"", content.replace('\\', "\\\\").replace('"', "\\\"")));
        }
        return Ok(content);
    }
    match local.chars().find(|&c| special(c)) {
        None => Ok(fold(local)),
        Some(c) if c.is_whitespace() => Err("has a blank before the @".into()),
        Some('@') => Err("has more than one @; give one address at a time".into()),
        Some(c) => Err(format!("has a {} before the @", c.escape_default()).into()),
    }
}

/// Undoes the backslashes of a quoted local part (RFC 5321, section 4.1.2).
fn unescaped(quoted: &str) -> Result<String, Why> {
    let mut content = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => content.push(chars.next().ok_or("ends its quoted part in a backslash")?),
            '"' => return Err("has a quotation mark inside its quoted part".into()),
            c if c.is_control() => return Err("holds a control character".into()),
            c => content.push(c),
        }
    }
    Ok(content)
}

/// Derives the key of what stands behind the @: a domain, or an address in square brackets.
fn mail_domain(domain: &str) -> Result<String, Why> {
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let good = !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b));
        return if good { Ok(domain.to_ascii_lowercase()) } else { Err("has no domain behind the @".into()) };
    }
    domain_key(domain)
}

/// Brings a domain to lower-case ASCII (UTS 46), without the dot that ends it.
fn domain_key(domain: &str) -> Result<String, Why> {
    let bare = domain.trim_end_matches('.');
    if is_plain_domain(bare) {
        return Ok(bare.to_ascii_lowercase());
    }
    if bare.is_empty() {
        return Err("has no domain behind the @".into());
    }
    // A label in Punycode that does not decode is kept: mail to it may well arrive.
    let ascii = match idna::domain_to_ascii(bare) {
        Ok(ascii) => ascii.trim_end_matches('.').to_owned(),
        Err(_) if bare.is_ascii() => bare.to_ascii_lowercase(),
        Err(_) => return Err(format!("has the domain {}, which cannot exist", excerpt(bare)).into()),
    };
    let good =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if ascii.split('.').all(good) {
        Ok(ascii)
    } else {
        Err(format!("has the domain {}, which cannot exist", excerpt(bare)).into())
    }
}

/// Derives the key of a page: its address without `http`, `https` and `www.`, and without what does not tell pages apart.
fn web(text: &str) -> Result<String, Why> {
    let url = web_url(text)?;
    let mut host = url.host_str().unwrap_or_default().trim_end_matches('.');
    while let Some(rest) = host.strip_prefix("www.").filter(|rest| rest.contains('.')) {
        host = rest;
    }
    let scheme = if url.scheme() == "ftp" { "ftp://" } else { "" };
    let port = url.port().filter(|port| scheme == "ftp://" || !matches!(port, 80 | 443));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = unreserved(url.path());
    let path = path.trim_end_matches('/');
    let query = url.query().map(unreserved).unwrap_or_default();
    let kept: Vec<_> = query.split('&').filter(|part| !part.is_empty() && !is_tracker(part)).collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    Ok(format!("{scheme}{host}{port}{path}{mark}{}", kept.join("&")))
}

/// Reads a web address; one without a scheme is taken to be `https`.
fn web_url(text: &str) -> Result<Url, Why> {
    if text.contains(char::is_whitespace) {
        return Err("has blanks in it".into());
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let given = scheme.is_some_and(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)));
    let url = match text.strip_prefix("//") {
        Some(rest) => Url::parse(&format!("https://{rest}")),
        None if given => Url::parse(text),
        None => Url::parse(&format!("https://{text}")),
    };
    let url = url.map_err(|why| Why::from(format!("is not a web address: {why}")))?;
    if !matches!(url.scheme(), "http" | "https" | "ftp") {
        return Err(format!("begins with {}:, which is not a page on the web", url.scheme()).into());
    }
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let written = text.split(['/', '\\', '?', '#', ':', '@']).find(|part| !part.is_empty()).unwrap_or_default();
    // “12.5” is an address of a computer to the URL standard, and to nobody else.
    let numbers = !written.contains(char::is_alphabetic) && written.split('.').count() != 4;
    let named = given || host == "localhost" || host.starts_with('[') || (host.contains('.') && !numbers);
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let good = host.starts_with('[') || host.split('.').all(label);
    if !good || !named || (!given && !url.username().is_empty()) {
        return Err("is not a web address".into());
    }
    Ok(url)
}

/// Whether a parameter of a query only tells where a reader came from.
fn is_tracker(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default().to_ascii_lowercase();
    name.starts_with("utm_") || TRACKERS.contains(&name.as_str())
}

/// Decodes percent-encoded characters that need no encoding, writes the others in capitals, and encodes a percent sign
/// that encodes nothing (RFC 3986, section 6.2.2).
fn unreserved(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, part.get(2..)) {
            (Some(b), Some(rest)) if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => {
                plain.push(char::from(b));
                plain.push_str(rest);
            }
            (Some(b), Some(rest)) => plain.push_str(&format!("%{b:02X}{rest}")),
            _ => {
                plain.push_str("%25");
                plain.push_str(part);
            }
        }
    }
    plain
}

/// Derives the key of a postal address: its words, folded, one blank between them.
fn words(text: &str) -> Result<String, Why> {
    let folded = fold(text);
    let within = |c: char| c.is_alphanumeric() || is_combining_mark(c) || is_joiner(c);
    let words: Vec<_> = folded.split(|c| !within(c)).filter(|word| word.contains(char::is_alphanumeric)).collect();
    if words.is_empty() { Err("has neither letters nor digits".into()) } else { Ok(words.join(" ")) }
}

/// Takes a scheme such as `tel:` away, in capitals or not, and the slashes that some programs put behind it.
fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let start = text.get(..scheme.len())?;
    if !start.eq_ignore_ascii_case(scheme) {
        return None;
    }
    text.get(scheme.len()..).map(|rest| rest.trim_start_matches('/'))
}

/// The beginning of a text, for an error.
fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channel::Channel::*;

    fn key_in(channel: Channel, written: &str, region: &str) -> Result<String> {
        Address::parse(channel, written, region.parse().ok()).map(|address| address.key)
    }

    fn key(channel: Channel, written: &str) -> Result<String> {
        key_in(channel, written, "")
    }

    /// One account a row: its key, then what people and programs write for it.
    const ACCOUNTS: &[(Channel, &str, &[&str])] = &[
        (
            Email,
            "sally@x.com",
            &[
                "sally@x.com",
                "Sally@X.COM",
                " sally@x.com\t",
                "sally@x.com.",
                "mailto:Sally@x.com?subject=Hi",
                "MAILTO:sally%40x.com",
                "\"Sally Smith\" <sally@x.com>",
                "Sally Smith <SALLY@x.com>",
                "<sally@x.com>",
                "sally@x.com (Sally)",
                "\"sally\"@x.com",
                "ｓａｌｌｙ＠ｘ．ｃｏｍ",
                "\u{feff}sally@x.com",
                "\u{202a}sally@x.com\u{202c}",
            ],
        ),
        (Email, "sally+gym@x.com", &["Sally+Gym@x.com"]),
        (Email, "\"sally smith\"@x.com", &["\"Sally Smith\"@x.com", "\"Sally\\ Smith\"@X.com"]),
        (Email, "\"a@b\"@x.com", &["\"a@b\"@x.com", "<\"A@b\"@x.com>"]),
        (
            Email,
            "søren@xn--strae-oqa.example",
            &["Søren@straße.example", "SØREN@xn--strae-oqa.example", "søren@STRAßE.example"],
        ),
        (Email, "søren@strasse.example", &["Søren@strasse.example"]),
        (Email, "用户@xn--fsqu00a.xn--0zwm56d", &["用户@例子.测试", "用户@例子。测试"]),
        (Email, "sally@localhost", &["sally@localhost"]),
        (Email, "sally@[192.0.2.1]", &["sally@[192.0.2.1]"]),
        (Email, "sally..@docomo.example", &["sally..@docomo.example"]),
        (
            Phone,
            "+442079460958",
            &[
                "+44 20 7946 0958",
                "+44 (0)20 7946 0958",
                "tel:+44-20-7946-0958",
                "0044 20 7946 0958",
                "\u{202a}+44 20 7946 0958\u{202c}",
                "＋４４ ２０ ７９４６ ０９５８",
                "TEL:+442079460958",
                "tel:+44%2020%207946%200958",
                "+44.20.7946.0958",
                "\u{200d}+442079460958",
            ],
        ),
        (
            Phone,
            "+12015550123;ext=5",
            &["+1 201 555 0123 ext. 5", "tel:+1-201-555-0123;ext=5", "+1 (201) 555-0123 x5", "+12015550123;ext=5"],
        ),
        (Phone, "+12015550123;ext=55", &["+1 201 555 0123 extension 55"]),
        (Phone, "+18003569377", &["+1 800 FLOWERS", "+1-800-356-9377", "+1 800 flowers"]),
        (Phone, "+390212345678", &["+39 02 1234 5678"]),
        (Phone, "+80012345678", &["+800 1234 5678"]),
        (Phone, "+33142764978", &["+33 1 42 76 49 78"]),
        (Phone, "+99912345678", &["+999 12345678", "+999-1234-5678"]),
        (Phone, "02079460958", &["020 7946 0958", "(020) 7946-0958", "020 7946 0958 (home)"]),
        (Phone, "112", &["112"]),
        (Phone, "5550123;ext=7", &["555-0123 x7", "555 0123 ext. 7", "5550123;ext=7", "555-0123 #7"]),
        (Phone, "442079460958442079460959", &["44 20 7946 0958 / 44 20 7946 0959"]),
        (Phone, "0207", &["٠٢٠٧"]),
        (
            Web,
            "corner.example/Menu",
            &[
                "https://corner.example/Menu",
                "http://Corner.Example:80/Menu/",
                "corner.example/Menu",
                "//corner.example/Menu",
                "https://www.corner.example/Menu?utm_source=x&UTM_medium=y#top",
                "https://corner.example./%4Denu?fbclid=1",
                "HTTPS://CORNER.EXAMPLE:443/Menu",
            ],
        ),
        (
            Web,
            "corner.example",
            &["https://corner.example", "https://www.corner.example/", "corner.example", "http://corner.example/#a"],
        ),
        (Web, "corner.example?table=4&day=mon", &["https://corner.example/?table=4&utm_campaign=z&day=mon"]),
        (Web, "corner.example/100%25", &["https://corner.example/100%", "corner.example/100%25"]),
        (Web, "corner.example/a", &["http://corner.example:443/a", "https://corner.example:80/a"]),
        (Web, "corner.example:8080", &["http://corner.example:8080/"]),
        (
            Web,
            "xn--bcher-kva.example/caf%C3%A9",
            &["https://bücher.example/café", "https://Bücher.example/cafe\u{301}", "xn--bcher-kva.example/caf%c3%a9"],
        ),
        (Web, "ftp://corner.example/menu", &["ftp://corner.example/menu"]),
        (
            Post,
            "1 high street london",
            &["1 High Street, London", "1 High Street\r\nLondon", "1, HIGH STREET; London."],
        ),
        (Post, "königstrasse 5", &["Königstraße 5", "KÖNIGSTRASSE 5", "Ko\u{308}nigstraße, 5"]),
        (Post, "मुंबई", &["मुंबई"]),
        (
            X,
            "sally",
            &[
                "@Sally",
                "sally",
                "SALLY",
                "https://twitter.com/Sally?x",
                "x.com/sally/",
                "http://www.twitter.com/#!/sally",
                "mobile.twitter.com/sally",
                "https://x.com/intent/user?screen_name=Sally",
                "https://twitter.com/sally/status/20",
                "twitter://user?screen_name=Sally",
                "https://x.com/%53ally",
                "＠ｓａｌｌｙ",
                "@@sally",
                "https://x.com/@sally",
                "//x.com/sally",
            ],
        ),
        (X, "i/user/12", &["https://twitter.com/i/user/12", "i/user/12"]),
        (
            X,
            "https://x.com/hashtag/gym",
            &["https://x.com/hashtag/gym?utm_source=a", "https://twitter.com/hashtag/gym"],
        ),
        (
            Facebook,
            "123",
            &[
                "https://www.facebook.com/profile.php?id=123",
                "m.facebook.com/profile.php?id=123&ref=x",
                "https://facebook.com/123",
                "fb://profile/123",
                "https://www.facebook.com/people/Sally-Smith/123/",
            ],
        ),
        (
            Facebook,
            "sallysmith",
            &[
                "sally.smith",
                "@SallySmith",
                "https://www.facebook.com/Sally.Smith?ref=ts",
                "m.facebook.com/sallysmith/",
                "https://de-de.facebook.com/sally.smith/about",
                "fb.com/sallysmith",
                "https://www.facebook.com/pg/sallysmith/",
            ],
        ),
        (
            Facebook,
            "100012345678901",
            &[
                "https://www.facebook.com/Corner-Table-100012345678901/",
                "https://www.facebook.com/pages/Corner-Table/100012345678901",
            ],
        ),
        (Facebook, "groups/gym", &["https://www.facebook.com/groups/Gym/", "groups/gym"]),
        (
            LinkedIn,
            "sally-smith-123",
            &[
                "linkedin.com/in/Sally-Smith-123/",
                "https://uk.linkedin.com/in/sally-smith-123",
                "https://www.linkedin.com/in/sally-smith-123?trk=x",
                "in/sally-smith-123",
                "sally-smith-123",
                "https://www.linkedin.com/in/sally%2Dsmith-123/de",
            ],
        ),
        (
            LinkedIn,
            "zoë",
            &["https://www.linkedin.com/in/zo%C3%AB", "https://www.linkedin.com/in/Zoë/", "in/zoe\u{308}"],
        ),
        (
            LinkedIn,
            "company/acme",
            &["https://www.linkedin.com/company/Acme/", "company/acme", "linkedin.com/company/acme/about/"],
        ),
        (LinkedIn, "ACoAABcDeFgHiJkLmNoPqRsT", &["https://www.linkedin.com/in/ACoAABcDeFgHiJkLmNoPqRsT"]),
        (
            Instagram,
            "sally",
            &[
                "@Sally",
                "https://www.instagram.com/sally/?hl=en",
                "instagram.com/_u/sally",
                "https://instagram.com/stories/sally/1",
                "instagram://user?username=sally",
            ],
        ),
        (Instagram, "https://instagram.com/p/AbC", &["https://www.instagram.com/p/AbC/?igsh=1"]),
        (
            Threads,
            "sally",
            &[
                "@sally",
                "https://www.threads.net/@Sally",
                "threads.com/@sally",
                "https://www.threads.com/@sally/post/1",
            ],
        ),
        (
            Mastodon,
            "sally@m.example",
            &[
                "@Sally@m.example",
                "sally@M.Example",
                "https://m.example/@sally",
                "m.example/@Sally",
                "https://m.example/users/sally",
                "acct:sally@m.example",
                "https://m.example/@sally/1234",
                "https://home.example/@sally@m.example",
            ],
        ),
        (Mastodon, "sally@xn--bcher-kva.example", &["@sally@bücher.example", "https://bücher.example/@sally"]),
        (
            Bluesky,
            "sally",
            &[
                "@sally.bsky.social",
                "Sally.bsky.social",
                "sally",
                "@sally",
                "https://bsky.app/profile/sally.bsky.social",
                "at://sally.bsky.social",
                "https://sally.bsky.social",
                "bsky.app/profile/sally",
            ],
        ),
        (
            Bluesky,
            "sally.example",
            &["@Sally.example", "https://bsky.app/profile/sally.example/post/1", "sally.example"],
        ),
        (
            Bluesky,
            "did:plc:z72i7hdynmk6r22z27h6tvur",
            &[
                "did:plc:z72i7hdynmk6r22z27h6tvur",
                "https://bsky.app/profile/did:plc:z72i7hdynmk6r22z27h6tvur",
                "at://did:plc:z72i7hdynmk6r22z27h6tvur",
            ],
        ),
        (TikTok, "sally", &["@sally", "https://www.tiktok.com/@Sally?lang=en", "tiktok.com/@sally/video/1"]),
        (
            YouTube,
            "sally",
            &["@Sally", "youtube.com/@sally", "https://m.youtube.com/@sally/videos", "https://www.youtube.com/Sally"],
        ),
        (
            YouTube,
            "UCabcdefghijklmnopqrstuV",
            &["https://www.youtube.com/channel/UCabcdefghijklmnopqrstuV/", "UCabcdefghijklmnopqrstuV"],
        ),
        (YouTube, "c/sally", &["https://www.youtube.com/c/Sally"]),
        (YouTube, "user/sally", &["https://www.youtube.com/user/Sally/featured"]),
        (
            Pinterest,
            "sally",
            &[
                "sally",
                "https://www.pinterest.com/Sally/",
                "https://www.pinterest.co.uk/sally/board",
                "pinterest.de/sally",
                "https://in.pinterest.com/sally",
                "https://pinterest.com.au/sally",
            ],
        ),
        (
            Reddit,
            "sally",
            &["u/Sally", "/u/sally", "https://old.reddit.com/user/sally/", "https://www.reddit.com/u/Sally", "sally"],
        ),
        (Reddit, "r/gym", &["r/gym", "https://www.reddit.com/r/Gym/"]),
        (
            Yelp,
            "corner-table-london",
            &[
                "https://www.yelp.com/biz/Corner-Table-London?osq=x",
                "yelp.co.uk/biz/corner-table-london",
                "biz/corner-table-london",
            ],
        ),
        (
            Yelp,
            "user/hA5lMy-EnncsH4JoR-hFGQ",
            &[
                "https://www.yelp.com/user_details?userid=hA5lMy-EnncsH4JoR-hFGQ",
                "m.yelp.com/user_details?userid=hA5lMy-EnncsH4JoR-hFGQ&x=1",
            ],
        ),
        (
            TripAdvisor,
            "sally",
            &[
                "https://www.tripadvisor.com/Profile/Sally?fid=1",
                "tripadvisor.co.uk/Profile/sally",
                "https://no.tripadvisor.com/members/sally",
                "Profile/Sally",
            ],
        ),
        (
            TripAdvisor,
            "place/987",
            &[
                "https://www.tripadvisor.com/Restaurant_Review-g186338-d987-Reviews-Corner_Table-London.html",
                "https://www.tripadvisor.de/Restaurant_Review-g1-d987-Reviews-or10-x.html",
            ],
        ),
        (Foursquare, "sally", &["https://foursquare.com/Sally", "https://www.swarmapp.com/sally"]),
        (Foursquare, "user/123", &["https://foursquare.com/user/123", "foursquare.com/user/123/badges"]),
        (Foursquare, "v/4b0588", &["https://foursquare.com/v/corner-table/4b0588", "v/4b0588"]),
        (
            WhatsApp,
            "+442079460958",
            &[
                "+44 20 7946 0958",
                "https://wa.me/442079460958",
                "wa.me/+442079460958?text=hi",
                "whatsapp://send?phone=442079460958",
                "https://api.whatsapp.com/send?phone=%2B442079460958&text=x",
                "442079460958@s.whatsapp.net",
                "https://web.whatsapp.com/send/?phone=442079460958",
                "whatsapp:+442079460958",
            ],
        ),
        (WhatsApp, "group/AbC123", &["https://chat.whatsapp.com/AbC123"]),
        (
            Telegram,
            "sally",
            &[
                "@Sally",
                "t.me/sally",
                "https://telegram.me/Sally?start=1",
                "https://t.me/s/sally",
                "tg://resolve?domain=Sally",
            ],
        ),
        (Telegram, "+442079460958", &["https://t.me/+442079460958", "+44 20 7946 0958"]),
        (Telegram, "join/AbCd_1", &["https://t.me/joinchat/AbCd_1", "https://t.me/+AbCd_1", "tg://join?invite=AbCd_1"]),
        (Other, "room 4, ask for sally", &["Room 4, ask for Sally", "ROOM 4, ASK FOR SALLY"]),
        (Other, "strasse", &["Straße", "STRASSE", "ｓｔｒａｓｓｅ"]),
    ];

    #[test]
    fn one_account_has_one_key_however_it_is_spelt() {
        let mut wrong = Vec::new();
        for (channel, expected, spellings) in ACCOUNTS {
            for written in *spellings {
                match key(*channel, written) {
                    Ok(found) if found == *expected => {}
                    other => wrong.push(format!("{channel:?} {written}: {other:?} instead of {expected}")),
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn two_accounts_of_one_network_never_share_a_key() {
        let mut keys: Vec<_> = ACCOUNTS.iter().map(|(channel, key, _)| (channel, key)).collect();
        keys.sort();
        let rows = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), rows);
        for (channel, one, two) in [
            (
                YouTube,
                "https://youtube.com/channel/UCabcdefghijklmnopqrstuV",
                "https://youtube.com/channel/UCabcdefghijklmnopqrstuv",
            ),
            (YouTube, "youtube.com/c/sally", "youtube.com/@sally"),
            (LinkedIn, "linkedin.com/in/acme", "linkedin.com/company/acme"),
            (Telegram, "t.me/+AbCdE", "t.me/+abcde"),
            (Reddit, "u/gym", "r/gym"),
            (Bluesky, "sally.com", "sally.bsky.social"),
            (Web, "corner.example/Menu", "corner.example/menu"),
            (Email, "sally@straße.de", "sally@strasse.de"),
            (Phone, "+12015550123 x5", "+12015550123"),
            (X, "@sally_smith", "@sallysmith"),
        ] {
            assert_ne!(key(channel, one).unwrap(), key(channel, two).unwrap(), "{channel:?} {one} {two}");
        }
    }

    #[test]
    fn a_number_without_country_code_is_read_where_its_region_is_at_home() {
        for (written, region, expected) in [
            ("020 7946 0958", "GB", "+442079460958"),
            ("٠٢٠ ٧٩٤٦ ٠٩٥٨", "GB", "+442079460958"),
            ("020 7946 0958 (home)", "GB", "+442079460958"),
            ("(201) 555-0123", "US", "+12015550123"),
            ("1-800-FLOWERS", "us", "+18003569377"),
            ("011 44 20 7946 0958", "US", "+442079460958"),
            ("8 (495) 123-45-67", "RU", "+74951234567"),
            ("02 1234 5678", "IT", "+390212345678"),
            ("0 11 96123-4567", "BR", "+5511961234567"),
            ("0032474123456", "BE", "+32474123456"),
            ("+33142764978", "US", "+33142764978"),
            ("+78005553535", "RU", "+78005553535"),
            ("555-0123", "US", "5550123"),
            ("112", "DE", "112"),
            ("12345", "US", "12345"),
        ] {
            assert_eq!(key_in(Phone, written, region).unwrap(), expected, "{written} in {region}");
        }
    }

    #[test]
    fn an_address_is_shown_as_it_was_written() {
        for (channel, written, shown) in [
            (X, " @Sally\n", "@Sally"),
            (X, "https://twitter.com/Sally?x", "https://twitter.com/Sally?x"),
            (Email, "\"Sally\" <Sally@X.com>", "\"Sally\" <Sally@X.com>"),
            (Email, "Zoe\u{308}@x.com", "Zoë@x.com"),
            (Phone, "\u{202a}+44 (0)20 7946 0958\u{202c}", "+44 (0)20 7946 0958"),
            (Phone, "1 800 FLOWERS", "1 800 FLOWERS"),
            (Post, "1 High Street\nLondon\n", "1 High Street\nLondon"),
            (Other, "ﬁsh\u{feff}", "ﬁsh"),
        ] {
            assert_eq!(Address::parse(channel, written, None).unwrap().shown, shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for (channel, written, words) in [
            (Email, "sally", "e-mail address: “sally” has no @; a good one is sally@example.com"),
            (Email, "sally smith@x.com", "has a blank before the @"),
            (Email, "sally@x com", "has the domain x com, which cannot exist"),
            (Email, "@x.com", "has nothing before the @"),
            (Email, "sally@", "has no domain behind the @"),
            (Email, "sally@x..com", "which cannot exist"),
            (Email, "a@x.com, b@x.com", "give one address at a time"),
            (Email, "a@b@x.com", "more than one @"),
            (Email, "", "is empty"),
            (Phone, "none", "phone number: “none” has no digit in it; a good one is +44 20 7946 0958"),
            (Phone, "sally2@x.com", "is not a phone number"),
            (Web, "Sally", "is not a web address"),
            (Web, "sally@x.com", "is not a web address"),
            (Web, "javascript:alert(1)", "is not a web address"),
            (Web, "file:///etc/passwd", "which is not a page on the web"),
            (Web, "our menu", "has blanks in it"),
            (
                X,
                "Sally Smith",
                "X account: “Sally Smith” has blanks in it; a good one is @sally or https://x.com/sally",
            ),
            (X, "https://www.facebook.com/sally", "is a page on Facebook"),
            (X, "https://corner.example/sally", "is not a page on X"),
            (X, "https://x.com", "names no account"),
            (X, "x.com", "is not the name of an account"),
            (X, "@", "is not the name of an account"),
            (X, "sally\0", "holds a control character, U+0000"),
            (X, "\u{200b}", "is empty"),
            (Mastodon, "@sally", "does not name its server"),
            (Post, "—", "has neither letters nor digits"),
            (Other, "a\u{1b}b", "U+001B"),
        ] {
            let said = key(channel, written).unwrap_err().to_string();
            assert!(said.contains(words), "{channel:?} {written}: {said}");
        }
        let said = key(X, &"a".repeat(2_049)).unwrap_err().to_string();
        assert!(said.contains("is longer than 2048 characters") && said.len() < 300, "{said}");
        // One character that stands for a phrase of eighteen: what is looked up is as long as what is written may be.
        assert!(key(Other, &"\u{fdfa}".repeat(2_048)).is_err());
        assert!(key(Other, &"é".repeat(2_048)).is_ok());
        assert!(key(Post, &"é ".repeat(2_048)).is_ok());
        assert!(key(Post, &"éa".repeat(2_049)).is_err());
    }

    #[test]
    fn a_link_tells_its_network() {
        for (text, network) in [
            ("https://twitter.com/Sally?x", Some(X)),
            ("x.com/sally", Some(X)),
            ("https://www.tripadvisor.co.uk/Profile/sally", Some(TripAdvisor)),
            ("https://chaos.example/@sally", Some(Mastodon)),
            ("https://medium.com/@sally", None),
            ("https://stackoverflow.com/users/1/sally", None),
            ("https://wa.me/442079460958", Some(WhatsApp)),
            ("https://sally.bsky.social", Some(Bluesky)),
            ("https://bsky.social/about", None),
            ("https://x.com", None),
            ("https://x.com/search?q=sally", None),
            ("https://x.com:8443/sally", None),
            ("https://x.com.evil.example/sally", None),
            ("https://pinterest.evil.example/sally", None),
            ("https://notx.com/sally", None),
            ("https://corner.example/menu", None),
            ("sally@x.com", None),
            ("@sally", None),
            ("sally", None),
            ("", None),
        ] {
            assert_eq!(Channel::of_link(text), network, "{text}");
        }
    }

    #[test]
    fn a_link_leads_back_to_the_account_it_was_made_from() {
        for (channel, key_expected, _) in ACCOUNTS {
            if let Some(link) = channel.link(key_expected).filter(|_| *channel != Web) {
                assert_eq!(key(*channel, &link).unwrap(), *key_expected, "{link}");
            }
        }
        assert_eq!(X.link("@Sally").as_deref(), Some("https://x.com/sally"));
        assert_eq!(Bluesky.link("sally").as_deref(), Some("https://bsky.app/profile/sally.bsky.social"));
        assert_eq!(Mastodon.link("@sally@m.example").as_deref(), Some("https://m.example/@sally"));
        assert_eq!(Web.link("http://www.corner.example/menu").as_deref(), Some("http://www.corner.example/menu"));
        assert_eq!(Email.link("a?b@x.com").as_deref(), Some("mailto:a%3Fb@x.com"));
        assert_eq!(Other.link("room 4"), None);
        assert_eq!(X.link("Sally Smith"), None);
    }

    #[test]
    fn a_text_is_looked_up_under_every_key_it_may_have() {
        let keys = |text, region: &str| lookup_keys(text, region.parse().ok());
        assert_eq!(keys("@Sally", ""), [(None, "sally".into()), (Some(Other), "@sally".into())]);
        assert_eq!(keys("sally", ""), [(None, "sally".into())]);
        assert_eq!(keys("Sally@X.com", ""), [(None, "sally@x.com".into())]);
        assert_eq!(keys("+442079460958", ""), [(None, "+442079460958".into())]);
        assert_eq!(keys("+44 20 7946 0958", "").first().unwrap(), &(None, "+442079460958".into()));
        let national = keys("020 7946 0958", "GB");
        assert_eq!(national.first().unwrap(), &(None, "+442079460958".into()));
        assert!(national.contains(&(Some(Phone), "02079460958".into())), "{national:?}");
        assert_eq!(keys("https://twitter.com/Sally?x", "").first().unwrap(), &(Some(X), "sally".into()));
        assert_eq!(keys("https://m.example/@Sally", "").first().unwrap(), &(Some(Mastodon), "sally@m.example".into()));
        assert!(keys("sally.smith", "").contains(&(Some(Facebook), "sallysmith".into())));
        assert!(keys("@Sally@m.example", "").contains(&(Some(Mastodon), "sally@m.example".into())));
        assert!(keys("1 High Street, London", "").contains(&(Some(Post), "1 high street london".into())));
        for nothing in ["", " ", "\0", "a\u{7}"] {
            assert_eq!(keys(nothing, ""), []);
        }
    }

    #[test]
    fn a_region_is_a_country_with_telephones() {
        assert_eq!("gb".parse::<Region>().unwrap().to_string(), "GB");
        assert_eq!(serde_json::to_string(&"de".parse::<Region>().unwrap()).unwrap(), "\"DE\"");
        for (text, words) in [
            ("UK", "the United Kingdom is GB"),
            ("XX", "“XX” is no country code"),
            ("", "two letters"),
            ("GBR", "two letters"),
        ] {
            let said = text.parse::<Region>().unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
    }

    /// Whether the text says by its form what it is, so that a look-up can be asked to know it.
    fn speaks_for_itself(text: &str) -> bool {
        text.contains('@') || text.contains("://") || text.contains(".com/") || text.starts_with("tel:")
    }

    fn is_found(channel: Channel, text: &str, region: Option<Region>) -> std::result::Result<(), TestCaseError> {
        if let Ok(address) = Address::parse(channel, text, region) {
            let keys = lookup_keys(text, region);
            let hit = |(of, key): &(Option<Channel>, String)| of.is_none_or(|of| of == channel) && *key == address.key;
            prop_assert!(keys.iter().any(hit), "{channel:?} {text:?} {:?} not in {keys:?}", address.key);
        }
        Ok(())
    }

    #[test]
    fn every_spelling_of_an_account_is_found_by_a_look_up() {
        for (channel, _, spellings) in ACCOUNTS {
            for text in spellings.iter().filter(|_| *channel != Post) {
                is_found(*channel, text, None).unwrap();
            }
        }
    }

    /// Texts that look like addresses, so that the tests reach past the first refusal.
    fn addresses() -> impl Strategy<Value = String> {
        let host = prop::sample::select(vec![
            "x.com",
            "facebook.com",
            "linkedin.com/in",
            "linkedin.com/company",
            "youtube.com/channel",
            "youtube.com",
            "t.me",
            "wa.me",
            "bsky.app/profile",
            "reddit.com/r",
            "yelp.com/biz",
            "tripadvisor.com",
            "m.example",
            "chat.whatsapp.com",
            "foursquare.com/v",
            "www.x.com",
            "instagram.com",
        ]);
        let scheme = prop::sample::select(vec!["", "https://", "http://www.", "//", "HTTPS://m."]);
        let part = "[@+a-zA-Z0-9._~%/?#&=:ßÅ１-]{0,14}";
        prop_oneof![
            any::<String>(),
            "\\PC{0,12}",
            (scheme, host, part).prop_map(|(scheme, host, part)| format!("{scheme}{host}/{part}")),
            "@?[a-zA-Z0-9._%:/+-]{1,12}",
            "@?[a-zA-Z0-9._+ßÅ\"\\\\ -]{1,8}@[a-zA-Zßü0-9.-]{1,10}",
            "[+(]?[0-9() ./xX#A-F;=-]{1,20}",
            "(tel:|\\+|00|0)?[0-9]{1,17}(;ext=| x| ext\\. ?)?[0-9]{0,6}",
            "(mailto:|acct:|whatsapp:|at://|tg://|fb://)[a-z0-9@.?=/+%-]{0,16}",
            "did:(plc|web|key):[a-zA-Z0-9.:]{0,16}",
        ]
    }

    fn regions() -> impl Strategy<Value = Option<Region>> {
        prop::sample::select(vec!["", "GB", "US", "DE", "IT", "BR", "RU", "MX", "AR", "CI"])
            .prop_map(|code| code.parse().ok())
    }

    /// Random texts per property.
    const ROUNDS: u32 = 2_000;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ROUNDS))]

        #[test]
        fn a_key_is_an_address_with_the_same_key(text in addresses(), region in regions()) {
            for &channel in Channel::ALL {
                if let Ok(Address { key, shown }) = Address::parse(channel, &text, region) {
                    prop_assert!(!key.is_empty());
                    prop_assert!(!shown.contains('\0'));
                    let again = Address::parse(channel, &key, region).map(|address| address.key);
                    prop_assert_eq!(again.ok(), Some(key.clone()), "{:?} {:?}", channel, &text);
                    let from_shown = Address::parse(channel, &shown, region).map(|address| address.key);
                    prop_assert_eq!(from_shown.ok(), Some(key), "{:?} shown {:?}", channel, &text);
                }
                let _ = channel.link(&text);
            }
            let _ = Channel::of_link(&text);
        }

        #[test]
        fn what_speaks_for_itself_is_found_on_every_channel_that_takes_it(text in addresses(), region in regions()) {
            for &channel in Channel::ALL.iter().filter(|&&channel| channel != Post) {
                if speaks_for_itself(&text) {
                    is_found(channel, &text, region)?;
                }
            }
        }

        #[test]
        fn a_short_cut_finds_what_the_long_way_finds(text in "@?[a-zA-Z][a-zA-Z0-9_-]{0,22}|[a-z.+]{1,6}@[a-zA-Z.-]{1,9}|\\+[0-9]{4,15}") {
            for &channel in Channel::ALL.iter().filter(|&&channel| !matches!(channel, Post | Phone | WhatsApp)) {
                is_found(channel, &text, None)?;
            }
        }
    }
}
