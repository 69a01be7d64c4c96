//! `midwire proxy`: from what was typed to a running relay with its printer.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use midwire_definition::{Protocol, VersionId};
use midwire_session::{HostRewrite, Options, Setup, Watch};
use tokio::sync::watch;

use crate::account::Account;
use crate::args;
use crate::config::{self, Built, Followed, Places};
use crate::encryption;
use crate::error::{FAILED, USAGE, say, say_styled, usage};
use crate::filter::Filters;
use crate::log;
use crate::metrics::{self, Metrics, Told};
use crate::print::{self, Style};
use crate::protocols::{self, Lookup};
use crate::queue::{WhenFull, queue};
use crate::record::Recordings;
use crate::relay::{BindError, ListenerConfig, Relay, RelayConfig, Route, Service, Target, Totals};
use crate::reload::Follow;
use crate::rfb;
use crate::rules::{self, RuleFiles};
use crate::settings::Settings;

/// What a relay begins with.
struct Prepared {
    settings: Settings,
    listeners: Vec<ListenerConfig>,
    /// Definitions whose files may change.
    followed: Vec<Followed>,
    /// Files that extend definitions, for people.
    extensions: String,
    /// What is said once it listens on these addresses.
    banner: Banner,
    /// Where a configuration says what is listened on.
    places: Option<Places>,
}

/// What is said once midwire listens, of the addresses.
type Banner = Box<dyn Fn(&[SocketAddr]) -> String>;

