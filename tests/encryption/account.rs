//! Servers that ask the session service about the client: an account joins for midwire.

use std::time::Duration;

use midwire_codec::server_hash;
use rsa::pkcs8::EncodePublicKey as _;

use crate::peers::{Login, SECRET, TOKEN, answer, der, hello, seal};
use crate::support::ends::{Ending, Server};
use crate::support::program::Program;
use crate::support::recording::Direction::Clientbound;
use crate::support::services::{Fault, PLAYER, Step};
use crate::world::World;

/// A proxy that plays as the account, with these settings more.
fn proxy(world: &World, server: &Server, more: &[&str]) -> Program {
    let (to, settings) = (server.address.to_string(), world.services.settings());
    let fixed = ["proxy", "minecraft", "--to", &to, "--listen", "127.0.0.1:0", "--json", "--all"];
    let settings = settings.iter().map(String::as_str);
    let account = ["--account", "alva"];
    let arguments: Vec<&str> =
        fixed.into_iter().chain(account).chain(settings).chain(more.iter().copied()).collect();
    world.start(&arguments)
}

/// The client tells the session service that it joins who has given it this key.
fn client_joins(world: &World, login: &Login) {
    let given = login.given_key.to_public_key_der().unwrap();
    let hash = server_hash("", &SECRET, given.as_bytes());
    let token = world.services.game_token(PLAYER.0, PLAYER.1);
    assert!(world.services.join(&token, PLAYER.0, &hash));
}

/// What the server asks the session service.
fn is_known(world: &World, login: &Login) -> bool {
    let hash = server_hash("", &SECRET, &der(&login.server_key));
    world.services.has_joined(PLAYER.1, &hash).as_deref() == Some(PLAYER.0)
}

/// Sends the client's answer, and gives what the client is told instead of a game.
fn refusal(login: &mut Login) -> String {
    let key = login.given_key.clone();
    login.ends.client.send(&answer(&seal(&key, &SECRET), &seal(&key, &TOKEN)));
    login.ends.client.expect_ending(Ending::Finished);
    let skip = login.got[Clientbound as usize].len();
    let got = login.ends.client.wait(|_| true, |a| a.bytes[skip..].to_vec(), |_| String::new());
    let [mut client, _] = login.peers();
    let text = String::from_utf8_lossy(&client.read(&got)).into_owned();
    assert!(text.contains("{\"text\":\"midwire: "), "{text}");
    // Nothing of the answer reached the server.
    login.ends.server.expect(&hello("Alva"));
    text
}

#[test]
fn the_account_joins_the_real_server_and_the_client_joins_midwire() {
    let world = World::new();
    world.ended(world.add(&[]), 0);
    let server = Server::start();
    let program = proxy(&world, &server, &[]);
    // Two clients of one account, one after the other and both there.
    let mut logins = Vec::new();
    for _ in 0..2 {
        let mut login = Login::begin(program.address(), &server, 1024, true);
        client_joins(&world, &login);
        assert!(!is_known(&world, &login));
        login.answer();
        assert!(is_known(&world, &login));
        logins.push(login);
    }
    for login in &mut logins {
        let [_, mut game] = login.peers();
        let cipher = game.write(&crate::peers::to_play().0[0]);
        assert_eq!(login.pass(Clientbound, &cipher, cipher.len()), cipher);
    }
    drop(logins);
    clean(&world, program);
}

/// Ends midwire, in whose words there is no secret.
fn clean(world: &World, program: Program) -> String {
    let ended = program.interrupt();
    let said = format!("{}{}", ended.output, ended.diagnostics);
    let planted = [String::from_utf8(SECRET.to_vec()).unwrap(), hex::encode(SECRET)];
    for secret in world.services.secrets().into_iter().chain(planted) {
        assert!(!said.contains(&secret), "{secret} is in {said}");
    }
    said
}

#[test]
fn a_client_that_is_somebody_else_is_told_so() {
    let world = World::new();
    world.ended(world.add(&[]), 0);
    let server = Server::start();
    let program = proxy(&world, &server, &[]);
    let mut login = Login::begin(program.address(), &server, 1024, true);
    let told = refusal(&mut login);
    assert!(!is_known(&world, &login));
    let said = clean(&world, program);
    let reason = told.split("midwire: ").nth(1).unwrap().split('"').next().unwrap();
    assert!(said.contains(&format!("{reason}, so the client is told")), "{reason}: {said}");
}

#[test]
fn services_that_are_not_well_are_told_in_the_game_and_in_the_log() {
    let quick = ["--set", "account_timeout=300"];
    let slow = ["--set", "handshake_timeout=500"];
    for (step, fault, more) in [
        (Step::Join, Fault::Says(503, "down".into()), &quick),
        (Step::Join, Fault::Breaks, &quick),
        (Step::Join, Fault::Silent, &quick),
        (Step::Join, Fault::Late(Duration::from_secs(5)), &slow),
        (Step::Join, Fault::Echo, &quick),
        (Step::Join, Fault::Bytes(b"nonsense".to_vec()), &quick),
        (Step::HasJoined, Fault::Says(200, "no json".into()), &quick),
        (Step::HasJoined, Fault::Says(500, "".into()), &quick),
    ] {
        let world = World::new();
        world.ended(world.add(&[]), 0);
        let server = Server::start();
        let program = proxy(&world, &server, more);
        let mut login = Login::begin(program.address(), &server, 1024, true);
        client_joins(&world, &login);
        world.services.fault(step, fault.clone());
        let told = refusal(&mut login);
        world.services.heal();
        let said = clean(&world, program);
        assert!(said.contains("so the client is told, and the session ends"), "{fault:?}: {told}");
    }
}

#[test]
fn tokens_that_ran_out_are_renewed_and_a_login_that_is_gone_is_told() {
    let world = World::new();
    world.services.token_expires(0);
    world.ended(world.add(&[]), 0);
    world.services.token_expires(86_400);
    let server = Server::start();
    let program = proxy(&world, &server, &[]);
    let mut login = Login::begin(program.address(), &server, 1024, true);
    client_joins(&world, &login);
    login.answer();
    assert!(is_known(&world, &login));
    world.services.revoke_tokens();
    world.services.revoke_login();
    let mut login = Login::begin(program.address(), &server, 1024, true);
    client_joins(&world, &login);
    let told = refusal(&mut login);
    assert!(told.contains("midwire account add"), "{told}");
    clean(&world, program);
}

#[test]
fn a_client_that_leaves_while_the_account_joins_leaves_nothing_behind() {
    let world = World::new();
    world.ended(world.add(&[]), 0);
    let server = Server::start();
    let program = proxy(&world, &server, &[]);
    let mut login = Login::begin(program.address(), &server, 1024, true);
    client_joins(&world, &login);
    world.services.fault(Step::Join, Fault::Silent);
    let key = login.given_key.clone();
    login.ends.client.send(&answer(&seal(&key, &SECRET), &seal(&key, &TOKEN)));
    world.services.wait_for(Step::Join);
    let Login { ends, .. } = login;
    ends.client.reset();
    ends.server.expect_any_ending();
    program.wait_for_json("the session's end", |line| {
        line["type"] == "session" && line["event"] == "closed"
    });
    clean(&world, program);
}
