//! The two end points of a proxied connection, both played by the test.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::PATIENCE;
use super::recording::Direction;

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let free =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.expect("a free port")
}

/// A server that only accepts; what is said over its connections is the test's business.
pub struct Server {
    pub address: SocketAddr,
    accepted: Receiver<TcpStream>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().unwrap();
        let (sender, accepted) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if sender.send(stream.expect("an accepted connection")).is_err() {
                    return;
                }
            }
        });
        Self { address, accepted }
    }

    pub fn accept(&self) -> End {
        End::new(self.accept_stream())
    }

    /// The next connection, if there is one in time.
    pub fn try_accept(&self, patience: Duration) -> Option<End> {
        self.accepted.recv_timeout(patience).ok().map(End::new)
    }

    /// The next connection, as it is.
    pub fn accept_stream(&self) -> TcpStream {
        match self.accepted.recv_timeout(PATIENCE) {
            Ok(stream) => stream,
            Err(RecvTimeoutError::Timeout) => panic!("the proxy did not connect to the server"),
            Err(RecvTimeoutError::Disconnected) => panic!("the server has stopped listening"),
        }
    }
}

/// How the bytes of one direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Finished,
    Reset,
}

/// What has arrived at one end.
#[derive(Default)]
pub struct Arrived {
    pub bytes: Vec<u8>,
    pub ending: Option<Ending>,
}

#[derive(Default)]
struct Inbox {
    arrived: Mutex<Arrived>,
    changed: Condvar,
}

/// One end of a connection to or from the proxy.
pub struct End {
    stream: TcpStream,
    inbox: Option<Arc<Inbox>>,
    reader: Option<JoinHandle<()>>,
    reset: bool,
}

impl End {
    /// Connects as a client would.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|e| panic!("the proxy does not accept at {address}: {e}"));
        Self::new(stream)
    }

    /// Connects as a client would to a proxy that may reset the connection at once, which a fast reset
    /// already shows here.
    pub fn connect_unless_reset(address: SocketAddr) -> Option<Self> {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => Some(Self::new(stream)),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(e) => panic!("the proxy does not accept at {address}: {e}"),
        }
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, inbox: None, reader: None, reset: false }
    }

    /// Starts to read; until then what is sent to this end stays in the network.
    pub fn read(&mut self) {
        let inbox = Arc::new(Inbox::default());
        let reader = Arc::clone(&inbox);
        let mut stream = self.stream.try_clone().expect("a socket handle");
        self.reader = Some(thread::spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let read = stream.read(&mut buffer);
                // Poisoned by a test that has failed: nobody waits any more.
                let Ok(mut arrived) = reader.arrived.lock() else { return };
                match read {
                    Ok(0) => arrived.ending = Some(Ending::Finished),
                    Ok(count) => arrived.bytes.extend_from_slice(&buffer[..count]),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(_) => arrived.ending = Some(Ending::Reset),
                }
                reader.changed.notify_all();
                if arrived.ending.is_some() {
                    return;
                }
            }
        }));
        self.inbox = Some(inbox);
    }

    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(e) = self.stream.write_all(bytes) {
            panic!("sending {} bytes to the proxy: {e}", bytes.len());
        }
    }

    /// Sends pieces of `bytes` over and over until the network takes no more for a while, and says
    /// how many bytes it took.
    pub fn send_until_full(&mut self, bytes: &[u8], most: usize) -> usize {
        let pause = Duration::from_secs(1);
        self.stream.set_write_timeout(Some(pause)).unwrap();
        let mut taken = 0;
        while taken < most {
            match self.stream.write(&bytes[taken % bytes.len()..]) {
                Ok(count) => taken += count,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(e) => panic!("sending to the proxy: {e}"),
            }
        }
        self.stream.set_write_timeout(Some(PATIENCE)).unwrap();
        taken
    }

    /// Says that nothing more will be sent; the other direction goes on.
    pub fn finish(&mut self) {
        // Fails for a peer that has already gone, which the reader reports.
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Breaks the connection off, as a crashed program's system does.
    pub fn reset(mut self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
        // The reset goes out when the last handle is dropped, and the reader has one.
        self.stream.shutdown(Shutdown::Read).ok();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader does not panic");
        }
        self.reset = true;
    }

    /// Waits until `reached` is true of what has arrived, and looks at it.
    ///
    /// Panics with the message of `late` when patience is at its end.
    pub fn wait<T>(
        &self,
        reached: impl Fn(&Arrived) -> bool,
        look: impl FnOnce(&Arrived) -> T,
        late: impl FnOnce(&Arrived) -> String,
    ) -> T {
        let inbox = self.inbox.as_ref().expect("this end reads");
        let deadline = Instant::now() + PATIENCE;
        let mut arrived = inbox.arrived.lock().unwrap();
        while !reached(&arrived) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || arrived.ending.is_some() {
                panic!("{}", late(&arrived));
            }
            arrived = inbox.changed.wait_timeout(arrived, left).unwrap().0;
        }
        look(&arrived)
    }

    /// Waits for exactly these bytes, and gives them.
    pub fn expect(&self, bytes: &[u8]) -> Vec<u8> {
        let found = self.wait(
            |arrived| arrived.bytes.len() >= bytes.len(),
            |arrived| arrived.bytes.clone(),
            |arrived| format!("{} of {} bytes arrived", arrived.bytes.len(), bytes.len()),
        );
        assert!(found == bytes, "other bytes than were sent arrived");
        found
    }

    pub fn expect_ending(&self, ending: Ending) {
        assert_eq!(self.expect_any_ending(), Some(ending));
    }

    /// Waits until this end's connection is over, in whatever way.
    pub fn expect_any_ending(&self) -> Option<Ending> {
        self.wait(
            |arrived| arrived.ending.is_some(),
            |arrived| arrived.ending,
            |arrived| format!("no end after {} bytes", arrived.bytes.len()),
        )
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.reset {
            // The reader's handle would keep the connection open.
            self.stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// The client's and the server's end of one connection through the proxy.
pub struct Ends {
    pub client: End,
    pub server: End,
}

impl Ends {
    /// Connects through the proxy; both ends read.
    pub fn open(proxy: SocketAddr, server: &Server) -> Self {
        let mut ends = Self::open_unread(proxy, server);
        ends.client.read();
        ends.server.read();
        ends
    }

    /// Connects through the proxy; neither end reads.
    pub fn open_unread(proxy: SocketAddr, server: &Server) -> Self {
        Self { client: End::connect(proxy), server: server.accept() }
    }

    pub fn sender(&mut self, direction: Direction) -> &mut End {
        match direction {
            Direction::Serverbound => &mut self.client,
            Direction::Clientbound => &mut self.server,
        }
    }

    pub fn receiver(&self, direction: Direction) -> &End {
        match direction {
            Direction::Serverbound => &self.server,
            Direction::Clientbound => &self.client,
        }
    }
}
