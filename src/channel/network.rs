//! Accounts on networks: which account a name, a profile link or an app's link stands for.
//!
//! The key is the account's name, folded. Where a network has several kinds of names, the less usual ones carry their kind
//! (`company/acme` on LinkedIn). Ids whose case counts keep it. A page that is no account's is kept by its web address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::{Channel, Region, Why, compatible, domain_key, fold, phone, strip_scheme, web, web_url};

/// What need not be encoded in the path of a link.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b':').remove(b'+');

/// Hosts whose pages begin with `/@` and that do not speak ActivityPub.
const NOT_MASTODON: [&str; 9] = [
    "medium.com",
    "substack.com",
    "odysee.com",
    "steemit.com",
    "hive.blog",
    "peakd.com",
    "lemon8-app.com",
    "rutube.ru",
    "kakao.com",
];

/// A link, taken apart.
pub(super) struct Link {
    /// The host in lower case, without the `www.` and the like of mobile and national editions, by its present name.
    host: String,
    /// The parts of the path that are not empty, decoded.
    segments: Vec<String>,
    /// The parameters, decoded.
    query: Vec<(String, String)>,
    /// The whole address.
    url: Url,
}

impl Link {
    /// Takes a link apart; `None` for what is no link. A scheme may be missing where a host and a path are there.
    pub(super) fn read(text: &str) -> Option<Self> {
        if !text.contains(['/', ':', '?', '.']) || text.contains(char::is_whitespace) {
            return None;
        }
        let url = app_link(text).or_else(|| page_link(text))?;
        let host = renamed(edition_free(url.host_str()?.trim_end_matches('.'))).to_owned();
        let hashbang = url.fragment().and_then(|fragment| fragment.strip_prefix("!/")).filter(|_| url.path() == "/");
        let path = hashbang.unwrap_or(url.path());
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let segments = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Some(Self { host, segments, query, url })
    }

    /// Tells which network the host belongs to.
    pub(super) fn network(&self) -> Option<Channel> {
        network(&self.host)
    }

    /// Tells on which network the link shows an account.
    pub(super) fn owner(&self) -> Option<Channel> {
        match self.network() {
            Some(channel) => self.account(channel).map(|_| channel),
            None => {
                let account =
                    self.segments.first().is_some_and(|name| name.starts_with('@')) && self.mastodon().is_some();
                (account && !NOT_MASTODON.contains(&self.host.as_str())).then_some(Channel::Mastodon)
            }
        }
    }

    /// Derives the key of the account that the link shows.
    fn account(&self, channel: Channel) -> Option<String> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        let account = Account { segments: &segments, query: &self.query, host: Some(&self.host) };
        account.key(channel)
    }

    /// Derives the key of a page that is no account's.
    fn page(&self) -> Result<String, Why> {
        let mut url = self.url.clone();
        url.set_host(Some(&self.host)).map_err(|why| Why::from(format!("is not a web address: {why}")))?;
        Ok(format!("https://{}", web(url.as_str())?))
    }

    /// Derives the key of an account on a server of its own.
    fn mastodon(&self) -> Option<String> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        let user = match segments.as_slice() {
            ["users", user, ..] => user,
            ["web", user, ..] | [user, ..] if user.starts_with('@') => user,
            _ => return None,
        };
        let user = user.trim_start_matches('@');
        if user.contains('@') { federated(user) } else { federated(&format!("{user}@{}", self.host)) }
    }
}

/// Reads an address of the web that has a path.
fn page_link(text: &str) -> Option<Url> {
    let address = text.split_once("://").map(|(_, rest)| rest).or_else(|| text.strip_prefix("//"));
    let (host, path) = split_host(address.unwrap_or(text));
    // Without a scheme it takes a path, and a host that is neither a number nor an e-mail address.
    let bare =
        address.is_none() && (path.is_empty() || host.contains(['@', ':']) || !host.contains(char::is_alphabetic));
    if bare || !host.contains('.') {
        return None;
    }
    web_url(text).ok().filter(|url| url.port().is_none() && url.scheme() != "ftp")
}

