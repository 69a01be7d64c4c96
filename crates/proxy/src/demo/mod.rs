//! `midwire demo`: a recorded game, played between a client and a server of its own through a real
//! relay on this machine.

mod play;
mod recording;
mod rule;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use midwire_definition::{Workspace, builtin};
use midwire_session::{Direction, Options, Setup};

use self::play::Played;
use self::recording::Step;
use crate::error::{NO, write};
use crate::explain::write_tree;
use crate::print::{Paint, Style, put};

/// The packets that are watched, in this order.
const WATCHED: [(&str, Direction); 5] = [
    ("set_protocol", Direction::Serverbound),
    ("login_start", Direction::Serverbound),
    ("success", Direction::Clientbound),
    ("position", Direction::Clientbound),
    ("chat_message", Direction::Serverbound),
];
/// The packet whose bytes are explained.
const EXPLAINED: (&str, Direction) = ("block_place", Direction::Serverbound);
/// The packet that is broken.
const BROKEN: (&str, Direction) = ("set_slot", Direction::Clientbound);
/// How long the recording takes to play.
const PLAY: Duration = Duration::from_millis(3200);
/// How long a screenful is left to be read.
const PAUSE: Duration = Duration::from_millis(700);

/// Runs `midwire demo`.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let style = Style::of_stdout();
    let protocol = builtin("minecraft").ok_or_else(|| anyhow::anyhow!("there is no minecraft"))?;
    let setup = Setup::new(protocol, Options::default());
    let mut steps = recording::steps(&setup)?;
    let mut workspace = Workspace::default();
    let broken = break_one(&mut steps, &mut workspace)?;
    let watched = watched(&steps)?;

    let played = play::play(&setup, &steps, &watched, broken, PLAY, style)?;
    sleep(PAUSE);
    rule::show(&setup, &steps, "2", style)?;
    sleep(PAUSE);
    explain(find(&steps, 0, EXPLAINED)?, style, &mut workspace)?;
    sleep(PAUSE);
    show_broken(&steps[broken], &played, style)?;
    sleep(PAUSE);
    finish(&played, &steps, style)
}

/// The first packet of a name, from a step on.
fn find<'s>(
    steps: &'s [Step],
    from: usize,
    (name, direction): (&str, Direction),
) -> anyhow::Result<&'s Step> {
    let place = place(steps, from, (name, direction))?;
    Ok(&steps[place])
}

fn place(
    steps: &[Step],
    from: usize,
    (name, direction): (&str, Direction),
) -> anyhow::Result<usize> {
    let is_wanted = |step: &Step| step.direction == direction && step.name() == name;
    let found = steps.iter().enumerate().skip(from).find(|(_, step)| is_wanted(step));
    let (place, _) = found.ok_or_else(|| anyhow::anyhow!("the recording has no {name}"))?;
    Ok(place)
}

/// Where the packets to be watched are: from the handshake to a chat line and its echo.
fn watched(steps: &[Step]) -> anyhow::Result<Vec<usize>> {
    let mut places: Vec<usize> = Vec::new();
    for wanted in WATCHED {
        let from = places.last().map_or(0, |last| last + 1);
        places.push(place(steps, from, wanted)?);
    }
    let chat = places.last().copied().unwrap_or_default();
    // The server says a line to all as it was said to the server.
    let said = &steps[chat].packet;
    let body = said.payload.as_ref().map(|payload| payload.slice(said.body as usize..));
    let words = body.as_deref().and_then(|body| body.get(1..12)).unwrap_or_default().to_vec();
    let is_echo = |step: &Step| {
        let payload = step.packet.payload.as_deref().unwrap_or_default();
        let has_words = payload.windows(words.len().max(1)).any(|window| window == words);
        step.direction == Direction::Clientbound && step.name() == "system_chat" && has_words
    };
    let echo = steps.iter().enumerate().skip(chat).find(|(_, step)| is_echo(step));
    let (echo, _) =
        echo.ok_or_else(|| anyhow::anyhow!("the recording has no answer to a chat line"))?;
    places.push(echo);
    Ok(places)
}

