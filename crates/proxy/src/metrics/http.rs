//! As much of HTTP as it takes to be asked for the numbers: one request a connection, and one answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{Told, text};
use crate::error::usage;

/// The longest request.
const REQUEST_MAX: usize = 8 << 10;
/// How long a client may take for all of it.
const WAIT: Duration = Duration::from_secs(2);
/// Requests at once; any more wait.
const REQUESTS: usize = 64;

/// The address that was typed: a port alone is one on loopback.
pub(crate) fn address(text: &str) -> anyhow::Result<SocketAddr> {
    let port_alone = || text.trim_start_matches(':').parse().ok();
    let alone = || port_alone().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    text.parse().ok().or_else(alone).ok_or_else(|| {
        usage(format!("--metrics {text}: write it as ADDRESS:PORT, such as 127.0.0.1:9150"))
    })
}

/// Who can be asked for the numbers.
#[derive(Debug)]
pub(crate) struct Server {
    socket: TcpListener,
    told: Arc<Told>,
}

impl Server {
    pub(crate) async fn bind(address: SocketAddr, told: Told) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, told: Arc::new(told) })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until the program ends.
    pub(crate) async fn run(self) {
        let room = Arc::new(Semaphore::new(REQUESTS));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            match self.socket.accept().await {
                Ok((stream, _)) => {
                    let told = self.told.clone();
                    tokio::spawn(async move {
                        // Whoever asked has gone, or is too slow: that is theirs.
                        let _ = tokio::time::timeout(WAIT, serve(stream, &told)).await;
                        drop(permit);
                    });
                }
                // Mostly too many open files.
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

async fn serve(mut stream: TcpStream, told: &Told) -> io::Result<()> {
    let mut request = Vec::new();
    let (status, kind, body) = loop {
        let mut chunk = [0; 1024];
        let len = stream.read(&mut chunk).await?;
        request.extend_from_slice(&chunk[..len]);
        if request.windows(4).any(|end| end == b"\r\n\r\n") {
            break answer(&request, told);
        }
        if len == 0 || request.len() > REQUEST_MAX {
            break ("400 Bad Request", PLAIN, "that is no request\n".to_owned());
        }
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
    stream.shutdown().await
}

const PLAIN: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

fn answer(request: &[u8], told: &Told) -> (&'static str, &'static str, String) {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    match (method, path) {
        (b"GET", b"/metrics") => ("200 OK", PROMETHEUS, text::text(told)),
        (b"GET", _) => ("404 Not Found", PLAIN, "the numbers are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", PLAIN, "only GET is answered\n".to_owned()),
    }
}
