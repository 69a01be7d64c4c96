//! What can be typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Stands between a game and its server, and shows what they say to each other.
#[derive(Debug, Parser)]
#[command(
    name = "midwire",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 input or output failed."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Relay a game's connections to its server, and list every packet
    Proxy(Proxy),
}

/// `midwire proxy`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Proxy {
    /// minecraft, terraria, raw (bytes without meaning), or a .wire file
    pub(crate) protocol: String,
    /// The server: a name or an address; the port may be left out where the protocol has one. SRV
    /// records are not looked up
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) to: String,
    /// Where the game connects to; port 0 takes any free one [default: 127.0.0.1 and the protocol's port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// Leave the server's name in the handshake as the game typed it
    #[arg(long)]
    pub(crate) keep_host: bool,
    #[command(flatten)]
    pub(crate) view: View,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    /// Raise a limit or choose a behaviour; an unknown name lists them all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Read every session with this version, whatever it says itself: 769 or 1.21.4
    #[arg(long, value_name = "VERSION")]
    pub(crate) protocol_version: Option<String>,
    /// Not there yet
    #[arg(short = 'w', long = "write", value_name = "FILE", hide = true)]
    pub(crate) write: Option<PathBuf>,
    /// Not there yet
    #[arg(short = 'Y', long = "filter", value_name = "FILTER", hide = true)]
    pub(crate) filter: Option<String>,
    /// Not there yet
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) rules: Vec<PathBuf>,
    /// Not there yet
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) config: Option<PathBuf>,
}

/// What is shown, and how.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct View {
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Add each packet's bytes, its fields marked
    #[arg(short = 'x', long = "hex", conflicts_with = "json")]
    pub(crate) hex: bool,
    /// Only say what is wrong
    #[arg(short = 'q', long = "quiet", conflicts_with_all = ["json", "hex"])]
    pub(crate) quiet: bool,
    /// On a terminal: a line for every packet, however many are alike
    #[arg(long)]
    pub(crate) all: bool,
}

/// Where definitions come from.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Definitions {
    /// A folder of definitions: NAME.wire in it is taken instead of the built-in NAME
    #[arg(long, value_name = "DIR")]
    pub(crate) defs: Vec<PathBuf>,
}
