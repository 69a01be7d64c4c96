//! What can be typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::encryption::Reads;
use crate::hex_text;

/// Stands between a game and its server, and shows what they say to each other.
#[derive(Debug, Parser)]
#[command(
    name = "midwire",
    version,
    after_help = "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 input or output failed."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Relay a game's connections to its server, and list every packet
    Proxy(Box<Proxy>),
    /// Show recorded sessions: midwire's own captures, and those of tcpdump and Wireshark
    Read(Box<Read>),
    /// Explain the bytes of packets, from hex in any common form
    Decode(Decode),
    /// Make packets: JSON on stdin, hex on stdout
    Encode(Encode),
    /// Check definitions and rules, and run the tests in definitions
    Check(Check),
    /// Put definitions into the usual form
    Fmt(Fmt),
    /// Try rules on what was recorded
    Rules(Rules),
    /// List what can be written in filters: fields, groups, the envelope
    Fields(Fields),
    /// List and show definitions
    Defs(Defs),
    /// Look at all that has to be right: the port, the server, its game, definitions
    Doctor(Doctor),
    /// Log in with Microsoft for servers that ask who plays; list and remove logins
    Account(Account),
    /// Play a recorded game through a real midwire on this machine: nothing else is needed
    Demo,
}

/// `midwire proxy`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Proxy {
    /// minecraft, terraria, rfb (VNC), amp, raw (bytes without meaning), or a .wire file; auto: by each
    /// client's first bytes
    #[arg(required_unless_present = "config")]
    pub(crate) protocol: Option<String>,
    /// The server: a name or an address; the port may be left out where the protocol has one. A
    /// Minecraft name without a port leads where its SRV records say
    #[arg(long, value_name = "HOST[:PORT]", required_unless_present = "config")]
    pub(crate) to: Option<String>,
    /// Where the game connects to; port 0 takes any free one [default: 127.0.0.1 and the protocol's port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// rfb: the password that VNC clients have to give, in a file; or in MIDWIRE_CLIENT_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub(crate) client_password_file: Option<PathBuf>,
    /// rfb: the password that the VNC server wants, in a file; or in MIDWIRE_SERVER_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub(crate) server_password_file: Option<PathBuf>,
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
    /// Encrypted sessions: auto reads those that midwire can stand in the middle of (the server does not ask
    /// who the client is), and passes the ciphertext of others on; pass reads none; read stands in the middle of
    /// all, though a server that checks who the client is refuses it
    #[arg(long, value_name = "auto|pass|read", value_parser = reads)]
    pub(crate) encryption: Option<Reads>,
    /// Play with this account where a server asks who the client is, so that its sessions can be read; `midwire
    /// account add` logs one in
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Tell what midwire counts as Prometheus reads it, at http://ADDRESS/metrics; a port alone is one on
    /// loopback
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    pub(crate) metrics: Option<String>,
    /// Log what goes on inside, on stderr: error, warn, info, debug, or midwire=LEVEL. The variable
    /// MIDWIRE_LOG says the same
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    #[command(flatten)]
    pub(crate) recording: Record,
    /// List only packets that match, as in 'update_health.health < 5'; `midwire fields` lists what can be
    /// written. Everything is relayed all the same
    #[arg(short = 'Y', long = "filter", value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Rules that change, drop, delay, send or mark packets; a folder stands for the .rules files in it,
    /// in order of name. They are followed: what is saved counts from the next packet on
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(crate) rules: Vec<PathBuf>,
    /// Let rules act in sessions whose version is not listed too, where they otherwise only watch and
    /// count
    #[arg(long)]
    pub(crate) trust_version: bool,
    /// Tell players in the game's chat when a saved rule file is wrong, and when it is right again
    #[arg(long)]
    pub(crate) say: bool,
    /// Listeners, and routes by first bytes, from a file; see docs/routes.md
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Whether all that passes is recorded, and how.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Record {
    /// Record all that passes into this file, which Wireshark opens; what is in it stays. See docs/captures.md
    #[arg(short = 'w', long = "write", value_name = "FILE", conflicts_with = "record")]
    pub(crate) write: Option<PathBuf>,
    /// Record into a new file, named by time and protocol, in midwire/captures of your data folder
    #[arg(long)]
    pub(crate) record: bool,
    /// Go on in a new file: filesize:KB, duration:SECONDS; files:N leaves the last so many. Each file's name has
    /// its number and time
    #[arg(short = 'b', value_name = "NAME:NUMBER")]
    pub(crate) rotate: Vec<String>,
    /// Compress files with gzip when others follow them
    #[arg(long)]
    pub(crate) compress: bool,
    /// When the system is told to put what was written on the disk itself
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) sync: crate::record::Sync,
    /// Record only packets that match, as in 'group:chat'. Bytes that are not cut into packets are always recorded
    #[arg(long, value_name = "FILTER")]
    pub(crate) keep: Option<String>,
    /// Record passwords and keys as they are; without it stars stand in their place
    #[arg(long)]
    pub(crate) record_secrets: bool,
}

