//! `midwire doctor`: looks at all that has to be right before a game can be played through midwire, and
//! says what is not.

mod ping;
mod port;
mod report;
mod server;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_definition::Protocol;

use self::ping::Game;
use self::port::Listen;
use self::report::{Finding, Report};
use crate::args;
use crate::error::{NO, usage};
use crate::names::Names;
use crate::protocols::{self, Lookup};
use crate::proxy::{listen, to as target};
use crate::relay::Target;
use crate::rfb;
use crate::settings::Settings;

/// Where RFB's first display listens.
const RFB_PORT: u16 = 5900;

/// Runs `midwire doctor`.
pub(crate) fn run(args: &args::Doctor) -> anyhow::Result<ExitCode> {
    let settings = Settings::from_args(&args.set)?;
    let wanted = args.protocol.as_deref().map(|name| Wanted::named(name, args)).transpose()?;
    let is_rfb = wanted.as_ref().is_some_and(|wanted| wanted.game == Game::Rfb);
    if is_rfb {
        rfb::check_displays(args.to.as_deref(), args.listen.as_deref())?;
    }
    let mut report = Report::new(args.json);
    definitions(args, &mut report)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot look at the network")?;
    let names = Names::new(settings.relay.dns, settings.relay.dns_timeout);
    let limit = settings.relay.connect_timeout;
    let (wanted, server) = match &args.to {
        None => (wanted, None),
        Some(to) => {
            let choices = match wanted {
                Some(wanted) => vec![wanted],
                None => Wanted::guesses(to, args)?,
            };
            let found = runtime.block_on(server::look(to, choices, &names, limit, &mut report))?;
            (found.wanted, Some(found.addresses))
        }
    };
    let raw = protocols::find("raw", &[])?;
    let protocol = wanted.as_ref().map_or(&raw, |wanted| &wanted.protocol);
    let port = wanted.as_ref().and_then(|wanted| wanted.port);
    if port.is_none() && args.listen.is_none() {
        report.tell(Finding::note("port", "midwire takes any free one; --listen chooses it"))?;
        return end(report, args, None, None);
    }
    let mut address = listen(args.listen.as_deref(), protocol.port.unwrap_or(0))?;
    if let Some(port) = port.filter(|_| args.listen.is_none()) {
        address.set_port(port);
    }
    let usual = port;
    let servers = server.as_deref().unwrap_or_default();
    let listen = Listen { address, may_move: args.listen.is_none(), servers };
    let free = listen.look(&mut report)?;
    end(report, args, free.map(|address| (address, usual)), wanted.as_ref())
}

/// Says what to type into the game, and whether all is well.
fn end(
    mut report: Report,
    args: &args::Doctor,
    free: Option<(SocketAddr, Option<u16>)>,
    wanted: Option<&Wanted>,
) -> anyhow::Result<ExitCode> {
    let title = wanted.map_or("the game", |wanted| &*wanted.title);
    if let Some((address, usual)) = free {
        let near = own_address().filter(|ip| !ip.is_loopback());
        let ip = match (address.ip(), near) {
            (ip, Some(near)) if ip.is_unspecified() => near,
            (ip, None) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            (ip, _) => ip,
        };
        let typed = |ip: IpAddr| {
            if usual == Some(address.port()) && !ip.is_ipv6() {
                ip.to_string()
            } else {
                SocketAddr::new(ip, address.port()).to_string()
            }
        };
        let text = format!("type {} into {title}", typed(ip));
        report.tell(Finding::good("address", text).with("address", typed(ip)))?;
        if let Some(near) = near.filter(|_| address.ip().is_loopback()) {
            let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            // Nobody is to see a desktop without a password.
            let is_rfb = wanted.is_some_and(|wanted| wanted.game == Game::Rfb);
            let password = if is_rfb { " --client-password-file FILE" } else { "" };
            let text = format!(
                "from another device of your network: midwire proxy .. --listen {all}{password}, and \
                 type {}",
                typed(near)
            );
            report.tell(Finding::note("address", text).with("address", typed(near)))?;
        }
    }
    if args.to.is_none() {
        report.tell(Finding::note("server", "--to HOST looks at the server as well"))?;
    }
    let is_well = report.end()?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// A protocol that is looked for.
#[derive(Clone, Debug)]
struct Wanted {
    game: Game,
    title: String,
    protocol: Arc<Protocol>,
    /// Its usual port.
    port: Option<u16>,
}

impl Wanted {
    fn named(name: &str, args: &args::Doctor) -> anyhow::Result<Self> {
        if rfb::canonical(name) == rfb::NAME {
            // Its server says all that is looked at, whatever the definition.
            let protocol = protocols::find("raw", &[])?;
            let title = "the VNC viewer".to_owned();
            return Ok(Self { game: Game::Rfb, title, protocol, port: Some(RFB_PORT) });
        }
        let protocol = Lookup::new(name, &args.definitions.defs)?.read()?;
        let game = match &*protocol.name {
            "minecraft" => Game::Minecraft,
            "terraria" => Game::Terraria,
            _ => Game::Other,
        };
        let (title, port) = (protocol.title.to_string(), protocol.port);
        Ok(Self { game, title, protocol, port })
    }

    /// What a server may be, the likely first: by its port, where one was typed.
    fn guesses(to: &str, args: &args::Doctor) -> anyhow::Result<Vec<Self>> {
        let raw = protocols::find("raw", &[])?;
        let typed = target(to, raw.port, &raw.name).ok().map(|target| target.port);
        let mut names = vec!["minecraft", "terraria", rfb::NAME];
        let likely = match typed {
            Some(7777) => 1,
            Some(5900..=5999) => 2,
            _ => 0,
        };
        names.swap(0, likely);
        names.into_iter().map(|name| Self::named(name, args)).collect()
    }

    /// The server, as it was typed.
    fn target(&self, to: &str) -> anyhow::Result<Target> {
        match (target(to, self.protocol.port, &self.protocol.name), self.port) {
            (Err(_), Some(port)) if self.protocol.port.is_none() => {
                target(&format!("{to}:{port}"), self.protocol.port, &self.protocol.name)
            }
            (target, _) => target,
        }
    }
}

/// Whether the definitions of the user's own can be read.
fn definitions(args: &args::Doctor, report: &mut Report) -> anyhow::Result<()> {
    for folder in protocols::folders(&args.definitions.defs) {
        if !folder.is_dir() {
            return Err(usage(format!("--defs {}: there is no such folder", folder.display())));
        }
        let files = protocols::files(&folder);
        let mut bad = 0;
        for file in &files {
            let read = Lookup::of_file(file).and_then(|lookup| lookup.read());
            if let Err(error) = read {
                bad += 1;
                report.tell(Finding::bad("definitions", format!("{error:#}")))?;
            }
        }
        if bad == 0 {
            let text = match files.len() {
                0 => format!("{} holds none", folder.display()),
                1 => format!("the one in {} can be read", folder.display()),
                n => format!("all {n} in {} can be read", folder.display()),
            };
            report.tell(Finding::good("definitions", text))?;
        }
    }
    Ok(())
}

/// The address by which other machines know this one. No packet leaves for this.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation: only the way to it is asked for.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
