//! Routes of protocol rfb: servers and the passwords that lead to them.
//!
//! ```toml
//! [[route]]
//! protocol = "rfb"
//! listen = "127.0.0.1:5900"
//!
//! [[route.server]]
//! to = "studio:5901"
//! client_password_file = "studio.client"
//! server_password_file = "studio.server"
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use midwire_definition::diagnostics::Diagnostic;
use midwire_definition::syntax::ast::Span;
use midwire_rfb::Password;
use midwire_session::{Options, Setup};
use tokio::sync::watch;

use super::address::target;
use super::build::{Builder, Followed};
use super::reader::{Problems, Table, codes};
use super::route::{Named, WrittenAction, WrittenNext, WrittenRoute, owned, record};
use crate::record::RecordTo;
use crate::relay::{RfbServer, Route, Service};
use crate::rfb::{self, Unfit};
use crate::secret::Secret;

/// What a route of protocol rfb says.
#[derive(Debug)]
pub(super) struct WrittenRfb {
    servers: Vec<WrittenServer>,
    protocol: Named,
    record: Option<RecordTo>,
}

#[derive(Debug)]
struct WrittenServer {
    to: Named,
    client_password_file: Option<Named>,
    server_password_file: Option<Named>,
    span: Span,
}

/// What other protocols may have and this may not, as midwire itself speaks first.
const OTHERS: [&str; 7] = [
    "match",
    "then",
    "proxy_header",
    "send_proxy_header",
    "keep_host",
    "protocol_version",
    "respond",
];

/// Reads what such a route says besides where it listens.
pub(super) fn read(
    table: &mut Table<'_, '_>,
    what: &str,
    protocol: Span,
    out: &mut Problems,
) -> Option<WrittenRfb> {
    for key in OTHERS {
        if table.has(key) {
            let message =
                format!("`{key}` is not for `rfb`: midwire itself greets the viewer there");
            out.error(codes::EXCLUDED, table.key_span(key), message);
        }
        table.get(key);
    }
    if what != "a route" {
        let message = "no connection can go on to `rfb`, where midwire itself greets the viewer";
        out.error(codes::EXCLUDED, protocol, message);
    }
    let record = record(table, out);
    let here =
        table.has("to") || table.has("client_password_file") || table.has("server_password_file");
    let mut several = table.tables("server", out);
    let servers = if table.has("server") {
        if here {
            let message = "`to` and passwords are said by each [[route.server]]";
            out.error(codes::EXCLUDED, table.key_span("to"), message);
            for key in OWN {
                table.get(key);
            }
        }
        let all = several.iter_mut().map(|one| {
            let read = server(one, "a server", out);
            one.end("a server", out);
            read
        });
        all.collect::<Vec<_>>()
    } else {
        vec![server(table, what, out)]
    };
    let servers: Option<Vec<_>> = servers.into_iter().collect();
    let protocol = Named { text: rfb::NAME.to_owned(), span: protocol };
    (what == "a route").then_some(())?;
    Some(WrittenRfb { servers: servers?, protocol, record })
}

/// The keys of a server.
const OWN: [&str; 3] = ["to", "client_password_file", "server_password_file"];

