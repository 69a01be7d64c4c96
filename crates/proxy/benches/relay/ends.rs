//! The two ends of a connection: a client and a server that say what was prepared for them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::recording::Direction;
use crate::support::loopback::connect;
use crate::traffic::Traffic;

/// Larger than what stands in the middle reads at once.
const BUFFER: usize = 256 << 10;

pub(crate) struct Ends {
    client: TcpStream,
    server: TcpStream,
}

impl Ends {
    /// Connects through what listens at `address`, and says the opening.
    pub(crate) fn open(address: SocketAddr, server: &TcpListener, traffic: &Traffic) -> Self {
        let (client, server) = connect(address, server);
        let mut ends = Self { client, server };
        for (direction, bytes) in &traffic.opening {
            let (mut from, mut to) = match direction {
                Direction::Serverbound => (&ends.client, &ends.server),
                Direction::Clientbound => (&ends.server, &ends.client),
            };
            from.write_all(bytes).expect("it takes the opening");
            let mut arrived = vec![0; bytes.len()];
            to.read_exact(&mut arrived).expect("the opening arrives");
            assert!(arrived == *bytes, "the opening was changed");
        }
        ends.client.flush().expect("a socket has no buffer");
        ends
    }

    /// Sends the flood so many times to the client, which compares it.
    pub(crate) fn flood(mut self, traffic: &Traffic, times: usize) -> Duration {
        let flood = &traffic.flood;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..times {
                    self.server.write_all(flood).expect("it takes the flood");
                }
            });
            let mut buffer = vec![0; BUFFER];
            let mut left = times * flood.len();
            let mut at = 0;
            while left > 0 {
                let len = self.client.read(&mut buffer).expect("the flood arrives");
                assert!(0 < len && len <= left, "{len} bytes came, {left} were due");
                left -= len;
                let mut came = &buffer[..len];
                while !came.is_empty() {
                    let len = came.len().min(flood.len() - at);
                    assert!(came[..len] == flood[at..at + len], "the flood was changed");
                    came = &came[len..];
                    at = (at + len) % flood.len();
                }
            }
        });
        begun.elapsed()
    }

    /// Sends a packet to the server and waits for one back, so many times; microseconds of each.
    pub(crate) fn answers(mut self, traffic: &Traffic, times: usize) -> Vec<f64> {
        let (ask, answer) = (&traffic.ask, &traffic.answer);
        let (client, server) = (&mut self.client, &mut self.server);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut asked = vec![0; ask.len()];
                for _ in 0..times {
                    server.read_exact(&mut asked).expect("the packet arrives");
                    server.write_all(answer).expect("it takes the answer");
                }
            });
            let mut answered = vec![0; answer.len()];
            let mut once = || {
                let begun = Instant::now();
                client.write_all(ask).expect("it takes the packet");
                client.read_exact(&mut answered).expect("the answer arrives");
                begun.elapsed().as_secs_f64() * 1e6
            };
            (0..times).map(|_| once()).collect()
        })
    }
}