/// Parts an address without its scheme into the host and the rest.
fn split_host(address: &str) -> (&str, &str) {
    address.split_at(address.find(['/', '?', '#']).unwrap_or(address.len()))
}

/// Turns a link that opens an app into the page that it stands for.
fn app_link(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let host = match scheme.to_ascii_lowercase().as_str() {
        "at" => "bsky.app/profile",
        "fb" => "facebook.com",
        "instagram" => "instagram.com",
        "tg" => "t.me",
        "twitter" => "x.com",
        "whatsapp" => "whatsapp.com",
        _ => return None,
    };
    Url::parse(&format!("https://{host}/{rest}")).ok()
}

/// Takes the label of a mobile, national or older edition off a host.
fn edition_free(mut host: &str) -> &str {
    const EDITIONS: [&str; 16] = [
        "www", "m", "mobile", "web", "mbasic", "touch", "free", "old", "new", "np", "amp", "lite", "business", "app",
        "music", "api",
    ];
    while let Some((label, rest)) = host.split_once('.') {
        let letters = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_lowercase());
        let language = letters(label) || label.split_once('-').is_some_and(|(a, b)| letters(a) && letters(b));
        if !rest.contains('.') || !(language || EDITIONS.contains(&label)) || network(rest).is_none() {
            break;
        }
        host = rest;
    }
    host
}

/// Returns the present name of a host that was renamed.
fn renamed(host: &str) -> &str {
    match host {
        "twitter.com" => "x.com",
        "threads.net" => "threads.com",
        host => host,
    }
}

/// Tells which network a host belongs to.
fn network(host: &str) -> Option<Channel> {
    Some(match host {
        "x.com" | "twitter.com" => Channel::X,
        "facebook.com" | "fb.com" | "fb.me" | "m.me" => Channel::Facebook,
        "linkedin.com" => Channel::LinkedIn,
        "instagram.com" | "instagr.am" | "ig.me" => Channel::Instagram,
        "threads.net" | "threads.com" => Channel::Threads,
        "bsky.app" => Channel::Bluesky,
        "tiktok.com" => Channel::TikTok,
        "youtube.com" => Channel::YouTube,
        "reddit.com" => Channel::Reddit,
        "foursquare.com" | "swarmapp.com" => Channel::Foursquare,
        "wa.me" | "whatsapp.com" | "chat.whatsapp.com" => Channel::WhatsApp,
        "t.me" | "telegram.me" | "telegram.dog" => Channel::Telegram,
        _ if host.ends_with(".bsky.social") => Channel::Bluesky,
        _ => return national(host),
    })
}

/// Tells which of the networks that have a domain in each country a host belongs to.
fn national(host: &str) -> Option<Channel> {
    let (name, country) = host.split_once('.')?;
    let letters = |part: &str| part == "com" || (part.len() == 2 && part.bytes().all(|b| b.is_ascii_lowercase()));
    let domain = match country.split_once('.') {
        None => letters(country),
        Some((second, top)) => matches!(second, "co" | "com") && letters(top),
    };
    match name {
        _ if !domain => None,
        "pinterest" => Some(Channel::Pinterest),
        "yelp" => Some(Channel::Yelp),
        "tripadvisor" => Some(Channel::TripAdvisor),
        _ => None,
    }
}

/// Derives the key of an account.
pub(super) fn key(channel: Channel, text: &str, region: Option<Region>) -> Result<String, Why> {
    let Some(link) = Link::read(text) else { return bare(channel, text, region) };
    let network = link.network();
    match network {
        None if channel == Channel::Mastodon => link.mastodon().ok_or_else(|| "names no account".into()),
        Some(network) if network == channel => match link.account(channel) {
            Some(key) => Ok(key),
            None if link.segments.is_empty() => Err("names no account".into()),
            None => link.page(),
        },
        Some(network) => Err(format!("is a page on {}", network.name()).into()),
        None => Err(format!("is not a page on {}", channel.name()).into()),
    }
}

