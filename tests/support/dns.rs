//! A name server that knows what a test says, and counts what it is asked.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// An SRV record: priority, weight, port, target.
pub type Srv = (u16, u16, u16, &'static str);

#[derive(Clone)]
pub struct Dns {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    records: Vec<Srv>,
    /// Over UDP it only says that there is more.
    cuts: bool,
    asked: Vec<String>,
}

impl Dns {
    pub fn start(records: &[Srv]) -> Self {
        Self::with(records, false)
    }

    /// One whose answers are too long for UDP.
    pub fn at_length(records: &[Srv]) -> Self {
        Self::with(records, true)
    }

    fn with(records: &[Srv], cuts: bool) -> Self {
        let (udp, tcp) = sockets();
        let address = udp.local_addr().unwrap();
        let state = State { records: records.to_vec(), cuts, asked: Vec::new() };
        let dns = Self { address, state: Arc::new(Mutex::new(state)) };
        let over_udp = dns.clone();
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((len, from)) = udp.recv_from(&mut query) {
                let answer = over_udp.answer(&query[..len], true);
                udp.send_to(&answer, from).ok();
            }
        });
        let over_tcp = dns.clone();
        thread::spawn(move || {
            for stream in tcp.incoming() {
                let mut stream = stream.unwrap();
                let mut len = [0; 2];
                stream.read_exact(&mut len).unwrap();
                let mut query = vec![0; u16::from_be_bytes(len).into()];
                stream.read_exact(&mut query).unwrap();
                let answer = over_tcp.answer(&query, false);
                stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        });
        dns
    }

    pub fn set(&self, records: &[Srv]) {
        self.state.lock().unwrap().records = records.to_vec();
    }

    /// The names that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    fn answer(&self, query: &[u8], over_udp: bool) -> Vec<u8> {
        let mut state = self.state.lock().unwrap();
        let question = &query[12..];
        let (name, end) = read_name(question);
        assert_eq!(question[end..end + 4], [0, 33, 0, 1], "SRV, IN");
        state.asked.push(name);
        let records = if state.cuts && over_udp { Vec::new() } else { state.records.clone() };
        let cut = if state.cuts && over_udp { 0x02 } else { 0 };
        let mut answer = [&query[..2], &[0x81 | cut, 0x80, 0, 1, 0]].concat();
        answer.push(records.len() as u8);
        answer.extend_from_slice(&[0; 4]);
        answer.extend_from_slice(&question[..end + 4]);
        for (priority, weight, port, target) in records {
            let mut data = [priority, weight, port].map(u16::to_be_bytes).concat();
            for label in target.split('.').filter(|label| !label.is_empty()) {
                data.push(label.len() as u8);
                data.extend_from_slice(label.as_bytes());
            }
            data.push(0);
            // the name of the question, SRV, IN, a minute
            answer.extend_from_slice(&[0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
            answer.extend_from_slice(&(data.len() as u16).to_be_bytes());
            answer.extend_from_slice(&data);
        }
        answer
    }
}

/// A port of UDP and TCP.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}

fn read_name(bytes: &[u8]) -> (String, usize) {
    let (mut labels, mut at) = (Vec::new(), 0);
    while bytes[at] != 0 {
        let end = at + 1 + usize::from(bytes[at]);
        labels.push(String::from_utf8_lossy(&bytes[at + 1..end]).into_owned());
        at = end;
    }
    (labels.join("."), at + 1)
}
