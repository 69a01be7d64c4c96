//! `midwire proxy`: from what was typed to a running relay with its printer.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_definition::Protocol;
use midwire_definition::escape::is_unsafe;
use midwire_session::{HostRewrite, Options, Setup, Watch};
use tokio::sync::watch;

use crate::args;
use crate::error::{say, usage};
use crate::print::{self, Style};
use crate::protocols::{self, Lookup};
use crate::queue::{WhenFull, queue};
use crate::relay::{
    BindError, ListenerConfig, Relay, RelayConfig, Route, Service, Target, Totals, service,
};
use crate::reload;
use crate::settings::Settings;

/// Runs `midwire proxy`.
pub(crate) fn run(args: &args::Proxy) -> anyhow::Result<ExitCode> {
    refuse_what_is_later(args)?;
    let settings = Settings::from_args(&args.set)?;
    let lookup = Lookup::new(&args.protocol, &args.definitions.defs)?;
    let protocol = lookup.read()?;
    let to = target(&args.to, &protocol)?;
    let listen = listen(args.listen.as_deref(), &protocol)?;
    let version_text = args.protocol_version.clone();
    let version =
        version_text.as_deref().map(|text| protocols::version(&protocol, text)).transpose()?;
    let options = Options {
        limits: settings.session,
        version,
        rewrite_host: rewrite(&to, args.keep_host),
        on_lost_framing: settings.on_lost_framing,
    };
    let style = Style::of_stdout();
    let (definitions, setup) = watch::channel(Setup::new(protocol.clone(), options));
    let extensions = extended_by(&lookup);
    let config = RelayConfig {
        listeners: vec![ListenerConfig {
            listen,
            may_move: args.listen.is_none(),
            service: Service::Route(Arc::new(Route { to, setup })),
        }],
        watch: if args.view.quiet { Watch::Nothing } else { Watch::Packets },
        watch_raw: if shows_bytes(&args.view) { Watch::Packets } else { Watch::Nothing },
        limits: settings.relay,
    };
    let when_full =
        if style.is_terminal && !args.view.json { WhenFull::Drop } else { WhenFull::Wait };
    let (events, shown) = queue(settings.relay.events_max, when_full);
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let view = print::view(&args.view, style, settings.definition);
    let printer = print::spawn(view, shown, stop.clone())?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the relay")?;
    end_on_signals(stop)?;
    let relayed = runtime.block_on(async {
        let relay = Relay::bind(config, events.clone()).await?;
        say(&banner(relay.addresses()[0], listen, &protocol, args));
        if !extensions.is_empty() {
            say(&extensions);
        }
        tokio::spawn(reload::follow(lookup, version_text, definitions, events));
        Ok::<Totals, BindError>(relay.run(stopped).await)
    });
    // Sessions that did not end in time hold on to the printer's queue; they go with the runtime.
    runtime.shutdown_background();
    let printed = printer.join();
    let totals = relayed.map_err(|error| match &error {
        BindError::Itself(_) => usage(error.to_string()),
        BindError::Listen(..) => error.into(),
    })?;
    say(&summary(&totals));
    match printed {
        Ok(printed) => printed?,
        Err(_) => anyhow::bail!("the printer has failed"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether bytes without packets are shown. They say little to people, and going past the session they cost
/// half as much; they are counted all the same.
fn shows_bytes(view: &args::View) -> bool {
    view.json || view.hex || view.all
}

fn refuse_what_is_later(args: &args::Proxy) -> anyhow::Result<()> {
    let later = [
        ("-w", args.write.is_some(), "captures are"),
        ("-Y", args.filter.is_some(), "filters are"),
        ("--rules", !args.rules.is_empty(), "rules are"),
        ("--config", args.config.is_some(), "configuration files are"),
    ];
    match later.iter().find(|(_, given, _)| *given) {
        Some((flag, _, what)) => Err(usage(format!("{flag}: {what} not there yet"))),
        None => Ok(()),
    }
}

/// The server that was typed: `HOST`, `HOST:PORT`, `ADDRESS`, `[V6]`, `[V6]:PORT`.
pub(crate) fn target(text: &str, protocol: &Protocol) -> anyhow::Result<Target> {
    let text = text.trim();
    let wrong = |what: &str| usage(format!("--to {text}: {what}"));
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(|| wrong("`]` is missing"))?;
            let port = match rest {
                "" => None,
                rest => {
                    Some(rest.strip_prefix(':').ok_or_else(|| wrong("after `]` comes `:PORT`"))?)
                }
            };
            (host, port)
        }
        // Two colons and no brackets: an IPv6 address alone.
        None if text.matches(':').count() > 1 => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/' || is_unsafe(c)) {
        return Err(wrong("that is no host name or address; write HOST or HOST:PORT"));
    }
    let is_name = host.parse::<std::net::IpAddr>().is_err() && host.contains('.');
    let service = service(&protocol.name).filter(|_| is_name && port.is_none());
    let port = match (port, protocol.port) {
        (Some(port), _) => match port.parse() {
            Ok(0) | Err(_) => return Err(wrong(&format!("{port} is no port (1 to 65535)"))),
            Ok(port) => port,
        },
        (None, Some(port)) => port,
        (None, None) => {
            return Err(wrong(&format!("{} has no usual port; write HOST:PORT", protocol.name)));
        }
    };
    Ok(Target { host: host.into(), port, service })
}

/// Where to listen: loopback, and the protocol's port, unless something else was typed.
pub(crate) fn listen(text: Option<&str>, protocol: &Protocol) -> anyhow::Result<SocketAddr> {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, protocol.port.unwrap_or(0)));
    let Some(text) = text else { return Ok(default) };
    let port_alone = || text.trim_start_matches(':').parse().ok();
    text.parse()
        .ok()
        .or_else(|| port_alone().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
        .ok_or_else(|| {
            usage(format!(
                "--listen {text}: write it as ADDRESS:PORT, such as {default}, or 0.0.0.0:{} to be \
                 reached from other machines",
                default.port()
            ))
        })
}