/// Derives the key of an account that is not given by a link.
fn bare(channel: Channel, text: &str, region: Option<Region>) -> Result<String, Why> {
    if text.contains("://") {
        return Err(format!("is not a page on {}", channel.name()).into());
    }
    let found = match channel {
        Channel::Mastodon => return mastodon(text),
        Channel::WhatsApp => return whatsapp(text, region),
        Channel::Telegram if text.starts_with('+') => return phone::key(text, region),
        _ => parts(channel, text),
    };
    let blank = text.contains(char::is_whitespace);
    found.ok_or_else(|| if blank { "has blanks in it".into() } else { "is not the name of an account".into() })
}

/// Derives the key of a name, or of a path as a link has it.
fn parts(channel: Channel, text: &str) -> Option<String> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if !text.contains('/') && network(edition_free(&path.to_ascii_lowercase())).is_some_and(|of| of != Channel::Bluesky)
    {
        return None;
    }
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let segments: Vec<&str> = decoded.split('/').filter(|part| !part.is_empty()).collect();
    let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Account { segments: &segments, query: &query, host: None }.key(channel)
}

/// What names an account: the path and the parameters of a link, or what somebody wrote in their stead.
struct Account<'a> {
    segments: &'a [&'a str],
    query: &'a [(String, String)],
    /// The host of a link.
    host: Option<&'a str>,
}