/// Runs `midwire proxy`.
pub(crate) fn run(args: &args::Proxy) -> anyhow::Result<ExitCode> {
    log::begin(args.log.as_deref())?;
    let Prepared { settings, listeners, followed, extensions, banner, places } = prepare(args)?;
    let account = args.account.as_deref().map(|name| Account::open(name, &settings)).transpose()?;
    let account = account.map(|(account, warnings)| {
        warnings.iter().for_each(|warning| say(warning));
        account
    });
    let metrics_at = args.metrics.as_deref().map(metrics::address).transpose()?;
    let metrics = metrics_at.is_some().then(Arc::<Metrics>::default);
    let filters = match &args.filter {
        Some(source) => {
            match Filters::new("-Y", source, protocols(&followed), settings.definition) {
                Ok(filters) => Some(filters),
                Err(wrong) => {
                    say(&wrong);
                    return Ok(ExitCode::from(USAGE));
                }
            }
        }
        None => None,
    };
    let name = args.protocol.as_deref().unwrap_or("auto");
    let routes = listeners.iter().flat_map(|listener| listener.service.routes());
    let keep = |source: &str| {
        let filters = Filters::new("--keep", source, protocols(&followed), settings.definition);
        filters.map_err(usage)
    };
    let room = settings.relay.record_max;
    let (recordings, recording) = Recordings::open(&args.recording, name, room, routes, keep)?;
    let has_cipher = |followed: &Followed| {
        let setup = followed.setups.borrow();
        setup.protocol().stack.cipher && setup.options().encryption.is_some()
    };
    if followed.iter().any(has_cipher) {
        encryption::make_key();
    }
    let style = Style::of_stdout();
    let newest: Vec<_> = followed.iter().map(|followed| followed.setups.subscribe()).collect();
    let config = RelayConfig {
        listeners,
        watch: if args.view.quiet { Watch::Nothing } else { Watch::Packets },
        watch_raw: if shows_bytes(&args.view) { Watch::Packets } else { Watch::Nothing },
        limits: settings.relay,
        metrics: metrics.clone(),
        account,
    };
    let when_full =
        if style.is_terminal && !args.view.json { WhenFull::Drop } else { WhenFull::Wait };
    let (events, shown) = queue(settings.relay.events_max, when_full);
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let view = print::view(&args.view, style, settings.definition, recordings.clone());
    let view = match filters {
        Some(filters) => Box::new(print::Filtered::new(view, filters)),
        None => view,
    };
    let printer = print::spawn(view, shown, stop.clone())?;
    recordings.start(&events).context("cannot start to record")?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the relay")?;
    let kept = recordings.clone();
    end_on_signals(stop, move || kept.finish_within(RECORD_WAIT))?;
    let relayed = runtime.block_on(async {
        let watched = metrics_at.zip(metrics).map(|(address, metrics)| {
            (address, Told { metrics, losses: events.losses(), recordings: recordings.clone() })
        });
        let watched = match watched {
            Some((address, told)) => Some(
                metrics::Server::bind(address, told)
                    .await
                    .map_err(|error| BindError::Metrics(address, error))?,
            ),
            None => None,
        };
        if let Some(account) = config.account.as_ref().filter(|account| !account.checks_clients()) {
            // Who connects plays as the account, whoever it is.
            let profile =
                account.check().await.map_err(|error| BindError::Account(error.into()))?;
            encryption::play_as(profile.name);
        }
        let relay = Relay::bind(config, events.clone()).await?;
        say(&banner(relay.addresses()));
        if let Some(server) = watched {
            if let Ok(address) = server.address() {
                say(&metrics_banner(address));
            }
            tokio::spawn(server.run());
        }
        if !extensions.is_empty() {
            say(&extensions);
        }
        if !recording.is_empty() {
            say(&recording);
        }
        for Followed { lookup, version, rules, setups } in followed {
            if let Some((_, read)) = &rules {
                say(&rules_of(read));
            }
            let rules = rules.map(|(files, read)| (files, read.files));
            let follow =
                Follow { lookup, version, rules, setups, events: events.clone(), say: args.say };
            tokio::spawn(follow.run());
        }
        drop(events);
        Ok::<Totals, BindError>(relay.run(stopped).await)
    });
    // Sessions that did not end in time hold on to the printer's queue; they go with the runtime.
    runtime.shutdown_background();
    let (recorded, is_recorded) = recordings.finish();
    let printed = printer.join();
    if relayed.is_err() {
        recordings.discard();
    }
    let totals = relayed.map_err(|error| cannot_begin(&error, places.as_ref()))?;
    say(&summary(&totals));
    if !recorded.is_empty() {
        say(&recorded);
    }
    for setup in newest {
        if let Some(rules) = &setup.borrow().options().rules {
            say(&rules::summary(rules));
        }
    }
    match printed {
        Ok(printed) => printed?,
        Err(_) => anyhow::bail!("the printer has failed"),
    }
    Ok(if is_recorded { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// The protocols of a run, with the versions that were typed for them.
fn protocols(
    followed: &[Followed],
) -> impl Iterator<Item = (Arc<Protocol>, Option<VersionId>)> + '_ {
    followed.iter().map(|followed| {
        let setup = followed.setups.borrow();
        (setup.protocol().clone(), setup.options().version)
    })
}

/// Why midwire does not begin, where that is said, and how to put it right.
fn cannot_begin(error: &BindError, places: Option<&Places>) -> anyhow::Error {
    let text = match places.and_then(|places| Some((places.file(), places.render(error)?))) {
        Some((file, shown)) => {
            say_styled(&shown);
            format!("{file}: {error}")
        }
        None => match error.remedy(|address| format!("--listen {address}")) {
            Some(remedy) => format!("{error}; {remedy}"),
            None => error.to_string(),
        },
    };
    match error {
        BindError::Itself { .. } => usage(text),
        BindError::Listen(..) | BindError::Metrics(..) | BindError::Account(_) => {
            anyhow::anyhow!(text)
        }
    }
}

/// The rules that were named; what is wrong with them ends the program.
fn read_rules(files: &RuleFiles, protocol: &Arc<Protocol>) -> anyhow::Result<rules::Read> {
    match files.read(protocol, None, print::style::stderr_is_colored()) {
        Ok(read) => {
            if !read.warnings.is_empty() {
                say_styled(&read.warnings);
            }
            Ok(read)
        }
        Err(broken) => {
            say_styled(&broken.shown);
            Err(usage(format!("the rules cannot be used: {}", broken.first)))
        }
    }
}

/// How many rules there are and where they stand, for the banner.
fn rules_of(read: &rules::Read) -> String {
    let count = read.rules.set().rules().len();
    let files: Vec<_> = read.files.iter().map(|file| file.display().to_string()).collect();
    let plural = if count == 1 { "" } else { "s" };
    match files.is_empty() {
        true => "no rules yet".to_owned(),
        false => format!("{count} rule{plural} from {}", files.join(", ")),
    }
}

/// Whether bytes without packets are shown. They say little to people, and going past the session they cost
/// half as much; they are counted all the same.
fn shows_bytes(view: &args::View) -> bool {
    view.json || view.hex || view.all
}

fn prepare(args: &args::Proxy) -> anyhow::Result<Prepared> {
    let name = rfb::canonical(args.protocol.as_deref().unwrap_or("auto"));
    if let Some(file) = &args.config {
        let in_file = [
            ("a protocol", name != "auto"),
            ("--to", args.to.is_some()),
            ("--listen", args.listen.is_some()),
            ("--keep-host", args.keep_host),
            ("--protocol-version", args.protocol_version.is_some()),
            ("--client-password-file", args.client_password_file.is_some()),
            ("--server-password-file", args.server_password_file.is_some()),
        ];
        if let Some((what, _)) = in_file.iter().find(|(_, given)| *given) {
            return Err(usage(format!("{what}: with --config that is said in the file")));
        }
        return prepare_config(args, file);
    }
    let Some(to) = args.to.as_deref() else {
        return Err(usage("which server? midwire proxy PROTOCOL --to HOST[:PORT]"));
    };
    if name == "auto" { prepare_auto(args, to) } else { prepare_one(args, name, to) }
}

fn settings(args: &args::Proxy) -> anyhow::Result<Settings> {
    with_args(Settings::default(), args)
}

/// These settings with what was typed on top.
fn with_args(settings: Settings, args: &args::Proxy) -> anyhow::Result<Settings> {
    let mut settings = settings.with_args(&args.set)?;
    if let Some(reads) = args.encryption {
        settings.encryption = reads;
    }
    settings.has_account = args.account.is_some();
    Ok(settings)
}

/// One protocol and one server.
fn prepare_one(args: &args::Proxy, name: &str, to_text: &str) -> anyhow::Result<Prepared> {
    let settings = settings(args)?;
    let lookup = Lookup::new(name, &args.definitions.defs)?;
    let protocol = lookup.read()?;
    let is_rfb = name == rfb::NAME;
    if is_rfb {
        rfb::check_displays(Some(to_text), args.listen.as_deref())?;
    }
    let to = to(to_text, protocol.port, &protocol.name)?;
    let wanted = listen(args.listen.as_deref(), protocol.port.unwrap_or(0))?;
    let passwords = rfb::Passwords::given(args, is_rfb)?;
    let version_text = args.protocol_version.clone();
    let version =
        version_text.as_deref().map(|text| protocols::version(&protocol, text)).transpose()?;
    let rule_files = RuleFiles::new(&args.rules)?;
    let read = rule_files.as_ref().map(|files| read_rules(files, &protocol)).transpose()?;
    let options = Options {
        announcement: None,
        rules: read.as_ref().map(|read| read.rules.clone()),
        trust_version: args.trust_version,
        limits: settings.session,
        version,
        start: if is_rfb { protocol.state_named(rfb::START) } else { None },
        rewrite_host: rewrite(&to, args.keep_host),
        on_lost_framing: settings.on_lost_framing,
        encryption: settings.encryption(),
        transfer_to: settings.transfer.clone(),
        cipher_keys: Arc::default(),
    };
    let (setups, setup) = watch::channel(Setup::new(protocol.clone(), options));
    let route = Arc::new(Route::new(to, setup));
    let service = match passwords {
        Some(passwords) => passwords.service(route, wanted, &settings.relay)?,
        None => Service::Route(route),
    };
    let may_move = args.listen.is_none();
    let extensions = extended_by(&lookup);
    let shown = to_text.to_owned();
    Ok(Prepared {
        settings,
        listeners: vec![ListenerConfig { listen: wanted, may_move, service }],
        followed: vec![Followed {
            lookup,
            version: version_text,
            rules: rule_files.zip(read),
            setups,
        }],
        extensions,
        banner: Box::new(move |addresses| match addresses {
            [address, ..] => banner(*address, wanted, &protocol, &shown),
            [] => String::new(),
        }),
        places: None,
    })
}

/// One server, and a protocol for each client by its first bytes.
fn prepare_auto(args: &args::Proxy, to_text: &str) -> anyhow::Result<Prepared> {
    if args.protocol_version.is_some() {
        return Err(usage("--protocol-version: name the protocol that it is of"));
    }
    if !args.rules.is_empty() {
        return Err(usage(
            "--rules: they are of one protocol; name it, or say rules = \"..\" in a route of --config",
        ));
    }
    let settings = settings(args)?;
    let to = to(to_text, None, "auto")?;
    let wanted = listen(args.listen.as_deref(), to.port)?;
    let place = (wanted, args.listen.is_none());
    let built = config::auto(&to, args.keep_host, place, &settings, &args.definitions.defs)?;
    let shown = to_text.to_owned();
    let Built { listeners, followed, routes } = built;
    let told = routes.concat().join(", ");
    Ok(Prepared {
        settings,
        listeners,
        followed,
        extensions: String::new(),
        banner: Box::new(move |addresses| match addresses {
            [address, ..] => {
                let moved = moved(*address, wanted);
                format!(
                    "listening on {address}\n{moved}told by their first bytes: {told}. All go to {shown}. \
                     ctrl-c ends\n{}",
                    reached_by_others(*address)
                )
            }
            [] => String::new(),
        }),
        places: None,
    })
}

/// What a configuration says.
fn prepare_config(args: &args::Proxy, file: &std::path::Path) -> anyhow::Result<Prepared> {
    let config = config::read(file)?;
    let settings = with_args(config.settings.clone(), args)?;
    let Built { listeners, followed, routes } = config.build(&settings, &args.definitions.defs)?;
    Ok(Prepared {
        settings,
        listeners,
        followed,
        extensions: String::new(),
        banner: Box::new(move |addresses| {
            let mut text = String::new();
            for (address, routes) in addresses.iter().zip(&routes) {
                text.push_str(&format!("listening on {address}: {}\n", routes.join(", ")));
                text.push_str(reached_by_others(*address));
            }
            text.push_str("ctrl-c ends\n");
            text
        }),
        places: Some(config.into_places()),
    })
}

/// The server that was typed.
pub(crate) fn to(text: &str, usual: Option<u16>, protocol: &str) -> anyhow::Result<Target> {
    let text = text.trim();
    config::target(text, usual, protocol).map_err(|what| usage(format!("--to {text}: {what}")))
}

/// Where to listen: loopback, and the usual port, unless something else was typed.
pub(crate) fn listen(text: Option<&str>, usual: u16) -> anyhow::Result<SocketAddr> {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, usual));
    let Some(text) = text else { return Ok(default) };
    config::listen_address(text).ok_or_else(|| {
        usage(format!(
            "--listen {text}: write it as ADDRESS:PORT, such as {default}, or 0.0.0.0:{usual} to be \
             reached from other machines"
        ))
    })
}

