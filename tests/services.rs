//! The stand-in of the services that logins ask, for peers that are no Rust: `cargo run --example services`.
//!
//! Arguments are players whose games are to have tokens, as `NAME=ID`. A line of JSON tells where the services
//! are (`host`), what midwire has to be told (`settings`), and the `tokens` by name. They end with standard
//! input.

// In tests a panic is the report.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

#[path = "support/services.rs"]
mod services;

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};
use services::{PLAYER, Services};

/// How long any single wait may last.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let services = Services::start();
    let arguments = std::env::args().skip(1);
    let tokens = arguments.map(|argument| {
        let (name, id) = argument.split_once('=').expect("NAME=ID");
        (name.to_owned(), Value::from(services.game_token(id, name)))
    });
    let tokens: serde_json::Map<_, _> = tokens.collect();
    let line = json!({
        "host": services.session_host(),
        "settings": services.settings(),
        "player": { "id": PLAYER.0, "name": PLAYER.1 },
        "tokens": tokens,
    });
    println!("{line}");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