/// Changes one byte inside a packet's payload so that it cannot be read any more; gives which packet.
fn break_one(steps: &mut [Step], workspace: &mut Workspace) -> anyhow::Result<usize> {
    let place = place(steps, 0, BROKEN)?;
    let step = &mut steps[place];
    let packet = &step.packet;
    let plan = packet.definition.as_ref().and_then(|definition| definition.plan.as_ref());
    let (Some(plan), Some(payload)) = (plan, &packet.payload) else {
        anyhow::bail!("the packet to be broken cannot be read");
    };
    anyhow::ensure!(step.frame.ends_with(payload), "the packet to be broken is compressed");
    let in_front = step.frame.len() - payload.len();
    for at in (packet.body as usize..payload.len()).rev() {
        let mut broken = payload.to_vec();
        broken[at] = 0x7f;
        let read = plan.decode(&broken, packet.body, &packet.conn, workspace);
        if read.error().is_some_and(|error| !error.path.is_empty()) {
            let mut frame = BytesMut::from(&step.frame[..in_front]);
            frame.extend_from_slice(&broken);
            step.frame = frame.freeze();
            step.packet.payload = Some(Bytes::from(broken));
            return Ok(place);
        }
    }
    anyhow::bail!("the packet to be broken reads well whatever is in it")
}

fn explain(step: &Step, style: Style, workspace: &mut Workspace) -> anyhow::Result<()> {
    let mut out = title(style, "3", &format!("every byte of a packet explained: {}", step.name()));
    let packet = &step.packet;
    if let Some(definition) = &packet.definition
        && let (Some(plan), Some(payload)) = (&definition.plan, &packet.payload)
    {
        let mut read = plan.decode(payload, packet.body, &packet.conn, workspace);
        write_tree(&mut read, packet.body, style, &mut out);
    }
    emit(&out)
}

fn show_broken(step: &Step, played: &Played, style: Style) -> anyhow::Result<()> {
    let mut out =
        title(style, "4", "one packet was broken on its way: it is marked, and it passed");
    out.push_str(&played.broken_row);
    let same = if played.broken_arrived { "the same" } else { "other" };
    put(&mut out, format_args!("           the client got {same} {} bytes\n", step.frame.len()));
    emit(&out)
}

/// Says what was counted, and what to do next.
fn finish(played: &Played, steps: &[Step], style: Style) -> anyhow::Result<ExitCode> {
    let mut out =
        title(style, "5", "the real thing: start this, then type 127.0.0.1 into the game");
    out.push_str("   midwire proxy minecraft --to play.example.org\n\n");
    let complete = played.packets == steps.len() as u64;
    if played.identical && complete {
        let Played { packets, bytes, .. } = played;
        put(
            &mut out,
            format_args!("ok: {packets} packets, {bytes} bytes; identical at both ends\n"),
        );
        emit(&out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let what = if played.identical { "identical" } else { "not identical" };
    put(
        &mut out,
        format_args!(
            "failed: {} of {} packets, {} bytes; {what} at both ends\n",
            played.packets,
            steps.len(),
            played.bytes
        ),
    );
    emit(&out)?;
    Ok(ExitCode::from(NO))
}

/// A line over a part of the demo.
fn title(style: Style, number: &str, text: &str) -> String {
    format!(
        "\n{} {}\n",
        style.paint(Paint::Dim, format_args!("{number}.")),
        style.paint(Paint::Name, text)
    )
}

/// Writes at once, so that people can follow.
fn emit(text: &str) -> anyhow::Result<()> {
    Ok(write(text.as_bytes())?)
}

/// The setup's protocol at the version that the recording has, for people.
fn version(setup: &Arc<Setup>, steps: &[Step]) -> String {
    let version = steps.last().map(|step| step.packet.version);
    let versions = &setup.protocol().versions;
    version.map_or_else(String::new, |version| versions.get(version).key.to_string())
}
