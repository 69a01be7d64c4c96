//! A user with a folder of data, and the services that are asked.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::program::{Ended, Program};
use crate::support::services::Services;

pub(crate) struct World {
    pub(crate) services: Services,
    folder: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("midwire-accounts-{}-{number}", std::process::id());
        Self { services: Services::start(), folder: std::env::temp_dir().join(name) }
    }

    /// The user's own folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of accounts.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("midwire").join("accounts.json")
    }

    /// Starts a command for this user, who wants to know everything.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        Program::start_in(arguments, &self.folder, &[("MIDWIRE_LOG", "trace")])
    }

    /// Begins to log in.
    pub(crate) fn add(&self, more: &[&str]) -> Program {
        let settings = self.services.settings();
        let settings = settings.iter().map(String::as_str);
        let arguments: Vec<_> =
            ["account", "add"].into_iter().chain(settings).chain(more.iter().copied()).collect();
        self.start(&arguments)
    }

    /// Waits for a command's end, with this exit code and without a secret in what it says.
    pub(crate) fn ended(&self, program: Program, code: i32) -> Ended {
        let story = program.story();
        let ended = program.wait();
        let said = format!("{}{}", ended.output, ended.diagnostics);
        assert_eq!(ended.status.code(), Some(code), "{story}{said}");
        assert!(!said.contains("planted"), "a secret is in {said}");
        ended
    }

    /// The names of the accounts that there are.
    pub(crate) fn names(&self) -> Vec<String> {
        let list = self.ended(self.start(&["account", "list", "--json"]), 0);
        list.json().iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