/// What the handshake is to say instead: a server's name, but no address.
pub(crate) fn rewrite(to: &Target, keep: bool) -> Option<HostRewrite> {
    let is_name = to.host.parse::<std::net::IpAddr>().is_err();
    let host = to.host.trim_end_matches('.').into();
    (is_name && !keep).then_some(HostRewrite { host, port: to.port })
}

fn banner(address: SocketAddr, wanted: SocketAddr, protocol: &Protocol, to: &str) -> String {
    let mut text = format!("listening on {address}\n");
    text.push_str(&moved(address, wanted));
    if protocol.stack.framing.is_some() || protocol.is_frameless() {
        let usual = protocol.port == Some(address.port());
        let typed = if usual { address.ip().to_string() } else { address.to_string() };
        let typed = typed.replace("0.0.0.0", "this machine's address");
        let (typed, into) = match &protocol.name[..] {
            rfb::NAME => (rfb::display(&typed, address.port()), "viewer"),
            _ => (typed, "game"),
        };
        text.push_str(&format!(
            "{}: type {typed} into the {into}; it reaches {}. ctrl-c ends\n",
            protocol.title, to
        ));
    }
    text.push_str(reached_by_others(address));
    text
}

/// That the usual port is another program's, if so.
fn moved(address: SocketAddr, wanted: SocketAddr) -> String {
    match wanted.port() != 0 && address.port() != wanted.port() {
        true => format!("port {} is another program's, or the server's\n", wanted.port()),
        false => String::new(),
    }
}

