//! The yardsticks: loops that stand where midwire stands.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use tokio::io::copy_bidirectional_with_sizes;

/// The argument that makes this program a loop that copies.
pub(crate) const COPY: &str = "bare-copy";
/// The argument that makes this program a loop that splices.
pub(crate) const SPLICE: &str = "bare-splice";

/// Bytes of a pipe and of a copy.
const BUFFER: usize = 256 << 10;

/// Runs a loop, if that is what these arguments ask for: its name, and where to.
pub(crate) fn asked_for(args: &[String]) -> Option<ExitCode> {
    let [name, to] = args else { return None };
    let to = to.parse().ok()?;
    let served = match name.as_str() {
        COPY => copy(to),
        SPLICE => splice(to),
        _ => return None,
    };
    eprintln!("the loop ends: {served:?}");
    Some(ExitCode::FAILURE)
}

fn copy(to: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("listening on {}", listener.local_addr()?);
        loop {
            let (mut client, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(to).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await
            });
        }
    })
}

/// A thread for each direction, which waits in the kernel: nothing can be simpler.
fn splice(to: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept()?;
        let server = TcpStream::connect(to)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || pass(&from_client, &to_server));
        std::thread::spawn(move || pass(&server, &client));
    }
}

#[cfg(target_os = "linux")]
fn pass(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
    let (out_of, into) = pipe()?;
    fcntl_setpipe_size(&into, BUFFER)?;
    loop {
        let mut len = splice(from, None, &into, None, BUFFER, SpliceFlags::MOVE)?;
        if len == 0 {
            return to.shutdown(std::net::Shutdown::Write);
        }
        while len > 0 {
            len -= splice(&out_of, None, to, None, len, SpliceFlags::MOVE)?;
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn pass(_: &TcpStream, _: &TcpStream) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
