//! `midwire account`: who midwire may play as.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_definition::escape::{escape, escape_into};
use midwire_definition::json::write_string;

use super::error::AccountError;
use super::http::Http;
use super::login::find;
use super::microsoft::{self, DeviceCode};
use super::minecraft::{self, now};
use super::settings::AccountSettings;
use super::stop::Stop;
use super::stop::on_a_thread;
use super::store::{Entry, Store};
use crate::args::{AccountAdd, AccountCommand};
use crate::error::{NO, print, say, usage, write};
use crate::log;
use crate::settings::Settings;

/// Characters of an account's name.
const NAME_MAX: usize = 64;

/// Runs `midwire account`.
pub(crate) fn run(command: &AccountCommand) -> anyhow::Result<ExitCode> {
    log::begin(None)?;
    let result = match command {
        AccountCommand::Add(args) => {
            let settings = Settings::from_args(&args.set)?.account;
            add(args, settings)?
        }
        AccountCommand::List { json } => list(*json),
        AccountCommand::Remove { name } => remove(name),
    };
    match result {
        Ok(code) => Ok(code),
        Err(error @ (AccountError::NoClientId | AccountError::Unknown(..))) => {
            Err(usage(error.to_string()))
        }
        Err(error) if error.is_no() => {
            say(&format!("error: {error}"));
            Ok(ExitCode::from(NO))
        }
        Err(error) => Err(error.into()),
    }
}

fn add(
    args: &AccountAdd,
    settings: AccountSettings,
) -> anyhow::Result<Result<ExitCode, AccountError>> {
    if let Some(name) = &args.name {
        let is_good = !name.is_empty()
            && name.chars().count() <= NAME_MAX
            && !name.starts_with('-')
            && !name.contains(midwire_definition::escape::is_unsafe);
        if !is_good {
            return Err(usage(format!(
                "{name}: a name has 1 to {NAME_MAX} characters that can be seen"
            )));
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let added = runtime.block_on(async {
        tokio::select! {
            added = log_in(args.name.clone(), settings) => added,
            _ = tokio::signal::ctrl_c() => Err(AccountError::Cancelled),
        }
    });
    // A question that is on its way is answered to nobody.
    runtime.shutdown_background();
    let entry = match added {
        Ok(entry) => entry,
        Err(error) => return Ok(Err(error)),
    };
    let Entry { name, profile, .. } = &entry;
    let mut text = format!("added {name}");
    if *name != profile.name {
        text.push_str(&format!(", who plays as {}", profile.name));
    }
    let id = profile.id;
    Ok(Ok(print(&escaped(&format!(
        "{text} ({id}): midwire proxy minecraft --account {name} --to .."
    )))))
}

/// A line for a terminal.
fn escaped(line: &str) -> String {
    format!("{}\n", escape(line))
}

async fn log_in(name: Option<String>, settings: AccountSettings) -> Result<Entry, AccountError> {
    let client_id = settings.client_id.clone().ok_or(AccountError::NoClientId)?;
    let store = Store::of_user()?;
    // It would be a pity to log in for nothing.
    store.read()?;
    let http = Arc::new(Http::new(settings));
    let work = move |stop: &Stop| {
        let code = microsoft::begin(&http, &client_id)?;
        ask_person(&code);
        let grant = microsoft::wait(&http, &client_id, &code, stop)?;
        say("logged in with Microsoft; asking Xbox Live and Minecraft ..");
        let refresh = grant.refresh.ok_or(AccountError::Nonsense(
            super::service::Service::Token,
            "no refresh_token in it".to_owned(),
        ))?;
        let player = minecraft::player(&http, &grant.access, stop)?;
        let entry = Entry {
            name: name.unwrap_or_else(|| player.profile.name.clone()),
            client_id: client_id.to_string(),
            profile: player.profile,
            refresh,
            access: Some(player.access),
        };
        let locked = store.lock(stop)?;
        let mut entries = locked.read()?;
        entries.retain(|old| !old.name.eq_ignore_ascii_case(&entry.name));
        entries.push(entry.clone());
        locked.write(&entries)?;
        Ok(entry)
    };
    on_a_thread(work).await.unwrap_or(Err(AccountError::Cancelled))
}

/// Says what to do. That is what the program is run for, so it is output.
fn ask_person(code: &DeviceCode) {
    let minutes = code.expires.as_secs().div_ceil(60);
    let plural = if minutes == 1 { "" } else { "s" };
    let mut text = String::from("open  ");
    escape_into(&code.uri, &mut text);
    text.push_str("\nenter ");
    escape_into(&code.user_code, &mut text);
    text.push_str(&format!("\nwithin {minutes} minute{plural}; ctrl-c gives up\n"));
    // Who reads it no more cannot enter it; then the code runs out.
    let _ = write(text.as_bytes());
}

fn list(json: bool) -> Result<ExitCode, AccountError> {
    let store = Store::of_user()?;
    let (entries, warning) = store.read()?;
    if let Some(warning) = warning {
        say(&warning);
    }
    if entries.is_empty() && !json {
        say(&format!("no accounts in {}; add one: midwire account add", store.file().display()));
    }
    let line = if json { json_line } else { text_line };
    Ok(print(&entries.iter().map(line).collect::<String>()))
}

/// Whether the account's token still counts; if not, the next session asks for a new one.
fn is_fresh(entry: &Entry) -> bool {
    entry.access.as_ref().is_some_and(|access| access.expires > now())
}

fn text_line(entry: &Entry) -> String {
    let Entry { name, profile, .. } = entry;
    let state = if is_fresh(entry) { "ready" } else { "renewed when it is used" };
    escaped(&format!("{name:<20} {:<16} {}  {state}", profile.name, profile.id))
}

fn json_line(entry: &Entry) -> String {
    let mut out = String::from("{\"type\":\"account\"");
    let id = entry.profile.id.to_string();
    for (key, value) in
        [("name", &entry.name), ("profile_name", &entry.profile.name), ("profile_id", &id)]
    {
        out.push_str(&format!(",\"{key}\":"));
        write_string(value, &mut out);
    }
    let expires = entry.access.as_ref().map_or("null".to_owned(), |a| a.expires.to_string());
    out.push_str(&format!(",\"expires\":{expires}}}\n"));
    out
}

fn remove(name: &str) -> Result<ExitCode, AccountError> {
    let store = Store::of_user()?;
    let locked = store.lock(&Stop::default())?;
    let mut entries = locked.read()?;
    let name = find(&entries, name)?.name.clone();
    entries.retain(|entry| entry.name != name);
    locked.write(&entries)?;
    Ok(print(&escaped(&format!(
        "removed {name}; to take the application's leave back, see account.live.com/consent/Manage"
    ))))
}
