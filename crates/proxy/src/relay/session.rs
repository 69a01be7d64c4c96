//! One session, from the accepted client to the end of both connections.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::BytesMut;
use midwire_session::{Counters, Setup};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::driver::Driver;
use super::leg::reset_on_close;
use super::{ListenerConfig, Service, Shared};
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
            let connecting =
                route.to.connect(&self.shared.addresses, self.shared.limits.connect_timeout);
            tokio::select! {
                connected = connecting => connected.map_err(|error| error.to_string()),
                () = asked(&mut self.stop) => Err("midwire ends".to_owned()),
            }
        };
        let counters = match connected {
            Ok(server) => {
                let ends = Ends { client: self.client, server, read: Default::default() };
                let mut setup = route.setup.clone();
                let first = setup.borrow_and_update().clone();
                let driver = Driver::new(&self.shared, first, ends, clock);
                drive(driver, setup, self.number, begun, &self.shared, self.stop).await
            }
            Err(reason) => {
                // What it would have met without midwire: nobody there, not an orderly end.
                reset_on_close(&self.client);
                let text = format!("cannot connect to {}: {reason}", route.to);
                self.shared.events.notice(Some(self.number), text);
                [Counters::default(); 2]
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
            () = poll_fn(|cx| driver.poll(cx)) => {}
            () = &mut stopped, if !driver.is_stopping() => driver.stop(),
            () = changed(&mut setup) => {
                let setup = setup.borrow_and_update().clone();
                driver.set_definitions(setup);
            }
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
