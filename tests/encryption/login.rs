//! Logins that midwire stands in the middle of, and those it leaves alone.

use crate::support::recording::Direction::{Clientbound, Serverbound};
use rsa::RsaPrivateKey;
use rsa::rand_core::OsRng;
use serde_json::Value;

use crate::peers::{Login, SECRET, TOKEN, answer, ask, chat, der, hello, seal, to_play};
use crate::support::ends::{Ending, Ends, Server};
use crate::support::minecraft::{frame, text};
use crate::support::program::{Program, packets};

const JSON: [&str; 2] = ["--json", "--all"];

/// Name and fate of all packets.
fn named(log: &[Value]) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    packets(log).map(|packet| (word(&packet["name"]), word(&packet["fate"]))).collect()
}

#[test]
fn both_connections_have_one_ciphertext_until_a_packet_is_changed_and_are_valid_after_it() {
    let rules =
        std::env::temp_dir().join(format!("midwire-encryption-{}.rules", std::process::id()));
    std::fs::write(&rules, "replace clientbound group:chat text \"Steve\" with \"Alexander\"\n")
        .unwrap();
    let server = Server::start();
    let options = ["--json", "--all", "--rules", rules.to_str().unwrap()];
    let (program, proxy) = Program::proxy("minecraft", server.address, &options);
    let mut login = Login::begin(proxy, &server, 1024, false);
    login.answer();
    let [mut client, mut game] = login.peers();
    let ([success, finish], [acknowledged, finished]) = to_play();
    for (direction, plain) in [
        (Clientbound, success),
        (Serverbound, acknowledged),
        (Clientbound, finish),
        (Serverbound, finished),
        (Clientbound, chat("hello, Alva")),
    ] {
        let sender = if direction == Clientbound { &mut game } else { &mut client };
        let cipher = sender.write(&plain);
        assert_eq!(login.pass(direction, &cipher, cipher.len()), cipher, "{direction:?}");
        let receiver = if direction == Clientbound { &mut client } else { &mut game };
        assert_eq!(receiver.read(&cipher), plain);
    }
    // the first change, and all that follows it
    for (said, read) in [("I am Steve", "I am Alexander"), ("no", "no"), ("Steve?", "Alexander?")] {
        let (cipher, wanted) = (game.write(&chat(said)), chat(read));
        let got = login.pass(Clientbound, &cipher, wanted.len());
        assert_ne!(got, cipher);
        assert_eq!(client.read(&got), wanted);
    }
    // the other direction is as it was
    let cipher = client.write(&frame(&[&[0x1a], &[0; 8][..]].concat()));
    assert_eq!(login.pass(Serverbound, &cipher, cipher.len()), cipher);
    drop(login);
    let ended = program.interrupt();
    std::fs::remove_file(&rules).unwrap();
    let log = ended.json();
    let seen = named(&log);
    let names: Vec<&str> = seen.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names[..13],
        [
            "set_protocol",
            "login_start",
            "encryption_begin",
            "encryption_begin",
            "success",
            "login_acknowledged",
            "finish_configuration",
            "finish_configuration",
            "system_chat",
            "system_chat",
            "system_chat",
            "system_chat",
            "keep_alive",
        ]
    );
    assert_eq!(seen.iter().filter(|(_, fate)| fate == "changed").count(), 4, "{seen:?}");
    let said = log.iter().any(|line| line["message"] == "encrypted from here, and read");
    assert!(said, "{}", ended.output);
    no_secret(&ended.output, &ended.diagnostics);
}

/// Nothing that was printed has the shared secret in it, as text or hex.
fn no_secret(stdout: &str, stderr: &str) {
    for secret in [String::from_utf8(SECRET.to_vec()).unwrap(), hex::encode(SECRET)] {
        assert!(!stdout.contains(&secret) && !stderr.contains(&secret), "{secret} was printed");
    }
}

#[test]
fn keys_of_servers_may_have_512_to_4096_bits() {
    let server = Server::start();
    let (_program, proxy) = Program::proxy("minecraft", server.address, &[]);
    let mut keys = vec![RsaPrivateKey::new(&mut OsRng, 512).unwrap()];
    keys.push(RsaPrivateKey::new(&mut OsRng, 2048).unwrap());
    for key in keys {
        let mut login = Login::begin_with(proxy, &server, key, false);
        login.answer();
    }
}

