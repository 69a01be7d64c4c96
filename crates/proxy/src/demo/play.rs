//! Playing: a server, a client, the relay between them, and somebody who watches the relay.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use midwire_definition::Limits;
use midwire_session::{Direction, Event, Setup, Watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::recording::Step;
use super::{emit, title, version};
use crate::print::{Columns, RowWriter, Style, put, screen};
use crate::queue::{Message, Receiver, WhenFull, queue};
use crate::relay::{ListenerConfig, Relay, RelayConfig, Route, Service, Target};
use crate::settings::RelayLimits;

/// How long anything on this machine may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Played {
    /// Packets that the relay reported.
    pub(super) packets: u64,
    /// Bytes that arrived at both ends.
    pub(super) bytes: u64,
    /// Every byte arrived as it was sent, and nothing else.
    pub(super) identical: bool,
    /// The listing's line for the packet that was broken.
    pub(super) broken_row: String,
    pub(super) broken_arrived: bool,
}

/// Plays the steps through a relay, and prints the watched ones as the relay reports them.
pub(super) fn play(
    setup: &Arc<Setup>,
    steps: &[Step],
    watched: &[usize],
    broken: usize,
    time: Duration,
    style: Style,
) -> anyhow::Result<Played> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (events, reported) = queue(RelayLimits::default().events_max, WhenFull::Wait);
    let watcher = Watcher { watched: watched.to_vec(), broken, style };
    let watching = std::thread::spawn(move || watcher.run(&reported));
    let ends = runtime.block_on(async {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let server_address = server.local_addr()?;
        let to = Target {
            host: server_address.ip().to_string().into(),
            port: server_address.port(),
            service: None,
        };
        let route = Route::new(to, watch::channel(setup.clone()).1);
        let config = RelayConfig {
            listeners: vec![ListenerConfig {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                may_move: false,
                service: Service::Route(Arc::new(route)),
            }],
            watch: Watch::Packets,
            watch_raw: Watch::Packets,
            limits: RelayLimits::default(),
            metrics: None,
            account: None,
        };
        let relay = Relay::bind(config, events).await?;
        let relay_address = relay.addresses()[0];
        let (stop, stopped) = watch::channel(false);
        let relaying = tokio::spawn(relay.run(stopped));
        let client = TcpStream::connect(relay_address).await?;
        let accepted =
            timeout(PATIENCE, server.accept()).await.context("the relay does not connect")?;
        let (accepted, _) = accepted?;
        let mut intro = format!(
            "A recorded game of Minecraft {}, played through midwire on this machine:\n  \
             client {} → midwire {relay_address} → server {server_address}\n",
            version(setup, steps),
            client.local_addr()?,
        );
        intro.push_str(&title(style, "1", "six of its packets, as they pass"));
        emit(&intro)?;
        let ends = Ends { client, server: accepted }.play(steps, broken, time).await?;
        stop.send_replace(true);
        relaying.await?;
        anyhow::Ok(ends)
    })?;
    let watched = watching.join().map_err(|_| anyhow::anyhow!("the watcher has failed"))??;
    Ok(Played { packets: watched.packets, broken_row: watched.broken_row, ..ends })
}

/// The two that talk.
struct Ends {
    client: TcpStream,
    server: TcpStream,
}

impl Ends {
    /// Sends every frame when all before it have arrived, and compares what arrives.
    async fn play(
        mut self,
        steps: &[Step],
        broken: usize,
        time: Duration,
    ) -> anyhow::Result<Played> {
        for stream in [&self.client, &self.server] {
            stream.set_nodelay(true)?;
        }
        let recorded = steps.last().map_or(Duration::ZERO, |step| step.packet.at.0);
        let scale = time.as_secs_f64() / recorded.as_secs_f64().max(0.001);
        let begun = tokio::time::Instant::now();
        let mut played = Played { identical: true, ..Played::default() };
        let mut arrived = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            tokio::time::sleep_until(begun + step.packet.at.0.mul_f64(scale)).await;
            let (from, to) = match step.direction {
                Direction::Serverbound => (&mut self.client, &mut self.server),
                Direction::Clientbound => (&mut self.server, &mut self.client),
            };
            arrived.clear();
            arrived.resize(step.frame.len(), 0);
            let passed = async {
                tokio::try_join!(from.write_all(&step.frame), to.read_exact(&mut arrived))
            };
            match timeout(PATIENCE, passed).await {
                Ok(passed) => passed.context("a connection broke")?,
                Err(_) => bail!("packet {} did not arrive", number + 1),
            };
            played.bytes += arrived.len() as u64;
            played.identical &= arrived == step.frame;
            if number == broken {
                played.broken_arrived = arrived == step.frame;
            }
        }
        self.client.shutdown().await?;
        self.server.shutdown().await?;
        for stream in [&mut self.client, &mut self.server] {
            let surplus = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
            played.identical &= matches!(surplus, Ok(Ok(0)));
        }
        Ok(played)
    }
}

/// Takes what the relay reports.
struct Watcher {
    watched: Vec<usize>,
    broken: usize,
    style: Style,
}

#[derive(Default)]
struct Watched {
    packets: u64,
    broken_row: String,
}

impl Watcher {
    fn run(self, reported: &Receiver) -> anyhow::Result<Watched> {
        let mut rows = RowWriter::new(Limits::default());
        let width = screen::size().map_or(100, |(width, _)| width);
        rows.set_width(Some(width));
        let mut watched = Watched::default();
        while let Ok(message) = reported.next(PATIENCE * 6) {
            let Message::Events { session, events, .. } = message else { continue };
            for event in &events {
                let Some(row) = rows.event(session, event) else { continue };
                if !matches!(event, Event::Packet(_)) {
                    continue;
                }
                let number = watched.packets as usize;
                watched.packets += 1;
                let mut text = String::new();
                row.write(self.style, Columns::Short, &mut text);
                put(&mut text, format_args!("\n"));
                if number == self.broken {
                    watched.broken_row = text;
                } else if self.watched.contains(&number) {
                    emit(&text)?;
                }
            }
        }
        Ok(watched)
    }
}
