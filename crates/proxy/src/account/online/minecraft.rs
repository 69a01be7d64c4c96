//! From Microsoft's token to a player: Xbox Live, its tokens for other services, Minecraft's login and profile.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::error::AccountError;
use super::http::{Answer, Http, Question};
use super::service::Service;
use super::stop::Stop;
use super::token::Token;
use super::xerr::Xerr;
use crate::account::profile::{Profile, ProfileId};

/// Characters of a player's name; the game has 16.
const NAME_MAX: usize = 64;
/// How long Minecraft's tokens count where it does not say it: a day.
const EXPIRES: Duration = Duration::from_secs(24 * 3600);

/// What lets an account play.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) token: Token,
    /// Seconds since 1970.
    pub(super) expires: u64,
}

/// A player who may play.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) profile: Profile,
    pub(super) access: Access,
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// All the way; stops between two questions.
pub(super) fn player(http: &Http, microsoft: &Token, stop: &Stop) -> Result<Player, AccountError> {
    let xbl = xbox(
        http,
        Service::Xbl,
        &json!({
            "Properties": {
                "AuthMethod": "RPS",
                "SiteName": "user.auth.xboxlive.com",
                "RpsTicket": format!("d={}", microsoft.reveal()),
            },
            "RelyingParty": "http://auth.xboxlive.com",
            "TokenType": "JWT",
        }),
        microsoft,
    )?;
    go_on(stop)?;
    let xsts = xbox(
        http,
        Service::Xsts,
        &json!({
            "Properties": { "SandboxId": "RETAIL", "UserTokens": [xbl.token.reveal()] },
            "RelyingParty": "rp://api.minecraftservices.com/",
            "TokenType": "JWT",
        }),
        &xbl.token,
    )?;
    go_on(stop)?;
    let access = login(http, &xsts)?;
    go_on(stop)?;
    let profile = profile(http, &access.token)?;
    Ok(Player { profile, access })
}

fn go_on(stop: &Stop) -> Result<(), AccountError> {
    if stop.is_set() { Err(AccountError::Cancelled) } else { Ok(()) }
}

/// A token of Xbox Live, and the hash of the user that goes with it.
struct Xbox {
    token: Token,
    user: String,
}

fn xbox(
    http: &Http,
    service: Service,
    question: &Value,
    secret: &Token,
) -> Result<Xbox, AccountError> {
    let secrets = [secret];
    let answer = http.ask(&Question::json(service, question, &secrets))?;
    if let Some(number) = answer.body().get("XErr").and_then(Value::as_u64) {
        return Err(AccountError::Xbox(Xerr(number)));
    }
    answer.yes()?;
    let token = answer.token("Token")?;
    let user = answer.body().pointer("/DisplayClaims/xui/0/uhs").and_then(Value::as_str);
    let user = user.ok_or_else(|| answer.nonsense("no user's hash in it"))?.to_owned();
    Ok(Xbox { token, user })
}

fn login(http: &Http, xbox: &Xbox) -> Result<Access, AccountError> {
    let secrets = [&xbox.token];
    let identity = format!("XBL3.0 x={};{}", xbox.user, xbox.token.reveal());
    let question = json!({ "identityToken": identity });
    let answer = http.ask(&Question::json(Service::Login, &question, &secrets))?;
    // Minecraft's own list of applications; whoever is not on it is told so in these words.
    if answer.status == 403
        && answer.said.as_ref().is_some_and(|said| said.contains("app registration"))
    {
        return Err(AccountError::BadClient(answer.said));
    }
    answer.yes()?;
    let token = answer.token("access_token")?;
    let expires = answer.seconds("expires_in").unwrap_or(EXPIRES);
    Ok(Access { token, expires: now().saturating_add(expires.as_secs()) })
}

fn profile(http: &Http, token: &Token) -> Result<Profile, AccountError> {
    let answer = http.ask(&Question::get(Service::Profile).bearer(token))?;
    if answer.status == 404 {
        return Err(AccountError::NoProfile);
    }
    answer.yes()?;
    read_profile(&answer)
}

/// The profile in an answer.
pub(super) fn read_profile(answer: &Answer) -> Result<Profile, AccountError> {
    let id = ProfileId::parse(answer.text("id")?);
    let id = id.ok_or_else(|| answer.nonsense("its id is no UUID"))?;
    let name = answer.text("name")?;
    if name.chars().count() > NAME_MAX {
        return Err(answer.nonsense("its name is longer than any player's"));
    }
    Ok(Profile { id, name: name.to_owned() })
}
