//! The ends of connections: one sends in pieces of a size, one reads all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::loopback::connect;

pub(crate) struct Ends {
    client: TcpStream,
    server: TcpStream,
}

impl Ends {
    /// Connects through what listens at `address`.
    pub(crate) fn open(address: SocketAddr, server: &TcpListener) -> Self {
        let (client, server) = connect(address, server);
        Self { client, server }
    }
}

/// Sends so many bytes in all to the clients; how long that took.
pub(crate) fn flood(ends: Vec<Ends>, chunk: usize, bytes: usize) -> Duration {
    let each = (bytes / ends.len() / chunk).max(1) * chunk;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for Ends { mut client, mut server } in ends {
            scope.spawn(move || {
                let piece = vec![0x5a; chunk];
                for _ in 0..each / chunk {
                    server.write_all(&piece).expect("it takes the flood");
                }
            });
            scope.spawn(move || {
                let mut buffer = vec![0; 256 << 10];
                let mut left = each;
                while left > 0 {
                    let len = client.read(&mut buffer).expect("the flood arrives");
                    assert!(0 < len && len <= left, "{len} bytes came, {left} were due");
                    left -= len;
                }
            });
        }
    });
    begun.elapsed()
}