/// What the handshake is to say instead: a server's name, but no address.
fn rewrite(to: &Target, keep: bool) -> Option<HostRewrite> {
    let is_name = to.host.parse::<std::net::IpAddr>().is_err();
    let host = to.host.trim_end_matches('.').into();
    (is_name && !keep).then_some(HostRewrite { host, port: to.port })
}

fn banner(
    address: SocketAddr,
    wanted: SocketAddr,
    protocol: &Protocol,
    args: &args::Proxy,
) -> String {
    let mut text = format!("listening on {address}\n");
    if wanted.port() != 0 && address.port() != wanted.port() {
        text.push_str(&format!("another program uses port {}\n", wanted.port()));
    }
    if protocol.stack.framing.is_some() || protocol.is_frameless() {
        let usual = protocol.port == Some(address.port());
        let typed = if usual { address.ip().to_string() } else { address.to_string() };
        let typed = typed.replace("0.0.0.0", "this machine's address");
        text.push_str(&format!(
            "{}: type {typed} into the game; it reaches {}. ctrl-c ends\n",
            protocol.title, args.to
        ));
    }
    if !address.ip().is_loopback() {
        text.push_str("other machines can connect to this address\n");
    }
    text
}

/// Which files extend the definition, for the banner; empty if none does.
fn extended_by(lookup: &Lookup) -> String {
    let files: Vec<_> = lookup.extensions().iter().map(|file| file.display().to_string()).collect();
    if files.is_empty() { String::new() } else { format!("extended by {}\n", files.join(", ")) }
}

fn summary(totals: &Totals) -> String {
    let plural = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut text = format!(
        "{}, {}: {} bytes serverbound, {} bytes clientbound",
        plural(totals.sessions, "session"),
        plural(totals.packets, "packet"),
        totals.bytes[0],
        totals.bytes[1]
    );
    if totals.joined > 0 {
        let sessions = plural(totals.joined, "session");
        text.push_str(&format!(
            "\nthe later packets of {sessions} are not among them: nothing needed them, so the \
             connections were joined (--set join=never counts all)"
        ));
    }
    text
}

/// The exit code of a program that ctrl-c has ended, by custom.
const INTERRUPTED: i32 = 130;

/// The first ctrl-c ends the program in order, the second at once. They have a thread of their own: when the
/// relay has ended, what it said may still wait for somebody to read it.
fn end_on_signals(stop: Arc<watch::Sender<bool>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for signals")?;
    // From here on no signal is missed.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new().context("cannot wait for signals")?
    };
    let wait = move || {
        runtime.block_on(async {
            signals.next().await;
            stop.send_replace(true);
            signals.next().await;
        });
        std::process::exit(INTERRUPTED);
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .context("cannot wait for signals")?;
    Ok(())
}

/// What ends the program: ctrl-c, and where there is one, the request to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { ctrl_c: tokio::signal::windows::ctrl_c()? })
    }

    async fn next(&mut self) {
        self.ctrl_c.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol() -> Arc<Protocol> {
        protocols::find("raw", &[]).unwrap()
    }

    #[test]
    fn a_server_is_a_name_or_an_address_with_a_port() {
        let target = |text| target(text, &protocol()).map(|t| (t.host.to_string(), t.port));
        assert_eq!(target("play.example.org:7").unwrap(), ("play.example.org".into(), 7));
        assert_eq!(target("[::1]:7").unwrap(), ("::1".into(), 7));
        for wrong in ["", ":7", "a b:7", "host:0", "host:70000", "host:x", "[::1", "[::1]7", "::1"]
        {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_names_are_put_into_handshakes() {
        let to = |host: &str| Target { host: host.into(), port: 7, service: None };
        assert_eq!(rewrite(&to("10.0.0.1"), false), None);
        assert_eq!(rewrite(&to("::1"), false), None);
        assert_eq!(rewrite(&to("example.org"), true), None);
        let rewrite = rewrite(&to("example.org."), false).unwrap();
        assert_eq!((&*rewrite.host, rewrite.port), ("example.org", 7));
    }

    #[test]
    fn a_port_alone_listens_on_loopback() {
        let listen = |text| listen(Some(text), &protocol()).map(|a| a.to_string());
        assert_eq!(listen("4000").unwrap(), "127.0.0.1:4000");
        assert_eq!(listen(":4000").unwrap(), "127.0.0.1:4000");
        assert_eq!(listen("0.0.0.0:1").unwrap(), "0.0.0.0:1");
        assert!(listen("nowhere").is_err());
    }
}
