//! One session, from the accepted client to the end of both connections.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::BytesMut;
use midwire_session::{Counters, HostRewrite, Setup};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::driver::Driver;
use super::farewell::{Unserved, Words};
use super::target::Connected;
use super::{ListenerConfig, Service, Shared};
use crate::names::Place;
use crate::queue::Message;

/// What a session begins with.
pub(super) struct Start {
    pub(super) number: u64,
    pub(super) client: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) listener: Arc<ListenerConfig>,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Two connections, and what was read of them before they are joined.
pub(super) struct Ends {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    /// By direction: what the client sent, what the server sent.
    pub(super) read: [BytesMut; 2],
}

impl Start {
    /// Relays until both connections have ended.
    pub(super) async fn run(mut self) -> [Counters; 2] {
        let begun = SystemTime::now();
        let clock = Instant::now();
        let route = match &self.listener.service {
            Service::Route(route) => route.clone(),
        };
        let server = route.to.to_string().into();
        let opened = Message::Opened { session: self.number, client: self.from, server };
        self.shared.events.send(opened).await;
        let connected = {
            let Shared { addresses, names, limits, .. } = &*self.shared;
            // Boxed: once connected, a session has no use for the memory.
            let connecting = Box::pin(route.to.connect(names, addresses, limits.connect_timeout));
            tokio::select! {
                connected = connecting => connected.map_err(|error| error.to_string()),
                () = asked(&mut self.stop) => Err("midwire ends".to_owned()),
            }
        };
        let counters = match connected {
            Ok(Connected { stream, place }) => {
                let ends = Ends { client: self.client, server: stream, read: Default::default() };
                let mut setup = route.setup.clone();
                let mut first = setup.borrow_and_update().clone();
                if let Some(Place { host, port }) = place {
                    // A game that follows an SRV record tells the server where it has led.
                    first = first.with_host(HostRewrite { host, port });
                }
                let mut driver = Driver::new(&self.shared, first, ends, clock);
                driver.set_peers(self.number);
                driver.set_words(Words::of(&self.shared, &route.to));
                drive(driver, setup, self.number, begun, &self.shared, self.stop).await
            }
            Err(reason) => {
                let text = format!("cannot connect to {}: {reason}", route.to);
                self.shared.events.notice(Some(self.number), text);
                let unserved = Unserved {
                    client: self.client,
                    setup: route.setup.borrow().clone(),
                    text: &format!("midwire: cannot reach {}: {reason}", route.to),
                    shared: &self.shared,
                    session: Some((self.number, begun)),
                    clock,
                };
                // Boxed: a session that is served has no use for the memory.
                Box::pin(unserved.tell(&mut self.stop)).await
            }
        };
        self.shared.events.send(Message::Ended { session: self.number }).await;
        counters
    }
}

/// Waits until other definitions are to be used.
async fn changed(setup: &mut watch::Receiver<Arc<Setup>>) {
    if setup.changed().await.is_err() {
        // Nobody watches the files.
        std::future::pending::<()>().await;
    }
}

/// Waits until the program is to end.
pub(super) async fn asked(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // There is nobody left to ask for it.
        std::future::pending::<()>().await;
    }
}

/// Moves bytes until the session is over.
async fn drive(
    mut driver: Driver,
    mut setup: watch::Receiver<Arc<Setup>>,
    number: u64,
    begun: SystemTime,
    shared: &Shared,
    mut stop: watch::Receiver<bool>,
) -> [Counters; 2] {
    let mut stopped = pin!(asked(&mut stop));
    loop {
        tokio::select! {
            // What was saved counts for what comes afterwards, however much waits to be read.
            biased;
            () = changed(&mut setup) => {
                let setup = setup.borrow_and_update().clone();
                driver.set_definitions(setup);
            }
            () = &mut stopped, if !driver.is_stopping() => driver.stop(),
            () = poll_fn(|cx| driver.poll(cx)) => {}
        }
        if let Some(reason) = driver.reason.take() {
            shared.events.notice(Some(number), reason);
        }
        if !driver.events.is_empty() {
            let events = std::mem::take(&mut driver.events);
            shared.events.send(Message::Events { session: number, begun, events }).await;
        }
        if driver.is_done() {
            return driver.finish();
        }
    }
}
