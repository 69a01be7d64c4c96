//! `[[route]]`: what is written, before protocols are looked up.

use std::net::{Ipv4Addr, SocketAddr};

use midwire_definition::diagnostics::{Diagnostic, suggest};
use midwire_definition::syntax::ast::Span;
use midwire_route::{After, HeaderUse, NamePattern, Pattern, Response, TlsCondition};
use toml::de::DeValue;

use super::address::listen_address;
use super::pattern::{bytes, pattern};
use super::reader::{Problems, Table, Text, codes, span_of, wrong_kind};
use super::vnc::{self, WrittenRfb};
use crate::record::RecordTo;

/// A name or another text of the file, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) text: String,
    pub(super) span: Span,
}

/// A route as it is written.
#[derive(Debug)]
pub(super) struct WrittenRoute {
    pub(super) name: Option<Named>,
    pub(super) listen: Vec<(SocketAddr, Span)>,
    /// Something was written there, right or wrong.
    pub(super) says_listen: bool,
    pub(super) header: HeaderUse,
    /// Alternatives of conditions; none: for every connection.
    pub(super) any: Vec<Vec<WrittenCondition>>,
    /// `None`: something is wrong with it.
    pub(super) action: Option<WrittenAction>,
    pub(super) then: Vec<WrittenThen>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum WrittenCondition {
    Pattern { pattern: Pattern, at: usize },
    Detect(Named),
    Tls(TlsCondition),
}

/// What is done with a connection.
#[derive(Debug)]
pub(super) enum WrittenAction {
    Relay(WrittenRelay),
    Respond(Response),
    Rfb(WrittenRfb),
}

#[derive(Debug)]
pub(super) struct WrittenRelay {
    pub(super) protocol: Named,
    pub(super) to: Named,
    pub(super) keep_host: bool,
    pub(super) version: Option<Named>,
    /// Rule files and folders.
    pub(super) rules: Vec<Named>,
    pub(super) trust_version: bool,
    /// The server is sent a PROXY header: of version 2 (true) or 1.
    pub(super) send_header: Option<bool>,
    /// Where it is recorded.
    pub(super) record: Option<RecordTo>,
}

/// A pattern that hands the connection over.
#[derive(Debug)]
pub(super) struct WrittenThen {
    pub(super) pattern: Pattern,
    pub(super) drop_match: bool,
    pub(super) next: WrittenNext,
}

#[derive(Debug)]
pub(super) enum WrittenNext {
    /// To the route of this name.
    Route(Named),
    /// To one that is written in place.
    Action(WrittenAction),
}

pub(super) fn owned(text: Text<'_>) -> Named {
    Named { text: text.text.to_owned(), span: text.span }
}

/// Reads one `[[route]]`.
pub(super) fn read(mut table: Table<'_, '_>, out: &mut Problems) -> WrittenRoute {
    let name = table.text("name", out).map(owned);
    let says_listen = table.has("listen");
    let listen = listens(&mut table, out);
    let header = match table.text("proxy_header", out) {
        None => HeaderUse::No,
        Some(text) => one_of(
            "proxy_header",
            text,
            &[("take", HeaderUse::Take), ("pass", HeaderUse::Pass)],
            out,
        )
        .unwrap_or_default(),
    };
    let any = conditions(&mut table, out);
    let action = action(&mut table, "a route", out);
    let then = thens(&mut table, out);
    if let (Some(WrittenAction::Respond(_)), [_, ..]) = (&action, &then[..]) {
        let message = "a route that responds has nobody to hand a connection over from";
        out.error(codes::EXCLUDED, table.key_span("then"), message);
    }
    table.end("a route", out);
    WrittenRoute { name, listen, says_listen, header, any, action, then, span: table.span }
}

/// Where a route listens: an address, a port, or a list of them.
fn listens(table: &mut Table<'_, '_>, out: &mut Problems) -> Vec<(SocketAddr, Span)> {
    let Some(value) = table.get("listen") else { return Vec::new() };
    let each = match value.get_ref() {
        DeValue::Array(list) => list.iter().collect(),
        _ => vec![value],
    };
    let mut listen = Vec::new();
    for value in each {
        let span = span_of(value);
        let (text, address) = match value.get_ref() {
            DeValue::String(text) => (text.to_string(), listen_address(text)),
            DeValue::Integer(port) => {
                let number = u16::from_str_radix(port.as_str(), port.radix()).ok();
                let here = number.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
                (port.to_string(), here)
            }
            other => {
                wrong_kind(span, "`listen`", "an address in quotes, or a port,", other, out);
                continue;
            }
        };
        match address {
            Some(address) => listen.push((address, span)),
            None => {
                let message = format!("`{text}` is no address to listen on");
                out.push(Diagnostic::error(codes::VALUE, span, message).help(
                    "write ADDRESS:PORT, such as \"127.0.0.1:25565\", or \"0.0.0.0:25565\" to be reached \
                     from other machines",
                ));
            }
        }
    }
    listen
}

fn one_of<T: Copy>(
    key: &str,
    text: Text<'_>,
    values: &[(&str, T)],
    out: &mut Problems,
) -> Option<T> {
    if let Some((_, value)) = values.iter().find(|(name, _)| *name == text.text) {
        return Some(*value);
    }
    let problem =
        Diagnostic::error(codes::VALUE, text.span, format!("`{key}` is never `{}`", text.text));
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    out.push(match suggest(text.text, names.iter().copied()) {
        Some(near) => problem.label(format!("did you mean `{near}`?")),
        None => problem.help(format!("there are: {}", names.join(", "))),
    });
    None
}

/// Keys that say nothing where midwire answers itself.
const FOR_SERVERS: [&str; 9] = [
    "to",
    "protocol",
    "keep_host",
    "protocol_version",
    "rules",
    "trust_version",
    "send_proxy_header",
    "write",
    "record",
];

/// `to` and `protocol`, or `respond`; from a route or what stands in its place.
fn action(table: &mut Table<'_, '_>, what: &str, out: &mut Problems) -> Option<WrittenAction> {
    let protocol = table.text("protocol", out);
    if let Some(rfb) =
        protocol.filter(|protocol| crate::rfb::canonical(protocol.text) == crate::rfb::NAME)
    {
        return vnc::read(table, what, rfb.span, out).map(WrittenAction::Rfb);
    }
    let to = table.text("to", out);
    let keep_host = table.bool("keep_host", out).unwrap_or(false);
    let version = match table.get("protocol_version") {
        Some(value) => match value.get_ref() {
            DeValue::String(text) => Some(Named { text: text.to_string(), span: span_of(value) }),
            DeValue::Integer(number) => {
                Some(Named { text: number.to_string(), span: span_of(value) })
            }
            other => {
                let what = "`protocol_version`";
                wrong_kind(span_of(value), what, "a number, or a release in quotes,", other, out);
                None
            }
        },
        None => None,
    };
    let rules = table.texts("rules", out).into_iter().map(owned).collect();
    let trust_version = table.bool("trust_version", out).unwrap_or(false);
    let send_header = table
        .text("send_proxy_header", out)
        .and_then(|text| one_of("send_proxy_header", text, &[("v1", false), ("v2", true)], out));
    let record = record(table, out);
    let respond = match table.get("respond") {
        Some(value) => match value.get_ref() {
            DeValue::Table(answer) => Some(Table::new(answer, span_of(value))),
            other => {
                wrong_kind(span_of(value), "`respond`", "a table", other, out);
                None
            }
        },
        None => None,
    };
    if let Some(mut respond) = respond {
        for key in FOR_SERVERS {
            if table.has(key) {
                let message = format!("`{key}` is for a server, and `respond` needs none");
                out.error(codes::EXCLUDED, table.key_span(key), message);
            }
        }
        let response = response(&mut respond, out);
        respond.end("`respond`", out);
        return response.map(WrittenAction::Respond);
    }
    if table.has("respond") {
        return None;
    }
    let missing = |key: &str, help: &str, out: &mut Problems| {
        if table.has(key) || table.is_misspelt(key) {
            return;
        }
        let problem =
            Diagnostic::error(codes::MISSING, table.span, format!("{what} has no `{key}`"));
        out.push(problem.help(help));
    };
    missing("to", "say which server: to = \"HOST:PORT\"; or answer at once: respond = { .. }", out);
    missing("protocol", "say how its bytes are read; protocol = \"raw\" only passes them on", out);
    let relay = WrittenRelay {
        protocol: owned(protocol?),
        to: owned(to?),
        keep_host,
        version,
        rules,
        trust_version,
        send_header,
        record,
    };
    Some(WrittenAction::Relay(relay))
}

/// Where it is recorded: `write` or `record`.
pub(super) fn record(table: &mut Table<'_, '_>, out: &mut Problems) -> Option<RecordTo> {
    let write = table.text("write", out).map(|text| RecordTo::File(text.text.into()));
    let data = table.bool("record", out).filter(|is_wanted| *is_wanted).map(|_| RecordTo::Data);
    if write.is_some() && data.is_some() {
        let message = "`write` says where it is recorded already";
        out.error(codes::EXCLUDED, table.key_span("record"), message);
    }
    write.or(data)
}

fn response(table: &mut Table<'_, '_>, out: &mut Problems) -> Option<Response> {
    let after = match table.text("after", out) {
        None => After::default(),
        Some(text) => one_of("after", text, &[("close", After::Close), ("stay", After::Stay)], out)
            .unwrap_or_default(),
    };
    if !table.has("text") && !table.has("hex") {
        let message = "`respond` says nothing";
        let problem = Diagnostic::error(codes::MISSING, table.span, message);
        out.push(problem.help("give it text = \"..\" or hex = \"..\"; text = \"\" only closes"));
        return None;
    }
    let bytes = bytes(table, out)?;
    Response::new(bytes, after)
        .map_err(|error| out.error(codes::VALUE, table.span, error.to_string()))
        .ok()
}

fn conditions(table: &mut Table<'_, '_>, out: &mut Problems) -> Vec<Vec<WrittenCondition>> {
    let mut any = Vec::new();
    for mut one in table.tables("match", out) {
        let mut all = Vec::new();
        let at = match one.get("at") {
            None => 0,
            Some(value) => offset(value, out),
        };
        if let Some(pattern) = pattern(&mut one, out) {
            all.push(WrittenCondition::Pattern { pattern, at });
        }
        if one.has("at") && !one.has("text") && !one.has("hex") {
            let message = "`at` says where a pattern stands, and there is none";
            out.error(codes::MISSING, one.key_span("at"), message);
        }
        if let Some(name) = one.text("detect", out) {
            all.push(WrittenCondition::Detect(owned(name)));
        }
        all.extend(tls(&mut one, out).map(WrittenCondition::Tls));
        one.end("`match`", out);
        let asks = ["text", "hex", "detect", "tls", "server_name", "alpn"];
        if !asks.iter().any(|key| one.has(key)) {
            let problem = Diagnostic::error(codes::MISSING, one.span, "this matches nothing");
            out.push(problem.help(format!(
                "give it one of {}; a route without `match` takes all other connections",
                asks.join(", ")
            )));
        }
        any.push(all);
    }
    any
}

/// How far in patterns may stand.
const AT_MAX: usize = 65_535;

fn offset(value: &super::reader::Value<'_>, out: &mut Problems) -> usize {
    let number = match value.get_ref() {
        DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
        other => {
            wrong_kind(span_of(value), "`at`", "a whole number", other, out);
            return 0;
        }
    };
    number.filter(|at| *at <= AT_MAX).unwrap_or_else(|| {
        let message = format!("`at` is a number of bytes from 0 to {AT_MAX}");
        out.error(codes::VALUE, span_of(value), message);
        0
    })
}

fn tls(table: &mut Table<'_, '_>, out: &mut Problems) -> Option<TlsCondition> {
    let is_tls = table.bool("tls", out);
    let asks = table.has("server_name") || table.has("alpn");
    if is_tls == Some(false) {
        let problem =
            Diagnostic::error(codes::VALUE, table.key_span("tls"), "`tls` can only be true");
        out.push(problem.help("a route behind it without `match` takes what is not TLS"));
    }
    let mut condition = TlsCondition::default();
    for name in table.texts("server_name", out) {
        match NamePattern::new(name.text) {
            Some(pattern) => condition.server_names.push(pattern),
            None => {
                let message = format!("`{}` is no server's name", name.text);
                let problem = Diagnostic::error(codes::VALUE, name.span, message);
                out.push(
                    problem
                        .help("such as \"play.example.org\", or \"*.example.org\" for all below"),
                );
            }
        }
    }
    for name in table.texts("alpn", out) {
        if name.text.is_empty() || name.text.len() > 255 {
            out.error(codes::VALUE, name.span, "a protocol's name has 1 to 255 bytes");
        }
        condition.alpn.push(name.text.as_bytes().to_vec());
    }
    (is_tls == Some(true) || asks).then_some(condition)
}

fn thens(table: &mut Table<'_, '_>, out: &mut Problems) -> Vec<WrittenThen> {
    let mut thens = Vec::new();
    for mut one in table.tables("then", out) {
        let found = pattern(&mut one, out);
        if !one.has("text") && !one.has("hex") {
            let problem = Diagnostic::error(codes::MISSING, one.span, "`then` has no pattern");
            out.push(
                problem.help("say what hands the connection over: text = \"..\" or hex = \"..\""),
            );
        }
        let drop_match = one.bool("drop_match", out).unwrap_or(false);
        let route = one.text("route", out).map(owned);
        let next = match route {
            Some(route) => {
                for key in ["to", "protocol", "respond"] {
                    if one.has(key) {
                        let message = format!("`{key}` is said by the route `{}`", route.text);
                        out.error(codes::EXCLUDED, one.key_span(key), message);
                    }
                    one.get(key_of(key));
                }
                Some(WrittenNext::Route(route))
            }
            None => action(&mut one, "`then`", out).map(WrittenNext::Action),
        };
        one.end("`then`", out);
        if let (Some(pattern), Some(next)) = (found, next) {
            thens.push(WrittenThen { pattern, drop_match, next });
        }
    }
    thens
}

fn key_of(key: &str) -> &'static str {
    match key {
        "to" => "to",
        "protocol" => "protocol",
        _ => "respond",
    }
}

