//! The session service: a client tells it which server it joins, and the server asks whether that is so.

use std::time::Duration;

use serde_json::json;

use super::error::AccountError;
use super::http::{Http, Question};
use super::minecraft::read_profile;
use super::service::Service;
use super::stop::Stop;
use super::token::Token;
use crate::account::profile::Profile;

/// How long is waited before a question that failed is asked again; the client waits as well.
const AGAIN: Duration = Duration::from_secs(1);

/// What came of joining.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    Yes,
    /// The token does not count any more: what is said of it.
    TokenGone(Option<String>),
}

/// Tells that a player joins the server with this hash.
pub(super) fn join(
    http: &Http,
    token: &Token,
    player: &Profile,
    server_hash: &str,
    stop: &Stop,
) -> Result<Joined, AccountError> {
    let question = json!({
        "accessToken": token.reveal(),
        "selectedProfile": player.id.plain(),
        "serverId": server_hash,
    });
    let secrets = [token];
    let answer = once_more(stop, || {
        let answer = http.ask(&Question::json(Service::Join, &question, &secrets))?;
        if answer.status >= 500 { answer.yes().map(|()| answer) } else { Ok(answer) }
    })?;
    match answer.status {
        401 | 403 => {}
        _ => return answer.yes().map(|()| Joined::Yes),
    }
    match answer.oauth_error() {
        "InsufficientPrivilegesException" | "UserBannedException" => {
            Err(AccountError::MayNotPlay(player.name.clone(), answer.said))
        }
        _ => Ok(Joined::TokenGone(answer.said)),
    }
}

/// Asks whether a player has told that he joins the server with this hash; who it is. `None`: no.
pub(super) fn has_joined(
    http: &Http,
    name: &str,
    server_hash: &str,
    stop: &Stop,
) -> Result<Option<Profile>, AccountError> {
    let fields = [("username", name), ("serverId", server_hash)];
    let answer = once_more(stop, || {
        let answer = http.ask(&Question::get(Service::HasJoined).query(&fields))?;
        if answer.status >= 500 { answer.yes().map(|()| answer) } else { Ok(answer) }
    })?;
    if answer.status == 204 {
        return Ok(None);
    }
    answer.yes()?;
    read_profile(&answer).map(Some)
}

/// Asks again, once, if the service could not be reached or was not well. One that is slow is not asked again:
/// who waits would not wait so long.
fn once_more<T>(stop: &Stop, ask: impl Fn() -> Result<T, AccountError>) -> Result<T, AccountError> {
    match ask() {
        Err(AccountError::Unreachable(..) | AccountError::Status(..)) => {
            if stop.sleep(AGAIN) {
                Err(AccountError::Cancelled)
            } else {
                ask()
            }
        }
        answered => answered,
    }
}