fn server(table: &mut Table<'_, '_>, what: &str, out: &mut Problems) -> Option<WrittenServer> {
    // Their lines are not shown, as others of this file would be: there may be a password in them.
    for key in ["client_password", "server_password", "password"] {
        if table.has(key) {
            let message =
                format!("{what} has a `{key}`, and passwords do not belong into this file");
            let problem = Diagnostic::error(codes::PASSWORD, table.span, message);
            out.push(
                problem
                    .help("name a file in which there is only that: client_password_file = \"..\""),
            );
            table.get(key);
        }
    }
    let to = table.text("to", out).map(owned);
    let client_password_file = table.text("client_password_file", out).map(owned);
    let server_password_file = table.text("server_password_file", out).map(owned);
    if !table.has("to") && !table.is_misspelt("to") {
        let problem = Diagnostic::error(codes::MISSING, table.span, format!("{what} has no `to`"));
        out.push(problem.help("say which server: to = \"HOST\" or to = \"HOST:PORT\""));
    }
    let to = to?;
    if let Err(wrong) = rfb::check_display(&to.text, false) {
        let (message, help) = split(&wrong);
        let problem = Diagnostic::error(codes::VALUE, to.span, format!("`{}`: {message}", to.text));
        out.push(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
        return None;
    }
    Some(WrittenServer { to, client_password_file, server_password_file, span: table.span })
}

/// A question, and what is to be written instead.
fn split(wrong: &str) -> (&str, Option<&str>) {
    match wrong.split_once("? ") {
        Some((question, help)) => (wrong.get(..question.len() + 1).unwrap_or(wrong), Some(help)),
        None => (wrong, None),
    }
}

/// What can only be seen of all routes together.
pub(super) fn check_all(routes: &[WrittenRoute], out: &mut Problems) {
    let is_rfb = |route: &WrittenRoute| matches!(route.action, Some(WrittenAction::Rfb(_)));
    for (at, route) in routes.iter().enumerate().filter(|(_, route)| is_rfb(route)) {
        for (address, span) in &route.listen {
            if let Err(wrong) = rfb::check_display(&address.to_string(), true) {
                let (message, help) = split(&wrong);
                let problem = Diagnostic::error(codes::VALUE, *span, message);
                out.push(problem.help(help.unwrap_or_default()));
            }
            let others = routes.iter().enumerate().filter(|(other, _)| *other != at);
            let taken = others.flat_map(|(_, other)| &other.listen).find(|(a, _)| a == address);
            if let Some((_, other)) = taken {
                let message = format!("other routes listen on {address}, too");
                let problem = Diagnostic::error(codes::EXCLUDED, *span, message)
                    .secondary(*other, "here")
                    .help("at rfb's address midwire itself greets whoever comes: give it one of its own");
                out.push(problem);
            }
        }
        let named =
            |wanted: &&Named| route.name.as_ref().is_some_and(|name| name.text == wanted.text);
        let next =
            routes.iter().flat_map(|route| &route.then).filter_map(|then| match &then.next {
                WrittenNext::Route(name) => Some(name),
                WrittenNext::Action(_) => None,
            });
        for next in next.filter(named) {
            let message =
                "no connection can go on to `rfb`, where midwire itself greets the viewer";
            out.error(codes::EXCLUDED, next.span, message);
        }
    }
}

impl Builder<'_> {
    /// The servers of a route, with their passwords.
    pub(super) fn servers(
        &mut self,
        rfb: &WrittenRfb,
        out: &mut Problems,
    ) -> Option<Vec<(RfbServer, Span)>> {
        let (lookup, protocol) = self.protocol(&rfb.protocol, out)?;
        let options = Options {
            limits: self.settings.session,
            version: None,
            announcement: None,
            rules: None,
            trust_version: false,
            start: protocol.state_named(rfb::START),
            rewrite_host: None,
            on_lost_framing: self.settings.on_lost_framing,
            encryption: None,
            transfer_to: None,
            cipher_keys: Arc::default(),
        };
        let usual = protocol.port;
        let (setups, setup) = watch::channel(Setup::new(protocol, options));
        self.followed.push(Followed { lookup, version: None, rules: None, setups });
        let mut servers = Vec::new();
        let mut all_right = true;
        for written in &rfb.servers {
            let to = target(&written.to.text, usual, rfb::NAME).map_err(|what| {
                let message = format!("`{}`: {what}", written.to.text);
                out.error(codes::VALUE, written.to.span, message);
            });
            let client = self.password(written.client_password_file.as_ref(), out);
            let server = self.password(written.server_password_file.as_ref(), out);
            let (Ok(to), Ok(client_password), Ok(server_password)) = (to, client, server) else {
                all_right = false;
                continue;
            };
            let route = Arc::new(Route {
                record_to: self.recorded(rfb.record.as_ref()),
                ..Route::new(to, setup.clone())
            });
            servers.push((RfbServer { route, client_password, server_password }, written.span));
        }
        all_right.then_some(servers)
    }

    /// The password in a file beside the configuration, if one is named.
    fn password(&self, file: Option<&Named>, out: &mut Problems) -> Result<Option<Password>, ()> {
        let Some(file) = file else { return Ok(None) };
        let secret = Secret::from_file(&self.folder.join(&file.text)).map_err(|error| {
            out.error(codes::PASSWORD, file.span, format!("{error:#}"));
        })?;
        for warning in secret.warnings {
            out.push(Diagnostic::warning(codes::PASSWORD, file.span, warning));
        }
        Ok(Some(secret.password))
    }
}

/// What is done with clients of an address of such a route.
pub(super) fn service(
    servers: &[(RfbServer, Span)],
    (listen, span): (SocketAddr, Span),
    builder: &Builder<'_>,
    out: &mut Problems,
) -> Option<Service> {
    let all = servers.iter().map(|(server, _)| server.clone()).collect();
    let wrong = match rfb::service(all, listen, &builder.settings.relay) {
        Ok(service) => return Some(service),
        Err(wrong) => wrong,
    };
    let at = |server: usize| servers.get(server).map_or(span, |(_, span)| *span);
    let message = wrong.to_string();
    out.push(match wrong {
        Unfit::Open { .. } => Diagnostic::error(codes::PASSWORD, span, message)
            .help("give the password that clients need: client_password_file = \"..\"; or listen on 127.0.0.1"),
        Unfit::NoPassword { server, .. } => {
            Diagnostic::error(codes::PASSWORD, at(server), message)
                .help("client_password_file = \"..\"")
        }
        Unfit::Same { server, .. } => Diagnostic::error(codes::PASSWORD, at(server), message),
    });
    None
}