impl Record {
    /// Whether anything is said about how to record.
    pub(crate) fn says_how(&self) -> bool {
        !self.rotate.is_empty()
            || self.compress
            || self.sync != crate::record::Sync::default()
            || self.keep.is_some()
            || self.record_secrets
    }
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
    /// Add each packet's fields as a tree, and its bytes in their colours
    #[arg(short = 'V', long = "tree", conflicts_with_all = ["json", "hex"])]
    pub(crate) tree: bool,
    /// Only say what is wrong
    #[arg(short = 'q', long = "quiet", conflicts_with_all = ["json", "hex", "tree"])]
    pub(crate) quiet: bool,
    /// On a terminal: a line for every packet, however many are alike
    #[arg(long)]
    pub(crate) all: bool,
}

/// Where definitions come from.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Definitions {
    /// A folder of definitions: NAME.wire in it is taken instead of the built-in NAME, and files that
    /// begin with `extend NAME` add to it. The folder midwire/defs of your configuration is one as well
    #[arg(long, value_name = "DIR")]
    pub(crate) defs: Vec<PathBuf>,
}

/// `midwire read`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit codes: 0 done, 1 something in the file is damaged, or there is no packet N, 2 wrong \
                  usage, 3 the file cannot be read."
)]
pub(crate) struct Read {
    /// pcapng or pcap, packed with gzip or not; standard input where it is left out, or -
    pub(crate) files: Vec<PathBuf>,
    /// The same
    #[arg(short = 'r', long = "read", value_name = "FILE")]
    pub(crate) read: Vec<PathBuf>,
    /// Show only packets that match, as in 'update_health.health < 5'; `midwire fields` lists what can be
    /// written
    #[arg(short = 'Y', long = "filter", value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Add each packet's bytes, its fields marked
    #[arg(short = 'x', long = "hex", conflicts_with = "json")]
    pub(crate) hex: bool,
    /// Add each packet's fields, each with the bytes that it comes from
    #[arg(short = 'V', long = "tree", conflicts_with = "json")]
    pub(crate) tree: bool,
    /// One JSON object a line; with --stats for each kind of packet
    #[arg(long)]
    pub(crate) json: bool,
    /// Show these fields of each packet with commas between them: time,name,window_click.slot
    #[arg(long, value_name = "FIELDS", conflicts_with_all = ["json", "hex", "tree", "tsv", "stats"])]
    pub(crate) csv: Option<String>,
    /// The same with tabs
    #[arg(long, value_name = "FIELDS", conflicts_with_all = ["json", "hex", "tree", "stats"])]
    pub(crate) tsv: Option<String>,
    /// Stop after so many packets that are shown
    #[arg(short = 'c', long = "count", value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Count packets: a line for each kind, with bytes, rates, sizes, the first and the last
    #[arg(long, conflicts_with_all = ["hex", "tree"])]
    pub(crate) stats: bool,
    /// From when on packets are shown: seconds into the capture, a time of day in UTC (16:05), or a date with
    /// it (2026-11-22T16:05:07Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before when
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Only the Nth packet of all, in full
    #[arg(long, value_name = "N", conflicts_with_all = ["count", "stats", "follow"])]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) packet: Option<u64>,
    /// Neither use nor make the index beside a large file (FILE.mwix) that makes --packet fast
    #[arg(long)]
    pub(crate) no_index: bool,
    /// Go on as the file grows, or is replaced by a new one
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) with: ReadWith,
    /// Raise a limit; an unknown name lists them all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// How what was recorded is read.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ReadWith {
    /// minecraft, terraria, amp, rfb, raw, or a .wire file [default: as the recording says; by port and
    /// first bytes]
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) protocol: Option<String>,
    /// Read every session with this version, whatever it says itself: 769 or 1.21.4
    #[arg(long, value_name = "VERSION")]
    pub(crate) protocol_version: Option<String>,
    /// Read only streams to this port, whatever they begin with
    #[arg(long, value_name = "N")]
    pub(crate) port: Vec<u16>,
    #[command(flatten)]
    pub(crate) keys: Keys,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
}

