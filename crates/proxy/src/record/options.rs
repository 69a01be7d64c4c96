//! How a recording is made, as it was typed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use midwire_definition::diagnostics::suggest;
use midwire_session::Recording;

use super::file::{self, OpenError};
use crate::error::usage;
use crate::print::time::Compact;

/// When a file is followed by another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Once it has so many bytes.
    pub(super) size: Option<u64>,
    /// So long after it was begun.
    pub(super) duration: Option<Duration>,
    /// Only the last so many are left.
    pub(super) files: Option<u32>,
}

/// When the system is told to put what was written on the disk itself. A midwire that dies loses nothing without;
/// a machine that does loses what the system had not written yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sync {
    /// When the system likes
    None,
    /// Within every second
    #[default]
    Second,
    /// After every write
    Always,
}

/// All that was said.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) path: PathBuf,
    pub(super) rotation: Option<Rotation>,
    pub(super) compresses: bool,
    pub(super) sync: Sync,
    pub(super) recording: Recording,
    /// Bytes that may wait to be written.
    pub(super) room: usize,
    /// Which packets are kept; all, if nobody says.
    pub(crate) keep: Option<String>,
}

impl Options {
    /// As it was typed, for a file or for one in the data folder.
    pub(crate) fn new(
        args: &crate::args::Record,
        path: PathBuf,
        room: usize,
    ) -> anyhow::Result<Self> {
        let rotation = Rotation::parse(&args.rotate)?;
        if args.compress && rotation.is_none() {
            return Err(usage(
                "--compress: files are compressed when others follow them; say when with -b, as in \
                 -b filesize:100000",
            ));
        }
        let recording = if args.record_secrets { Recording::Whole } else { Recording::Masked };
        Ok(Self {
            path,
            rotation,
            compresses: args.compress,
            sync: args.sync,
            recording,
            room,
            keep: args.keep.clone(),
        })
    }
}

impl Rotation {
    /// `filesize:KB`, `duration:SECONDS`, `files:N`; none, if there is none.
    fn parse(given: &[String]) -> anyhow::Result<Option<Self>> {
        let mut rotation = Self::default();
        for text in given {
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            let number = value.parse::<u32>().ok().filter(|number| *number > 0);
            let number = number.ok_or_else(|| {
                usage(format!("-b {text}: write it as NAME:NUMBER, such as filesize:100000"))
            });
            match name {
                // As tshark has it.
                "filesize" => rotation.size = Some(u64::from(number?) * 1000),
                "duration" => rotation.duration = Some(Duration::from_secs(number?.into())),
                "files" => rotation.files = Some(number?),
                _ => {
                    const NAMES: [&str; 3] = ["filesize", "duration", "files"];
                    let near = suggest(name, NAMES.into_iter())
                        .map_or(String::new(), |near| format!("; did you mean {near}?"));
                    return Err(usage(format!(
                        "-b {text}: there is no {name}{near}\n  filesize:KB  the next file begins \
                         after so many kilobytes\n  duration:SEC  after so many seconds\n  \
                         files:N  only the last so many files are left"
                    )));
                }
            }
        }
        if rotation.files.is_some() && rotation.size.is_none() && rotation.duration.is_none() {
            return Err(usage(
                "-b files:N: say when files change as well: filesize:KB, duration:SEC",
            ));
        }
        Ok((rotation != Self::default()).then_some(rotation))
    }
}

/// A file in the data folder, named by time and protocol, that is not there yet.
pub(crate) fn in_data_folder(protocol: &str, now: SystemTime) -> anyhow::Result<PathBuf> {
    use etcetera::BaseStrategy as _;
    let base = etcetera::choose_base_strategy();
    let base = base.map_err(|_| usage("--record: this user has no home; say -w FILE"))?;
    let folder = base.data_dir().join("midwire").join("captures");
    file::make_folder(&folder).map_err(|error: OpenError| anyhow::Error::from(error))?;
    // One that is not built in is called by its file.
    let of_file = protocol.strip_suffix(".wire").and_then(|path| Path::new(path).file_name());
    let stem: String = of_file
        .map_or(protocol.into(), |name| name.to_string_lossy())
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' })
        .collect();
    let name = |more: &str| folder.join(format!("{}-{stem}{more}.pcapng", Compact(now)));
    let mut path = name("");
    let mut count = 1;
    while path.exists() {
        count += 1;
        path = name(&format!("-{count}"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(given: &[&str]) -> anyhow::Result<Option<Rotation>> {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        Rotation::parse(&given)
    }

    #[test]
    fn rotation_is_written_as_for_tshark() {
        let rotation = parse(&["filesize:100", "duration:60", "files:3"]).unwrap().unwrap();
        assert_eq!(rotation.size, Some(100_000));
        assert_eq!(rotation.duration, Some(Duration::from_secs(60)));
        assert_eq!(rotation.files, Some(3));
        assert_eq!(parse(&[]).unwrap(), None);
    }

    #[test]
    fn what_rotation_cannot_be_is_said() {
        for (given, said) in [
            ("filesize", "NAME:NUMBER"),
            ("filesize:0", "NAME:NUMBER"),
            ("duration:-1", "NAME:NUMBER"),
            ("file:3", "did you mean files?"),
            ("files:3", "say when files change"),
        ] {
            let error = parse(&[given]).unwrap_err().to_string();
            assert!(error.contains(said), "{given}: {error}");
        }
    }
}