#[test]
fn a_server_that_checks_is_left_alone_and_the_listing_says_so() {
    for (mode, checks) in [("auto", true), ("pass", false), ("pass", true)] {
        let server = Server::start();
        let options = ["--json", "--all", "--encryption", mode];
        let (program, proxy) = Program::proxy("minecraft", server.address, &options);
        let mut ends = Ends::open(proxy, &server);
        let key = RsaPrivateKey::new(&mut OsRng, 512).unwrap();
        ends.client.send(&hello("Alva"));
        ends.server.expect(&hello("Alva"));
        ends.server.send(&ask(&der(&key), checks));
        ends.client.expect(&ask(&der(&key), checks));
        let public = key.to_public_key();
        let sealed = answer(&seal(&public, &SECRET), &seal(&public, &TOKEN));
        ends.client.send(&sealed);
        ends.server.expect(&[hello("Alva"), sealed].concat());
        drop(ends);
        let ended = program.interrupt();
        assert!(ended.output.contains("packets cannot be read"), "{mode}: {}", ended.output);
    }
}

#[test]
fn read_stands_in_the_middle_of_a_server_that_checks_too() {
    let server = Server::start();
    let options = ["--json", "--all", "--encryption", "read"];
    let (_program, proxy) = Program::proxy("minecraft", server.address, &options);
    Login::begin(proxy, &server, 1024, true).answer();
}

const UNUSABLE: &str = "the client's answer to the encryption request cannot be used";

#[test]
fn an_answer_that_cannot_be_used_is_told_in_the_game_and_in_the_log_and_has_no_secret_in_it() {
    let told = frame(&[&[0], &text(&format!("{{\"text\":\"midwire: {UNUSABLE}\"}}"))[..]].concat());
    for what in ["garbage", "nothing", "short secret", "long secret", "wrong token", "other key"] {
        let server = Server::start();
        let (program, proxy) = Program::proxy("minecraft", server.address, &JSON);
        let mut login = Login::begin(proxy, &server, 1024, false);
        let key = login.given_key.clone();
        let other = RsaPrivateKey::new(&mut OsRng, 1024).unwrap().to_public_key();
        let sealed = match what {
            "garbage" => answer(&[0x5a; 128], &seal(&key, &TOKEN)),
            "nothing" => answer(&[], &[]),
            "short secret" => answer(&seal(&key, &SECRET[..15]), &seal(&key, &TOKEN)),
            "long secret" => answer(&seal(&key, &[9; 32]), &seal(&key, &TOKEN)),
            "wrong token" => answer(&seal(&key, &SECRET), &seal(&key, b"tokm")),
            _ => answer(&seal(&other, &SECRET), &seal(&other, &TOKEN)),
        };
        let got = login.pass(Serverbound, &[], 0);
        assert_eq!(got, b"");
        login.ends.client.send(&sealed);
        let skip = login.got[Clientbound as usize].len();
        let got = login.ends.client.wait(
            |arrived| arrived.bytes.len() >= skip + told.len(),
            |arrived| arrived.bytes[skip..].to_vec(),
            |arrived| format!("{what}: words, not {:?}", arrived.bytes),
        );
        // A client whose secret is known reads nothing but what is encrypted with it.
        let [mut client, _] = login.peers();
        let got = if what == "wrong token" { client.read(&got) } else { got };
        assert_eq!(got, told, "{what}");
        login.ends.client.expect_ending(Ending::Finished);
        login.ends.server.expect(&hello("Alva"));
        login.ends.server.expect_any_ending();
        drop(login);
        let ended = program.interrupt();
        assert!(ended.output.contains(&format!("{UNUSABLE}, so the client is told")), "{what}");
        no_secret(&ended.output, &ended.diagnostics);
    }
}

#[test]
fn an_encrypted_session_is_recorded_in_the_clear_and_its_key_where_that_is_asked_for() {
    for with_secrets in [false, true] {
        let name = format!("midwire-encrypted-{}-{with_secrets}.pcapng", std::process::id());
        let file = std::env::temp_dir().join(name);
        let path = file.to_str().unwrap();
        let server = Server::start();
        let options = ["--json", "--all", "-w", path, "--record-secrets"];
        let options = if with_secrets { &options[..] } else { &options[..4] };
        let (program, proxy) = Program::proxy("minecraft", server.address, options);
        let mut login = Login::begin(proxy, &server, 1024, false);
        login.answer();
        let [_, mut game] = login.peers();
        let ([success, finish], _) = to_play();
        let cipher = game.write(&[success, finish, chat("hello, Alva")].concat());
        assert_eq!(login.pass(Clientbound, &cipher, cipher.len()), cipher);
        // A client that has left is told nothing more.
        login.ends.client.finish();
        login.ends.server.expect_ending(Ending::Finished);
        drop(login);
        let shown = named(&program.interrupt().json());
        let read = Program::start(&["read", path, "--json"]).wait();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(named(&read.json()), shown, "{}", read.diagnostics);
        assert!(shown.iter().any(|(name, _)| name == "system_chat"), "{shown:?}");
        let key = hex::encode(SECRET);
        let has_key = bytes.windows(key.len()).any(|text| text == key.as_bytes());
        assert_eq!(has_key, with_secrets);
        assert!(!bytes.windows(SECRET.len()).any(|text| text == SECRET));
    }
}