/// Keys of sessions that are encrypted.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Keys {
    /// The key of an encrypted session, as 32 hex digits
    #[arg(long, value_name = "HEX")]
    pub(crate) key: Vec<String>,
    /// Keys in a file, in whatever form has them as 32 hex digits; which one is a session's shows itself
    #[arg(long, value_name = "FILE")]
    pub(crate) keylog: Vec<PathBuf>,
}

/// `midwire decode`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Decode {
    /// A file with hex text (or the bytes themselves); standard input where it is left out, or -
    #[arg(conflicts_with = "hex")]
    pub(crate) file: Option<PathBuf>,
    /// The hex text itself
    #[arg(long, value_name = "TEXT")]
    pub(crate) hex: Option<String>,
    /// How the bytes are written, where that can be taken for something else
    #[arg(long = "as", value_name = "FORM")]
    pub(crate) form: Option<hex_text::Form>,
    /// List what the bytes may be: every protocol, version, state and direction in which they can be read, how
    /// much of them is explained, and why. With --json an object a line
    #[arg(long)]
    pub(crate) guess: bool,
    /// Leave nothing out: all elements of lists, all bytes, all of long texts
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) packet: Packet,
    /// Packet id and fields without a frame's length
    #[arg(long)]
    pub(crate) unframed: bool,
    /// Each line is for itself, such as one packet of many; blank lines are skipped. With --unframed and --json
    /// there is a line of output for each, in order, also for one that is no packet
    #[arg(long)]
    pub(crate) lines: bool,
    /// One JSON object a line; what could not be read is in "error" and "rest"
    #[arg(long)]
    pub(crate) json: bool,
    /// Show only packets that match, as in 'update_health.health < 5'
    #[arg(short = 'Y', long = "filter", value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// With --json: what bytes hold, such as the sections of a chunk, is in "opened" and "opened_errors"
    #[arg(long, requires = "json")]
    pub(crate) open: bool,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    /// Raise a limit; an unknown name lists them all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Which packets are meant; what is left out is guessed, where that is possible.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Packet {
    /// minecraft, terraria, amp, or a .wire file
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) protocol: Option<String>,
    /// The protocol state: handshake, play
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// serverbound or clientbound
    #[arg(long)]
    pub(crate) direction: Option<String>,
    /// The version: 769 or 1.21.4
    #[arg(long, value_name = "VERSION")]
    pub(crate) protocol_version: Option<String>,
}

/// `midwire encode`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Encode {
    /// The packet's name. Without it standard input has packets as `decode --json` prints them, a line each
    pub(crate) name: Option<String>,
    /// How the bytes are written
    #[arg(long = "as", value_name = "FORM", default_value = "hex", conflicts_with = "lines")]
    pub(crate) form: WrittenAs,
    /// Frames as they are once compression is on: what is not shorter than so many bytes is compressed
    #[arg(long, value_name = "BYTES", conflicts_with = "unframed")]
    pub(crate) threshold: Option<u32>,
    /// With a frame's length in front, which is how it is unless --unframed is said
    #[arg(long, conflicts_with = "unframed")]
    pub(crate) framed: bool,
    #[command(flatten)]
    pub(crate) packet: Packet,
    /// Packet id and fields without a frame's length
    #[arg(long)]
    pub(crate) unframed: bool,
    /// Each line is a packet: {"name":"set_slot","fields":{...}}, with "state", "direction" and "version" where
    /// they differ from the options. What `decode --json` prints is such a line. Prints a line of hex for each, or
    /// `error: ...`; the exit code is then 1
    #[arg(long)]
    pub(crate) lines: bool,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
}

/// How bytes are written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WrittenAs {
    /// Hex digits, a line for each packet
    Hex,
    /// A dump with offsets and characters
    Xxd,
    /// An array of C
    C,
    /// Base64, a line for each packet
    Base64,
    /// The bytes themselves
    Raw,
}

/// `midwire check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// Definitions (.wire) and rules (.rules)
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// List what is opaque, and what no test reads, with the versions
    #[arg(long)]
    pub(crate) coverage: bool,
    /// What the rules are for, where they do not say it (`for minecraft`): minecraft, terraria, or a .wire
    /// file
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) protocol: Option<String>,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
}

