//! Whether midwire could listen, and who does if it cannot.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::report::{Finding, Report};
use crate::error::OutputError;
use crate::relay::{MOVES, leads_to};

/// Where midwire would listen.
pub(super) struct Listen<'a> {
    pub(super) address: SocketAddr,
    /// The next free port will do as well.
    pub(super) may_move: bool,
    /// The server's addresses, which midwire must not take.
    pub(super) servers: &'a [SocketAddr],
}

impl Listen<'_> {
    /// Tells whether it could; gives the address that it would listen on.
    pub(super) fn look(&self, report: &mut Report) -> Result<Option<SocketAddr>, OutputError> {
        let address = self.address;
        let is_server = |own: SocketAddr| self.servers.iter().any(|to| leads_to(*to, own));
        let cause = if is_server(address) {
            format!("{address} is the server itself")
        } else {
            match TcpListener::bind(address) {
                Ok(_) => {
                    report.tell(Finding::good("port", format!("{address} is free")))?;
                    return Ok(Some(address));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    let who = listener(address);
                    format!("{} uses {address}", who.unwrap_or("another program".into()))
                }
                Err(error) => {
                    let text = match error.kind() {
                        io::ErrorKind::PermissionDenied => {
                            format!("{address}: {error}; ports below 1024 often need rights")
                        }
                        io::ErrorKind::AddrNotAvailable => {
                            format!("this machine does not have the address {}", address.ip())
                        }
                        _ => format!("{address}: {error}"),
                    };
                    report.tell(Finding::bad("port", text))?;
                    return Ok(None);
                }
            }
        };
        let next = |port: u16| SocketAddr::new(address.ip(), port);
        let last = address.port().saturating_add(MOVES);
        let free = |own: &SocketAddr| !is_server(*own) && TcpListener::bind(*own).is_ok();
        let free = (address.port()..=last).map(next).find(free).filter(|_| self.may_move);
        let finding = match free {
            Some(free) => Finding::note("port", format!("{cause}; midwire takes {free}")),
            None => Finding::bad("port", format!("{cause}; take another with --listen")),
        };
        report.tell(finding)?;
        Ok(free)
    }
}

/// The program that listens on an address, where the system tells.
#[cfg(target_os = "linux")]
fn listener(address: SocketAddr) -> Option<String> {
    let inode = listening_socket(address)?;
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    for process in processes {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let is_it = |file: std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == &*wanted)
        };
        if files.flatten().any(is_it) {
            let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
            return Some(format!("{} (process {id})", name.trim_end()));
        }
    }
    None
}

/// The number of the socket that listens on an address, or on all of its kind.
#[cfg(target_os = "linux")]
fn listening_socket(address: SocketAddr) -> Option<String> {
    const LISTENING: &str = "0A";
    let port = format!("{:04X}", address.port());
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().find_map(|table| {
        let text = std::fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| {
            let mut columns = line.split_whitespace();
            let local = columns.nth(1)?;
            let state = columns.nth(1)?;
            let inode = columns.nth(5)?;
            let is_it = state == LISTENING && local.rsplit(':').next() == Some(&*port);
            is_it.then(|| inode.to_owned())
        })
    })
}

#[cfg(not(target_os = "linux"))]
fn listener(_: SocketAddr) -> Option<String> {
    None
}