/// Who else can connect, if anybody.
fn reached_by_others(address: SocketAddr) -> &'static str {
    match address.ip().is_loopback() {
        true => "",
        false => "other machines can connect to this address\n",
    }
}

fn metrics_banner(address: SocketAddr) -> String {
    let mut text = format!("metrics on http://{address}/metrics\n");
    if !address.ip().is_loopback() {
        text.push_str("other machines can read the metrics\n");
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

/// How long a program that is to end at once writes what it has to record.
const RECORD_WAIT: Duration = Duration::from_secs(5);

/// The first ctrl-c ends the program in order, the second at once, but for what `at_last` still does. They have
/// a thread of their own: when the relay has ended, what it said may still wait for somebody to read it.
pub(crate) fn end_on_signals(
    stop: Arc<watch::Sender<bool>>,
    at_last: impl FnOnce() + Send + 'static,
) -> anyhow::Result<()> {
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
        at_last();
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
        // A file that reaches the limit of files' sizes then is a write that fails, and not the program's end.
        let too_large = rustix::process::Signal::XFSZ.as_raw();
        drop(signal(SignalKind::from_raw(too_large))?);
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

    #[test]
    fn only_names_are_put_into_handshakes() {
        let to = |host: &str| Target { host: host.into(), port: 7, service: None };
        assert_eq!(rewrite(&to("10.0.0.1"), false), None);
        assert_eq!(rewrite(&to("::1"), false), None);
        assert_eq!(rewrite(&to("example.org"), true), None);
        let rewrite = rewrite(&to("example.org."), false).unwrap();
        assert_eq!((&*rewrite.host, rewrite.port), ("example.org", 7));
    }
}
