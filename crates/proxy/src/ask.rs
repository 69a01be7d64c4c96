//! `midwire` alone on a terminal: asks for what it needs, begins, and keeps its window open when something
//! goes wrong.

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::Parser as _;
use midwire_definition::escape::escape_lines;

use crate::args::{Args, Command, Proxy};
use crate::error;
use crate::protocols::{self, Lookup};
use crate::proxy;
use crate::rfb;

/// What is taken where nothing is typed.
const GAME: &str = "minecraft";
/// A server on this machine.
const SERVER: &str = "127.0.0.1";

/// Whether there is somebody to ask.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and plays.
pub(crate) fn run() -> ExitCode {
    talk(&mut io::stdin().lock(), &mut io::stdout(), |args| error::exit_code(proxy::run(&args)))
}

/// The whole conversation; `play` says how it went.
fn talk(
    input: &mut impl BufRead,
    output: &mut impl Write,
    play: impl FnOnce(Proxy) -> ExitCode,
) -> ExitCode {
    match ask(input, output) {
        Ok(Some(args)) => {
            let code = play(args);
            if code != ExitCode::SUCCESS {
                // A window of its own would be gone with the program.
                let _ = line(input, output, "press Enter to close ");
            }
            code
        }
        // Nobody wants to play.
        Ok(None) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(error::FAILED),
    }
}

/// Asks until the answers make sense. `None`: there was no answer any more.
fn ask(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<Option<Proxy>> {
    writeln!(
        output,
        "midwire stands between a game and its server, and shows what they say to each other.\n\
         `midwire --help` shows every command. Enter alone takes what is in brackets.\n"
    )?;
    let mut games = protocols::names(&protocols::folders(&[]));
    for game in &mut games {
        if game == rfb::NAME {
            game.push_str(" or vnc");
        }
    }
    let games = games.join(", ");
    let protocol = loop {
        let question = format!("Which game ({games})? [{GAME}] ");
        let Some(game) = line(input, output, &question)? else { return Ok(None) };
        let game = if game.is_empty() { GAME.to_owned() } else { game };
        let game = rfb::canonical(&game).to_owned();
        match Lookup::new(&game, &[]).and_then(|lookup| lookup.read()) {
            Ok(protocol) => break (game, protocol),
            Err(error) => writeln!(output, "{}", escape_lines(&format!("{error:#}")))?,
        }
    };
    let (game, protocol) = protocol;
    loop {
        let question = format!("Address of the server, as you type it into the game? [{SERVER}] ");
        let Some(to) = line(input, output, &question)? else { return Ok(None) };
        let to = if to.is_empty() { SERVER.to_owned() } else { to };
        let typed = proxy::to(&to, protocol.port, &protocol.name);
        let display = if game == rfb::NAME { rfb::check_displays(Some(&to), None) } else { Ok(()) };
        if let Err(error) = typed.map(drop).and(display) {
            writeln!(output, "{}", escape_lines(&format!("{error:#}")))?;
            continue;
        }
        // As if it had been typed at once; what an option begins with is no name.
        match Args::try_parse_from(["midwire", "proxy", &game, &format!("--to={to}")]) {
            Ok(Args { command: Some(Command::Proxy(args)) }) => return Ok(Some(*args)),
            _ => writeln!(output, "midwire cannot go there; type another address")?,
        }
    }
}

/// An answer without the space around it; `None` at the end of the input.
fn line(
    input: &mut impl BufRead,
    output: &mut impl Write,
    question: &str,
) -> io::Result<Option<String>> {
    write!(output, "{}", escape_lines(question))?;
    output.flush()?;
    let mut answer = String::new();
    Ok((input.read_line(&mut answer)? > 0).then(|| answer.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was asked, and what it led to.
    fn asked(input: &str, code: u8) -> (String, Option<Proxy>, &str) {
        let (mut rest, mut output, mut played) = (input.as_bytes(), Vec::new(), None);
        talk(&mut rest, &mut output, |args| {
            played = Some(args);
            ExitCode::from(code)
        });
        let left = &input[input.len() - rest.len()..];
        (String::from_utf8(output).unwrap(), played, left)
    }

    #[test]
    fn enter_alone_takes_the_defaults() {
        let (output, played, _) = asked("\n\n", 0);
        let played = played.unwrap();
        assert_eq!(
            (played.protocol.as_deref(), played.to.as_deref()),
            (Some("minecraft"), Some("127.0.0.1"))
        );
        assert!(output.contains("[minecraft]"), "{output}");
        assert!(!output.contains("press Enter"), "{output}");
    }

    #[test]
    fn what_makes_no_sense_is_asked_again() {
        let (output, played, _) =
            asked("minecarft\nterraria\nhost:0\n--listen\n example.org:7 \n", 0);
        let played = played.unwrap();
        assert_eq!(
            (played.protocol.as_deref(), played.to.as_deref()),
            (Some("terraria"), Some("example.org:7"))
        );
        assert!(output.contains("did you mean minecraft?"), "{output}");
        assert!(output.contains("0 is no port"), "{output}");
    }

    #[test]
    fn a_display_is_asked_again_and_vnc_is_a_name_for_rfb() {
        let (output, played, _) = asked("VNC\nstudio:1\nstudio:5901\n", 0);
        let played = played.unwrap();
        assert_eq!(
            (played.protocol.as_deref(), played.to.as_deref()),
            (Some("rfb"), Some("studio:5901"))
        );
        assert!(output.contains("did you mean display 1, port 5901?"), "{output}");
    }

    #[test]
    fn after_an_error_the_window_waits() {
        let (output, _, left) = asked("\n\nread by the last question\n", 3);
        assert!(output.ends_with("press Enter to close "), "{output}");
        assert_eq!(left, "");
    }

    #[test]
    fn without_an_answer_nothing_happens() {
        for input in ["", "terraria\n"] {
            assert!(asked(input, 0).1.is_none());
        }
    }
}