impl Account<'_> {
    /// Derives the key of the account on a network.
    fn key(&self, channel: Channel) -> Option<String> {
        match channel {
            Channel::X => self.x(),
            Channel::Facebook => self.facebook(),
            Channel::LinkedIn => self.linkedin(),
            Channel::Instagram => self.instagram(),
            Channel::Threads | Channel::TikTok => self.at_sign(),
            Channel::Bluesky => self.bluesky(),
            Channel::YouTube => self.youtube(),
            Channel::Pinterest => self.first(&["pin", "search", "ideas", "today", "_", "explore", "settings", "login"]),
            Channel::Reddit => self.reddit(),
            Channel::Yelp => self.yelp(),
            Channel::TripAdvisor => self.tripadvisor(),
            Channel::Foursquare => self.foursquare(),
            Channel::WhatsApp => self.whatsapp(),
            Channel::Telegram => self.telegram(),
            _ => None,
        }
    }

    /// Returns a parameter.
    fn parameter(&self, wanted: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    /// Takes the first part of the path as the name, unless the network keeps that word for pages of its own. What
    /// follows the name is a page of the account, and only in a link expected.
    fn first(&self, reserved: &[&str]) -> Option<String> {
        match self.segments {
            [only] if self.host.is_none() => name(only),
            [first, ..] if self.host.is_some() && !reserved.contains(&first.to_ascii_lowercase().as_str()) => {
                name(first)
            }
            _ => None,
        }
    }

    fn x(&self) -> Option<String> {
        match self.segments {
            ["i", "user", id] => Some(format!("i/user/{}", number(id)?)),
            ["intent", ..] | ["user"] if self.host.is_some() => name(self.parameter("screen_name")?),
            _ => self.first(&[
                "i",
                "home",
                "search",
                "hashtag",
                "share",
                "explore",
                "settings",
                "login",
                "messages",
                "notifications",
                "about",
                "tos",
                "privacy",
            ]),
        }
    }

    fn facebook(&self) -> Option<String> {
        const OWN: [&str; 24] = [
            "about",
            "events",
            "gaming",
            "hashtag",
            "help",
            "l.php",
            "login",
            "marketplace",
            "media",
            "messages",
            "permalink.php",
            "photo",
            "photo.php",
            "photos",
            "pages",
            "people",
            "groups",
            "profile",
            "reel",
            "share",
            "sharer",
            "sharer.php",
            "story.php",
            "watch",
        ];
        match self.segments {
            ["profile.php"] => number(self.parameter("id")?),
            ["profile", id] => number(id),
            ["people" | "pages", _, id] => number(id),
            ["pages", "category", _, slug] | ["p", slug] => slug_id(slug),
            ["pg", page, ..] => dotless(page),
            ["groups", group, ..] => Some(format!("groups/{}", dotless(group)?)),
            [first, ..] if self.host.is_some() => {
                self.first(&OWN).and_then(|_| slug_id(first).or_else(|| dotless(first)))
            }
            [only] => dotless(only),
            _ => None,
        }
    }

    fn linkedin(&self) -> Option<String> {
        match self.segments {
            ["in", person, ..] => member(person),
            [kind @ ("company" | "school" | "showcase" | "groups"), page, ..] => {
                Some(format!("{kind}/{}", name(page)?))
            }
            ["pub", person, a, b, c] => Some(format!("pub/{}/{}/{}/{}", name(person)?, name(a)?, name(b)?, name(c)?)),
            [only] if self.host.is_none() => member(only),
            _ => None,
        }
    }

    fn instagram(&self) -> Option<String> {
        match self.segments {
            ["user"] if self.host.is_some() => name(self.parameter("username")?),
            ["_u" | "_n", user, ..] => name(user),
            ["stories", user, ..] if *user != "highlights" => name(user),
            _ => self.first(&[
                "p", "reel", "reels", "tv", "explore", "accounts", "direct", "share", "stories", "about", "_u", "_n",
            ]),
        }
    }

    /// Takes a name that stands behind an @ in links.
    fn at_sign(&self) -> Option<String> {
        match self.segments {
            [user, ..] if self.host.is_some() && user.starts_with('@') => name(user),
            [only] if self.host.is_none() => name(only),
            _ => None,
        }
    }

    fn bluesky(&self) -> Option<String> {
        let handle = match (self.host, self.segments) {
            (Some(host), []) => host,
            (Some("bsky.app"), ["profile", handle, ..]) => handle,
            (None, [handle] | ["profile", handle]) => handle,
            _ => return None,
        };
        let handle = handle.strip_prefix("at:").unwrap_or(handle).trim_start_matches('@');
        if handle.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("did:")) {
            let good = handle.bytes().all(|b| b.is_ascii_alphanumeric() || b".:_-".contains(&b)) && handle.len() > 8;
            return good
                .then(|| if handle.starts_with("did:key:") { handle.to_owned() } else { handle.to_ascii_lowercase() });
        }
        let handle = name(handle)?;
        let own = handle.strip_suffix(".bsky.social").filter(|own| !own.is_empty() && !own.contains('.'));
        (handle != "bsky.app").then(|| own.unwrap_or(&handle).to_owned())
    }

    fn youtube(&self) -> Option<String> {
        let id = |text: &str| text.starts_with("UC") && text.len() == 24 && is_id(text);
        match self.segments {
            ["channel", text, ..] => {
                is_id(text).then(|| if id(text) { (*text).to_owned() } else { format!("channel/{text}") })
            }
            [kind @ ("c" | "user"), user, ..] => Some(format!("{kind}/{}", name(user)?)),
            [text] if self.host.is_none() && id(text) => Some((*text).to_owned()),
            _ => self.first(&[
                "watch", "playlist", "shorts", "feed", "results", "live", "embed", "hashtag", "channel", "c", "user",
                "post", "gaming", "redirect",
            ]),
        }
    }

    fn reddit(&self) -> Option<String> {
        match self.segments {
            ["u" | "user", user, ..] => name(user),
            ["r", community] => Some(format!("r/{}", name(community)?)),
            [only] if self.host.is_none() => name(only),
            _ => None,
        }
    }

    fn yelp(&self) -> Option<String> {
        match self.segments {
            ["user_details"] => cased("user", self.parameter("userid")?),
            ["user", id] => cased("user", id),
            ["biz", place, ..] => name(place),
            [only] if self.host.is_none() => name(only),
            _ => None,
        }
    }

    fn tripadvisor(&self) -> Option<String> {
        match self.segments {
            ["Profile" | "profile" | "members" | "members-citypage", user, ..] => name(user),
            ["place", id] if self.host.is_none() => Some(format!("place/{}", number(id)?)),
            [page] if self.host.is_some() => {
                let id = page.split('-').find_map(|part| part.strip_prefix('d').and_then(number))?;
                Some(format!("place/{id}"))
            }
            [only] if self.host.is_none() => name(only),
            _ => None,
        }
    }

    fn foursquare(&self) -> Option<String> {
        match self.segments {
            ["user" | "users", id, ..] => Some(format!("user/{}", number(id)?)),
            ["v", id] | ["v", _, id] => Some(format!("v/{}", name(id)?)),
            _ => self.first(&[
                "explore",
                "city-guide",
                "item",
                "list",
                "login",
                "v",
                "user",
                "users",
                "about",
                "products",
                "p",
            ]),
        }
    }

    fn whatsapp(&self) -> Option<String> {
        match (self.host, self.segments) {
            (Some("chat.whatsapp.com"), [invite] | ["invite", invite]) => cased("group", invite),
            (None, ["group", invite]) => cased("group", invite),
            (_, [kind @ ("channel" | "message" | "qr"), id, ..]) => cased(kind, id),
            (Some(_), ["send"]) => international(self.parameter("phone")?),
            (Some("wa.me"), [digits] | ["c", digits]) => international(digits),
            _ => None,
        }
    }

    fn telegram(&self) -> Option<String> {
        const OWN: [&str; 12] = [
            "addlist",
            "addstickers",
            "addemoji",
            "addtheme",
            "bg",
            "c",
            "iv",
            "joinchat",
            "login",
            "proxy",
            "setlanguage",
            "share",
        ];
        match self.segments {
            ["resolve"] if self.host.is_some() => {
                self.parameter("domain").map(name).or_else(|| self.parameter("phone").map(international))?
            }
            ["join"] if self.host.is_some() => cased("join", self.parameter("invite")?),
            ["joinchat" | "join", invite] => cased("join", invite),
            ["c", id, ..] => Some(format!("c/{}", number(id)?)),
            ["s", user, ..] => name(user),
            [first, ..] if self.host.is_some() && first.starts_with(['+', ' ']) => {
                let invite = first.trim_start_matches(['+', ' ']);
                if number(invite).is_some() { international(invite) } else { cased("join", invite) }
            }
            _ => self.first(&OWN),
        }
    }
}

