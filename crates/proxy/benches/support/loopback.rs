//! Connections on this machine.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

pub(crate) fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")
}

/// The client's and the server's end of a connection through what listens at `through`.
pub(crate) fn connect(through: SocketAddr, server: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(through).expect("it accepts");
    let (server, _) = server.accept().expect("it connects");
    for end in [&client, &server] {
        end.set_nodelay(true).expect("an open socket");
    }
    (client, server)
}
