//! midwire: stands between a game and its server, and shows what they say to each other.

mod account;
mod args;
mod ask;
mod check;
mod config;
mod decode;
mod defs;
mod demo;
mod doctor;
mod encode;
mod encryption;
mod error;
mod explain;
mod fields;
mod filter;
mod fmt;
mod hex_text;
mod import;
mod log;
mod metrics;
mod names;
mod print;
mod protocols;
mod proxy;
mod queue;
mod read;
mod record;
mod recorded;
mod relay;
mod reload;
mod rfb;
mod rules;
mod secret;
mod settings;
mod wire_id;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let command = match args::Args::try_parse() {
        Ok(args) => args.command,
        Err(error) => {
            // clap knows which of help (stdout, 0) and usage (stderr, 2) it is.
            let text = error.render().to_string();
            if !error.use_stderr() {
                return error::print(&text);
            }
            // It repeats what was typed.
            error::say(&text);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(error::USAGE));
        }
    };
    match command {
        None if ask::can_ask() => ask::run(),
        None => short_help(),
        Some(command) => error::exit_code(run(command)),
    }
}

fn run(command: args::Command) -> anyhow::Result<ExitCode> {
    match command {
        args::Command::Proxy(args) => proxy::run(&args),
        args::Command::Read(args) => read::run(*args),
        args::Command::Rules(args) => match args.command {
            args::RulesCommand::Try(args) => read::try_rules(*args),
        },
        args::Command::Decode(args) => decode::run(&args),
        args::Command::Encode(args) => encode::run(&args),
        args::Command::Check(args) => check::run(&args),
        args::Command::Fmt(args) => fmt::run(&args),
        args::Command::Fields(args) => fields::run(&args),
        args::Command::Defs(args) => defs::run(&args.command),
        args::Command::Doctor(args) => doctor::run(&args),
        args::Command::Account(args) => account::run(&args.command),
        args::Command::Demo => demo::run(),
    }
}

/// What a bare `midwire` says.
fn short_help() -> ExitCode {
    let text = "\
midwire stands between a game and its server, and shows what they say to each other.

  midwire demo                                     see it work: nothing else is needed
  midwire proxy minecraft --to play.example.org    then type 127.0.0.1 into the game
  midwire proxy terraria --to 192.168.0.7
  midwire doctor --to play.example.org             what is wrong, if it does not work
  midwire decode --hex '0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36' --protocol terraria
  midwire --help                                   every command
";
    error::print(text)
}
