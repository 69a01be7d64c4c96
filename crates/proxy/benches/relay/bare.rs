//! The yardsticks: loops that stand where midwire stands, and only copy.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use midwire_codec::{ByteOrder, Counts, Framing, Prefix, frames};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

const BUFFER: usize = 64 << 10;

/// The argument that makes this program a loop that copies.
pub(crate) const COPY: &str = "bare-copy";
/// The argument that makes this program a loop that also looks at each frame's length and id.
pub(crate) const PEEK: &str = "bare-peek";

/// Runs a loop, if that is what these arguments ask for: its name, the protocol, and where to.
pub(crate) fn asked_for(args: &[String]) -> Option<ExitCode> {
    let [name, protocol, to] = args else { return None };
    let framing = match name.as_str() {
        COPY => None,
        PEEK => Some(framing(protocol)),
        _ => return None,
    };
    let to = to.parse().expect("an address");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.expect("a runtime").block_on(serve(to, framing));
    eprintln!("{ended:?}");
    Some(ExitCode::FAILURE)
}

fn framing(protocol: &str) -> Framing {
    match protocol {
        "terraria" => Framing {
            order: ByteOrder::Little,
            counts: Counts::Whole,
            ..Framing::new(Prefix::U16, 65_535)
        },
        _ => Framing::new(Prefix::Varint, 2_097_151),
    }
}

async fn serve(to: SocketAddr, framing: Option<Framing>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut server = TcpStream::connect(to).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            let Some(framing) = framing else {
                return copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER)
                    .await
                    .map(|_| ());
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::try_join!(
                peek(from_client, to_server, framing),
                peek(from_server, to_client, framing)
            )?;
            Ok::<(), io::Error>(())
        });
    }
}

/// Sends whole frames on, in one write a read, and counts their ids.
async fn peek(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, framing: Framing) -> io::Result<()> {
    let mut ids = [0u64; 256];
    let mut buffer = vec![0; BUFFER];
    let mut held = 0;
    loop {
        if held == buffer.len() {
            buffer.resize(2 * held, 0);
        }
        let read = from.read(&mut buffer[held..]).await?;
        if read == 0 {
            std::hint::black_box(ids);
            return to.shutdown().await;
        }
        held += read;
        let mut whole = frames(&framing, &buffer[..held]);
        for frame in whole.by_ref() {
            let frame = frame.map_err(io::Error::other)?;
            if let Some(id) = buffer[frame.payload].first() {
                ids[usize::from(*id)] += 1;
            }
        }
        let end = whole.consumed();
        to.write_all(&buffer[..end]).await?;
        buffer.copy_within(end..held, 0);
        held -= end;
    }
}
