//! Logins with a stand-in of the services.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::error::AccountError;
use super::http::Http;
use super::login::Account;
use super::microsoft;
use super::minecraft;
use super::settings::AccountSettings;
use super::stop::Stop;
use super::store::{Entry, Store};
use crate::account::{LoggedIn, Login};

#[allow(dead_code, unreachable_pub)]
#[path = "../../../../../tests/support/services.rs"]
mod services;

use services::{CLIENT_ID, Fault, PLAYER, Services, Step};

/// How long any single wait may last.
const PATIENCE: Duration = Duration::from_secs(60);
const CLIENT_HASH: &str = "-c11e47";
const SERVER_HASH: &str = "5e12e2";

/// Services, and an account that is logged in with them.
struct World {
    services: Services,
    settings: AccountSettings,
    folder: PathBuf,
    /// The token of the player's game.
    game: String,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// With services that are told something before the account logs in.
    fn with(tell: impl FnOnce(&Services)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let services = Services::start();
        tell(&services);
        let mut settings = AccountSettings::default();
        for setting in services.settings().iter().filter(|setting| *setting != "--set") {
            let (name, value) = setting.split_once('=').unwrap();
            settings.set(name, value).unwrap();
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("midwire-login-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let game = services.game_token(PLAYER.0, PLAYER.1);
        let world = Self { services, settings, folder, game };
        world.add();
        world
    }

    fn store(&self) -> Store {
        Store::in_folder(&self.folder)
    }

    fn add(&self) {
        let (http, stop) = (Http::new(self.settings.clone()), Stop::default());
        let code = microsoft::begin(&http, CLIENT_ID).unwrap();
        let grant = microsoft::wait(&http, CLIENT_ID, &code, &stop).unwrap();
        let player = minecraft::player(&http, &grant.access, &stop).unwrap();
        let entry = Entry {
            name: "main".to_owned(),
            client_id: CLIENT_ID.to_owned(),
            profile: player.profile,
            refresh: grant.refresh.unwrap(),
            access: Some(player.access),
        };
        self.store().lock(&stop).unwrap().write(&[entry]).unwrap();
    }

    fn set(&mut self, name: &str, value: &str) {
        self.settings.set(name, value).unwrap();
    }

    fn account(&self) -> Account {
        Account::open_in(self.store(), "main", &self.settings).unwrap().0
    }

    /// The game's client joins, as it does before it answers midwire.
    fn client_joins(&self) {
        assert!(self.services.join(&self.game, PLAYER.0, CLIENT_HASH));
    }

    async fn log_in(&self) -> Result<LoggedIn, AccountError> {
        self.client_joins();
        self.account().log_in(login(PLAYER.1)).await
    }

    /// That no login was made, for this reason; the reason's text.
    async fn refused(&self) -> String {
        let error = self.log_in().await.unwrap_err();
        let (text, debug) = (error.to_string(), format!("{error:?}"));
        assert!(!text.contains("planted") && !debug.contains("planted"), "{text} {debug}");
        assert!(text.len() < 500, "{text}");
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn login(client: &str) -> Login {
    Login {
        client_name: client.to_owned(),
        client_hash: CLIENT_HASH.to_owned(),
        server_hash: SERVER_HASH.to_owned(),
    }
}

#[tokio::test]
async fn client_and_server_both_find_whom_they_ask_for() {
    let world = World::new();
    let logged_in = world.log_in().await.unwrap();
    assert_eq!(logged_in.profile.id.plain(), PLAYER.0);
    assert!(logged_in.is_own);
    // The server asks with the hash of its own key, and with no other.
    assert_eq!(world.services.has_joined(PLAYER.1, SERVER_HASH).unwrap(), PLAYER.0);
    assert_eq!(world.services.has_joined(PLAYER.1, CLIENT_HASH), None);
    // A token that counts is not renewed.
    world.log_in().await.unwrap();
    assert!(world.services.asked(Step::Refresh).is_empty());
    let debug = format!("{:?} {logged_in:?}", world.account());
    assert!(!debug.contains("planted"), "{debug}");
}

#[tokio::test]
async fn a_client_that_is_not_the_accounts_own_is_refused_before_anything_is_joined() {
    let world = World::new();
    // Nobody has joined.
    let error = world.account().log_in(login(PLAYER.1)).await.unwrap_err();
    assert!(error.to_string().contains("does not know that Alva is joining"), "{error}");
    // With another hash: somebody stands between the client and midwire.
    assert!(world.services.join(&world.game, PLAYER.0, "another"));
    assert!(matches!(
        world.account().log_in(login(PLAYER.1)).await,
        Err(AccountError::NotJoined(_))
    ));
    // Somebody else.
    let (id, name) = (&"9".repeat(32), "Mallory");
    let token = world.services.game_token(id, name);
    assert!(world.services.join(&token, id, CLIENT_HASH));
    let error = world.account().log_in(login(name)).await.unwrap_err();
    assert!(error.to_string().contains("plays as Alva, and Mallory is somebody else"), "{error}");
    assert!(world.services.asked(Step::Join).is_empty());
}

#[tokio::test]
async fn anybody_may_play_as_the_account_if_that_is_wanted() {
    let mut world = World::new();
    world.set("client_check", "none");
    let logged_in = world.account().log_in(login("Somebody & \"else\"")).await.unwrap();
    assert!(!logged_in.is_own);
    assert_eq!(world.services.has_joined(PLAYER.1, SERVER_HASH).unwrap(), PLAYER.0);
    assert!(world.services.asked(Step::HasJoined).is_empty());
}

#[tokio::test]
async fn odd_names_of_clients_are_asked_for_as_they_are() {
    let world = World::new();
    for name in ["", "a&serverId=x", "ä b+c%41", "\u{1b}[31m\u{202e}", "#?/"] {
        let error = world.account().log_in(login(name)).await.unwrap_err();
        assert!(matches!(error, AccountError::NotJoined(_)), "{error}");
        let asked = world.services.asked(Step::HasJoined).pop().unwrap();
        assert_eq!((&*asked.query["username"], &*asked.query["serverId"]), (name, CLIENT_HASH));
    }
}

#[tokio::test]
async fn tokens_that_run_out_are_renewed_and_kept() {
    // Shorter than what a token has to count for still.
    let world = World::with(|services| services.token_expires(30));
    world.services.player(PLAYER.0, "Alva_New");
    world.services.token_expires(86_400);
    let profile = world.account().check().await.unwrap();
    assert_eq!(profile.name, "Alva_New", "names may change");
    world.log_in().await.unwrap();
    assert_eq!(world.services.asked(Step::Refresh).len(), 1);
    // The token before counts no more here: what is kept is the new one.
    let entry = world.store().read().unwrap().0.remove(0);
    assert_eq!((entry.name.as_str(), entry.profile.name.as_str()), ("main", "Alva_New"));
    world.services.revoke_tokens();
    world.account().log_in(login(PLAYER.1)).await.unwrap_err();
    assert_eq!(world.services.asked(Step::Refresh).len(), 1, "who is refused renews nothing");
}

#[tokio::test]
async fn tokens_that_are_taken_back_are_renewed_once() {
    let mut world = World::new();
    world.set("client_check", "none");
    world.services.revoke_tokens();
    world.account().log_in(login(PLAYER.1)).await.unwrap();
    assert_eq!(world.services.asked(Step::Refresh).len(), 1);
    // A service that takes none back for good is not asked for ever.
    world.services.fault(
        Step::Join,
        Fault::Says(
            403,
            r#"{"error":"ForbiddenOperationException","errorMessage":"Invalid"}"#.into(),
        ),
    );
    let error = world.account().log_in(login(PLAYER.1)).await.unwrap_err();
    assert!(
        error.to_string().contains("\"Invalid\"; log in again: midwire account add main"),
        "{error}"
    );
    assert_eq!(world.services.asked(Step::Refresh).len(), 2);
}

#[tokio::test]
async fn a_login_that_was_taken_back_says_what_to_do() {
    let world = World::with(|services| services.token_expires(0));
    world.services.revoke_login();
    let text = world.refused().await;
    assert!(text.contains("the login of main does not count any more: \"AADSTS70000"), "{text}");
    assert!(text.contains("midwire account add main"), "{text}");
    // It was logged in again meanwhile, by a command of its own: nothing has to be started anew.
    let account = world.account();
    world.services.token_expires(86_400);
    world.add();
    account.check().await.unwrap();
}

#[tokio::test]
async fn two_midwires_renew_an_account_once() {
    let world = World::with(|services| services.token_expires(0));
    world.services.token_expires(86_400);
    world.services.fault_times(Step::Refresh, Fault::Late(Duration::from_millis(300)), 1);
    let (one, two) = (world.account(), world.account());
    let (one, two) = tokio::join!(one.check(), two.check());
    assert_eq!((one.unwrap(), two.unwrap()).0.name, PLAYER.1);
    assert_eq!(world.services.asked(Step::Refresh).len(), 1);
}

#[tokio::test]
async fn two_sessions_of_one_account_log_in_one_after_the_other() {
    let mut world = World::new();
    world.set("client_check", "none");
    world.services.fault_times(Step::Join, Fault::Late(Duration::from_millis(300)), 1);
    let account = world.account();
    let with = |hash: &str| Login { server_hash: hash.to_owned(), ..login(PLAYER.1) };
    let both = tokio::join!(account.log_in(with("one")), account.log_in(with("two")));
    assert!(both.0.is_ok() && both.1.is_ok());
    let asked = world.services.asked(Step::Join);
    assert!(asked[0].body.contains("\"one\"") && asked[1].body.contains("\"two\""));
    assert_eq!(world.services.has_joined(PLAYER.1, "two").unwrap(), PLAYER.0);
}

#[test]
fn a_client_that_goes_leaves_nothing_that_goes_on() {
    let mut world = World::new();
    // Far longer than anybody waits here.
    world.set("account_timeout", "600000");
    world.set("account_login_timeout", "600000");
    world.services.fault_times(Step::HasJoined, Fault::Silent, 1);
    world.client_joins();
    let account = world.account();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let leaving = account.clone();
        let gone = tokio::spawn(async move { leaving.log_in(login(PLAYER.1)).await });
        let services = world.services.clone();
        tokio::task::spawn_blocking(move || services.wait_for(Step::HasJoined)).await.unwrap();
        gone.abort();
        assert!(gone.await.is_err());
        // The next one does not wait for it.
        let next = account.log_in(login(PLAYER.1));
        tokio::time::timeout(PATIENCE, next).await.unwrap().unwrap();
    });
    // Its question ends, and then its thread, for which the runtime waits.
    world.services.heal();
    drop(runtime);
    assert_eq!(world.services.asked(Step::HasJoined).len(), 2, "it does not ask again");
    assert_eq!(world.services.asked(Step::Join).len(), 1, "it joins nothing");
}

#[tokio::test]
async fn what_a_session_service_says_is_told() {
    let world = World::new();
    let says = |status, text: &str| Fault::Says(status, text.to_owned());
    for (fault, told) in [
        (
            says(
                403,
                r#"{"error":"InsufficientPrivilegesException","errorMessage":"no\u001b[31m"}"#,
            ),
            "Alva may not play on servers: \"no\u{1b}[31m\"",
        ),
        (says(403, r#"{"error":"UserBannedException"}"#), "Alva may not play on servers"),
        (says(429, ""), "asked too often"),
        (says(503, "<html>planted</html>"), "is not well now (status 503)"),
        (says(418, r#"{"error":"teapot"}"#), "refuses (status 418): \"teapot\""),
        (Fault::Echo, "refuses (status 400): \"{\"accessToken\":\"(secret)\""),
        (Fault::Redirect("http://127.0.0.1:1/".to_owned()), "leads elsewhere"),
        (Fault::Breaks, "cannot be reached"),
        (Fault::Bytes(b"SSH-2.0-planted\r\n".to_vec()), "Minecraft's session service"),
        (Fault::Bytes(b"\0\xff\r\n\r\n".to_vec()), "Minecraft's session service"),
        (Fault::Bytes(b"HTTP/1.1 200 OK\r\n".repeat(20_000)), "Minecraft's session service"),
    ] {
        world.services.fault(Step::Join, fault);
        let text = world.refused().await;
        assert!(text.contains(told), "{text}");
        world.services.heal();
    }
    let asked = world.services.asked(Step::Join).len();
    world.log_in().await.unwrap();
    assert_eq!(world.services.asked(Step::Join).len(), asked + 1);
}

#[tokio::test]
async fn nonsense_about_a_client_lets_nobody_in() {
    let world = World::new();
    let says = |status, text: String| Fault::Says(status, text);
    for (fault, told) in [
        (says(200, String::new()), "that is not JSON"),
        (says(200, "<html>".to_owned()), "that is not JSON"),
        (says(200, "[]".to_owned()), "no id in it"),
        (says(200, "{}".to_owned()), "no id in it"),
        (says(200, r#"{"id":7,"name":"Alva"}"#.to_owned()), "no id in it"),
        (says(200, r#"{"id":"7","name":"Alva"}"#.to_owned()), "its id is no UUID"),
        (says(200, format!(r#"{{"id":"{}"}}"#, PLAYER.0)), "no name in it"),
        (
            says(200, format!(r#"{{"id":"{}","name":"{}"}}"#, PLAYER.0, "x".repeat(65))),
            "longer than any",
        ),
        (says(200, "[".repeat(100_000)), "that is not JSON"),
        (says(200, " ".repeat(300_000)), "more than 262144 bytes"),
        (Fault::Endless, "more than 262144 bytes"),
        (says(403, String::new()), "refuses (status 403)"),
    ] {
        world.services.fault(Step::HasJoined, fault);
        let text = world.refused().await;
        assert!(text.contains(told), "{text}");
    }
    assert!(world.services.asked(Step::Join).is_empty());
}

#[tokio::test]
async fn services_that_are_slow_are_not_waited_for() {
    let mut world = World::new();
    world.set("account_timeout", "500");
    for fault in [Fault::Silent, Fault::Drips] {
        for step in [Step::HasJoined, Step::Join] {
            world.services.fault(step, fault.clone());
            let text = world.refused().await;
            assert!(text.contains("did not answer within 0.5 s (account_timeout)"), "{text}");
            world.services.heal();
        }
    }
}

#[tokio::test]
async fn a_login_ends_before_games_give_it_up() {
    let mut world = World::with(|services| services.token_expires(0));
    world.set("account_login_timeout", "500");
    // Each answer is in time, but there are many.
    for step in Step::ALL {
        world.services.fault(step, Fault::Late(Duration::from_millis(300)));
    }
    let text = world.refused().await;
    assert!(text.contains("took longer than 0.5 s (account_login_timeout)"), "{text}");
    // Who waits for his turn waits no longer either.
    world.services.heal();
    world.services.token_expires(86_400);
    world.set("account_login_timeout", "600000");
    world.account().check().await.unwrap();
    world.set("account_login_timeout", "500");
    world.services.fault(Step::HasJoined, Fault::Silent);
    let account = world.account();
    let both = tokio::join!(account.log_in(login(PLAYER.1)), account.log_in(login(PLAYER.1)));
    for ended in [both.0, both.1] {
        assert!(matches!(ended, Err(AccountError::TooLong(_))), "{ended:?}");
    }
    world.services.heal();
}

#[tokio::test]
async fn a_service_that_fails_once_is_asked_again() {
    let world = World::new();
    for fault in [Fault::Breaks, Fault::Says(502, String::new())] {
        world.services.fault_times(Step::HasJoined, fault.clone(), 1);
        world.services.fault_times(Step::Join, fault, 1);
        world.log_in().await.unwrap();
    }
}

#[tokio::test]
async fn an_account_that_is_gone_is_told() {
    let world = World::new();
    let account = world.account();
    world.store().lock(&Stop::default()).unwrap().write(&[]).unwrap();
    let error = account.log_in(login(PLAYER.1)).await.unwrap_err();
    assert!(error.to_string().contains("there is no account main"), "{error}");
    assert!(Account::open_in(world.store(), "main", &world.settings).is_err());
}

#[test]
fn accounts_are_found_by_their_names_and_their_players() {
    let world = World::new();
    for name in ["main", "MAIN", "alva"] {
        let (account, _) = Account::open_in(world.store(), name, &world.settings).unwrap();
        assert_eq!(account.name(), "main");
    }
    let error = Account::open_in(world.store(), "mian", &world.settings).unwrap_err();
    assert!(error.to_string().contains("did you mean main?"), "{error}");
}