/// What can only be seen of all routes together.
pub(super) fn check_all(routes: &[WrittenRoute], out: &mut Problems) {
    for (at, route) in routes.iter().enumerate() {
        let Some(name) = &route.name else { continue };
        let earlier = routes.iter().take(at).filter_map(|route| route.name.as_ref());
        if let Some(first) = earlier.into_iter().find(|first| first.text == name.text) {
            let message = format!("a second route is called `{}`", name.text);
            let problem = Diagnostic::error(codes::TWICE, name.span, message);
            out.push(problem.secondary(first.span, "the first"));
        }
    }
    let nexts = || {
        routes.iter().flat_map(|route| &route.then).filter_map(|then| match &then.next {
            WrittenNext::Route(name) => Some(name),
            WrittenNext::Action(_) => None,
        })
    };
    let names = || routes.iter().filter_map(|route| route.name.as_ref());
    for next in nexts() {
        if names().any(|name| name.text == next.text) {
            continue;
        }
        let message = format!("no route is called `{}`", next.text);
        let problem = Diagnostic::error(codes::NAME, next.span, message);
        out.push(match suggest(&next.text, names().map(|name| name.text.as_str())) {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem.help("give the route that is meant a name: name = \"..\""),
        });
    }
    for route in routes {
        let is_next = route.name.as_ref().is_some_and(|name| nexts().any(|n| n.text == name.text));
        if !route.says_listen && !is_next {
            let message = "no connection comes to this route";
            let problem = Diagnostic::error(codes::UNREACHABLE, route.span, message);
            out.push(problem.help(
                "say where it listens, listen = \"127.0.0.1:PORT\", or name it in another's `then`",
            ));
        }
    }
    vnc::check_all(routes, out);
    let takes_all = |route: &WrittenRoute| route.any.is_empty() && route.header == HeaderUse::No;
    for (at, route) in routes.iter().enumerate() {
        for (address, span) in &route.listen {
            let listens = |route: &WrittenRoute| {
                let found = route.listen.iter().find(|(other, _)| other == address);
                found.map(|(_, span)| *span)
            };
            let earlier = routes.iter().take(at).filter(|route| takes_all(route)).find_map(listens);
            if let Some(first) = earlier {
                let message = format!("no connection to {address} comes to this route");
                let problem = Diagnostic::error(codes::UNREACHABLE, *span, message)
                    .secondary(first, "this route has no `match` and takes them all")
                    .help("put the route without `match` last");
                out.push(problem);
            }
        }
    }
}