/// Folds the name of an account; `None` for what no network takes for a name.
fn name(text: &str) -> Option<String> {
    let text = compatible(text);
    let name = fold(text.trim_start_matches('@'));
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/\\?#%@<>\"|^`{}[]:".contains(c);
    (!name.is_empty() && !name.starts_with('+') && !name.contains(odd)).then_some(name)
}

/// Folds a name on Facebook, where dots do not count; group ids and old pages are numbers.
fn dotless(text: &str) -> Option<String> {
    name(&name(text)?.replace('.', ""))
}

/// Takes the number that ends the address of a Facebook page, as in `Corner-Table-100012345678901`.
fn slug_id(slug: &str) -> Option<String> {
    slug.rsplit_once('-').and_then(|(_, id)| number(id)).filter(|id| id.len() >= 8)
}

/// Folds the name of a LinkedIn member; the ids that stand in its stead in some links keep their case.
fn member(text: &str) -> Option<String> {
    let id = text.starts_with("ACoAA") && text.len() > 20 && is_id(text);
    if id { Some(text.to_owned()) } else { name(text) }
}

/// Takes a number in ASCII digits.
fn number(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

/// Whether the text is an id of the kind whose case counts.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Derives the key of an id whose case counts.
fn cased(kind: &str, id: &str) -> Option<String> {
    is_id(id).then(|| format!("{kind}/{id}"))
}

/// Derives the key of a number that a link gives with its country code, with or without `+`.
fn international(digits: &str) -> Option<String> {
    let digits = digits.trim_start_matches(['+', ' ']);
    digits.starts_with(|c: char| c.is_ascii_digit()).then(|| phone::key(&format!("+{digits}"), None).ok()).flatten()
}

/// Whether WhatsApp's own exports write this behind the @ of a number.
pub(super) fn is_whatsapp_server(host: &str) -> bool {
    host.eq_ignore_ascii_case("s.whatsapp.net") || host.eq_ignore_ascii_case("c.us")
}

/// Derives the key of a WhatsApp number, or of what a link of WhatsApp's leads to.
fn whatsapp(text: &str, region: Option<Region>) -> Result<String, Why> {
    let (user, server) = text.split_once('@').unwrap_or((text, ""));
    if is_whatsapp_server(server)
        && let Some(key) = international(user)
    {
        return Ok(key);
    }
    match parts(Channel::WhatsApp, text) {
        Some(key) => Ok(key),
        None => phone::key(strip_scheme(text, "whatsapp:").unwrap_or(text), region),
    }
}

/// Derives the key of an account in the Fediverse (`acct:` of RFC 7565 is understood).
fn mastodon(text: &str) -> Result<String, Why> {
    let account = strip_scheme(text, "acct:").unwrap_or(text).trim_start_matches('@');
    if !account.contains('@') {
        return Err("does not name its server".into());
    }
    federated(account).ok_or_else(|| "is not the name of an account".into())
}

/// Derives the key of `user@host`.
fn federated(account: &str) -> Option<String> {
    let (user, host) = account.split_once('@')?;
    Some(format!("{}@{}", name(user)?, domain_key(host).ok()?))
}

/// Encodes what has no place in a link.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Returns the page of an account.
pub(super) fn profile(channel: Channel, key: &str) -> Option<String> {
    let path = key.split('/').map(encoded).collect::<Vec<_>>().join("/");
    Some(match (channel, key.split_once('/')) {
        (Channel::X, _) => format!("https://x.com/{path}"),
        (Channel::Facebook, _) => format!("https://www.facebook.com/{path}"),
        (Channel::LinkedIn, None) => format!("https://www.linkedin.com/in/{path}"),
        (Channel::LinkedIn, Some(_)) => format!("https://www.linkedin.com/{path}"),
        (Channel::Instagram, _) => format!("https://www.instagram.com/{path}"),
        (Channel::Threads, _) => format!("https://www.threads.com/@{path}"),
        (Channel::Mastodon, _) => {
            let (user, host) = key.split_once('@')?;
            format!("https://{host}/@{}", encoded(user))
        }
        (Channel::Bluesky, _) if key.contains(['.', ':']) => format!("https://bsky.app/profile/{path}"),
        (Channel::Bluesky, _) => format!("https://bsky.app/profile/{path}.bsky.social"),
        (Channel::TikTok, _) => format!("https://www.tiktok.com/@{path}"),
        (Channel::YouTube, Some(_)) => format!("https://www.youtube.com/{path}"),
        (Channel::YouTube, None) if key.starts_with("UC") => format!("https://www.youtube.com/channel/{path}"),
        (Channel::YouTube, None) => format!("https://www.youtube.com/@{path}"),
        (Channel::Pinterest, _) => format!("https://www.pinterest.com/{path}"),
        (Channel::Reddit, Some(_)) => format!("https://www.reddit.com/{path}"),
        (Channel::Reddit, None) => format!("https://www.reddit.com/user/{path}"),
        (Channel::Yelp, Some((_, id))) => format!("https://www.yelp.com/user_details?userid={}", encoded(id)),
        (Channel::Yelp, None) => format!("https://www.yelp.com/biz/{path}"),
        (Channel::TripAdvisor, None) => format!("https://www.tripadvisor.com/Profile/{path}"),
        (Channel::Foursquare, _) => format!("https://foursquare.com/{path}"),
        (Channel::WhatsApp, Some(("group", invite))) => format!("https://chat.whatsapp.com/{}", encoded(invite)),
        (Channel::WhatsApp, Some(("channel", id))) => format!("https://whatsapp.com/channel/{}", encoded(id)),
        (Channel::WhatsApp, Some(_)) => format!("https://wa.me/{path}"),
        (Channel::WhatsApp, None) => format!("https://wa.me/{}", key.strip_prefix('+')?.split(';').next()?),
        (Channel::Telegram, Some(("join", invite))) => format!("https://t.me/+{}", encoded(invite)),
        (Channel::Telegram, _) => format!("https://t.me/{}", path.split(';').next()?),
        _ => return None,
    })
}