/// `midwire rules`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// What rules would have done to recorded sessions: hits, samples, what would have been changed
    Try(Box<RulesTry>),
}

/// `midwire rules try`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit codes: 0 done, 1 the rules have errors or the capture is damaged, 2 wrong usage, 3 \
                  a file cannot be read."
)]
pub(crate) struct RulesTry {
    /// Rules; a folder stands for the .rules files in it, in order of name
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub(crate) rules: Vec<PathBuf>,
    /// What was recorded, as for `midwire read`
    #[arg(long, value_name = "CAPTURE", required = true)]
    pub(crate) on: Vec<PathBuf>,
    /// So many packets are shown of each rule
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) samples: usize,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Let rules act in sessions whose version is not listed too
    #[arg(long)]
    pub(crate) trust_version: bool,
    #[command(flatten)]
    pub(crate) with: ReadWith,
    /// Raise a limit; an unknown name lists them all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `midwire fmt`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Fmt {
    /// Definitions (.wire); - formats standard input to standard output
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Change nothing; name the files that are not in the usual form (exit code 1 if there are any)
    #[arg(long)]
    pub(crate) check: bool,
}

/// `midwire fields`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Fields {
    /// minecraft, terraria, or a .wire file; without it: what every packet has
    pub(crate) protocol: Option<String>,
    /// A packet's name
    pub(crate) packet: Option<String>,
    /// The version: 769 or 1.21.4 [default: the newest]
    #[arg(long, value_name = "VERSION")]
    pub(crate) protocol_version: Option<String>,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
}

/// `midwire doctor`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit codes: 0 all is well, 1 something is wrong.")]
pub(crate) struct Doctor {
    /// minecraft, terraria, rfb, raw, or a .wire file; guessed where it is left out
    pub(crate) protocol: Option<String>,
    /// The server to look at: a name or an address, with or without a port
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) to: Option<String>,
    /// Where the game is to connect to [default: 127.0.0.1 and the protocol's port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    /// Raise a limit; an unknown name lists them all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `midwire account`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Account {
    #[command(subcommand)]
    pub(crate) command: AccountCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Log in with Microsoft: shows a code to enter in a browser. Again for a login that does not count any
    /// more
    Add(AccountAdd),
    /// The accounts that there are
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Forget an account
    Remove {
        /// What `midwire account list` calls it, or the player's name
        name: String,
    },
}

/// `midwire account add`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AccountAdd {
    /// What to call it [default: the player's name]
    pub(crate) name: Option<String>,
    /// account_client_id=ID is needed, see docs/accounts.md; an unknown name lists all that there are
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `midwire defs`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Defs {
    #[command(subcommand)]
    pub(crate) command: DefsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DefsCommand {
    /// The definitions that there are
    List {
        #[command(flatten)]
        definitions: Definitions,
    },
    /// Write a definition to begin with: NAME.wire, with comments and tests
    New {
        /// The protocol's name, or a path that ends in it: games/toy.wire
        name: String,
    },
    /// What a definition says: its packets, or one packet
    Show {
        /// minecraft, terraria, or a .wire file
        name: String,
        /// A packet's name
        packet: Option<String>,
        /// The version: 769 or 1.21.4 [default: the newest]
        #[arg(long, value_name = "VERSION")]
        protocol_version: Option<String>,
        #[command(flatten)]
        definitions: Definitions,
    },
    /// Make a definition of another tool's data
    Import {
        #[command(subcommand)]
        from: ImportFrom,
    },
}

/// What definitions can be made of.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// minecraft-data's protocol.json files: one definition with version gates
    Protodef(Protodef),
}

/// `midwire defs import protodef`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Protodef {
    /// minecraft-data: its folder `data`, or one that it is in, such as the npm package
    pub(crate) folder: PathBuf,
    /// Where the definition goes; a file that is there is replaced when all is done. - is stdout
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// pc (Java Edition) or bedrock
    #[arg(long, default_value = "pc")]
    pub(crate) edition: String,
    /// Only these: A..B, A.. or ..B, by release or number
    #[arg(long, value_name = "A..B")]
    pub(crate) versions: Option<String>,
    /// List on stdout what differs from this definition by what it means, and write what it needs for
    /// the versions that it does not have; with --versions for these
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) over: Option<String>,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
}

fn reads(text: &str) -> Result<Reads, String> {
    Reads::named(text).ok_or_else(|| "it is auto, pass or read".to_owned())
}
