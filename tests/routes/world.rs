//! A running midwire with a configuration, and its servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::ends::{End, Server};
use crate::support::program::Program;

/// A folder that is gone afterwards.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("midwire-routes-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Fails only if somebody has taken it away.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// midwire with a configuration in which `{0}`, `{1}`, … stand for servers and every listener has a port of its
/// own choice.
pub struct World {
    pub program: Program,
    /// Where it listens, in order.
    pub addresses: Vec<SocketAddr>,
    pub servers: Vec<Server>,
    _folder: Folder,
}

impl World {
    pub fn new(servers: usize, config: &str) -> Self {
        Self::with(servers, config, &[])
    }

    pub fn with(servers: usize, config: &str, more: &[&str]) -> Self {
        let servers: Vec<Server> = (0..servers).map(|_| Server::start()).collect();
        let mut config = config.to_owned();
        for (number, server) in servers.iter().enumerate() {
            config = config.replace(&format!("{{{number}}}"), &server.address.to_string());
        }
        let folder = Folder::new();
        let file = folder.file("routes.toml", &config);
        let program = Program::start(&[&["proxy", "--config", &file], more].concat());
        let told = program.wait_for_diagnostics("ctrl-c ends");
        let addresses = told
            .lines()
            .filter_map(|line| line.strip_prefix("listening on ")?.split(": ").next()?.parse().ok())
            .collect();
        Self { program, addresses, servers, _folder: folder }
    }

    /// A client of the first listener, which reads.
    pub fn client(&self) -> End {
        self.client_of(0)
    }

    pub fn client_of(&self, listener: usize) -> End {
        let mut client = End::connect(self.addresses[listener]);
        client.read();
        client
    }

    /// The connection that a server has got, which reads.
    pub fn server(&self, number: usize) -> End {
        let mut server = self.servers[number].accept();
        server.read();
        server
    }

    /// Sends these bytes in pieces of some size, each on its own.
    pub fn send_in(pieces: usize, client: &mut End, bytes: &[u8]) {
        for piece in bytes.chunks(pieces.max(1)) {
            client.send(piece);
            if pieces < bytes.len() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
}
