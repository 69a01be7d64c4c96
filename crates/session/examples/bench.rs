use bytes::BytesMut;
use midwire_codec::*;
use midwire_definition::*;
use midwire_session::*;
use std::time::Instant;
struct Folder;
impl Loader for Folder {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        std::fs::read_to_string(format!("crates/definition/protocols/{path}"))
            .map_err(|_| LoadError::NotFound { path: path.into() })
    }
}
fn frame(p: &[u8]) -> Vec<u8> {
    let mut b = vec![];
    varint::write_uvarint(p.len() as u32, &mut b);
    b.extend_from_slice(p);
    b
}
fn sq(t: usize, p: &[u8], d: &mut Deflater) -> Vec<u8> {
    let mut b = vec![];
    write_compressed(p, t, d, &mut b).unwrap();
    frame(&b)
}
fn main() {
    println!(
        "Session {} Output {} PacketEvent {}",
        size_of::<Session>(),
        size_of::<Output>(),
        size_of::<PacketEvent>()
    );
    let t = Instant::now();
    let protocol = Protocol::load("minecraft.wire", &Folder).unwrap();
    println!("load {:?}", t.elapsed());
    let setup = Setup::new(protocol, Options::default());
    let mut d = Deflater::default();
    for (what, watch) in
        [("nothing", Watch::Nothing), ("ids", Watch::Ids), ("packets", Watch::Packets)]
    {
        for small in [11usize, 47] {
            for big in [false, true] {
                let mut s = Session::new(setup.clone());
                let mut sc = Scratch::default();
                let at = Elapsed::default();
                let t = Instant::now();
                let mut hs = vec![0u8];
                varint::write_uvarint(340, &mut hs);
                hs.extend_from_slice(b"\x09localhost\x63\xdd\x02");
                let mut b = BytesMut::from(&[frame(&hs), frame(b"\x00\x04Alva")].concat()[..]);
                s.handle_bytes(Direction::Serverbound, &mut b, at, &mut sc);
                while s.poll_output().is_some() {}
                let mut b = BytesMut::from(
                    &[
                        frame(&[3, 0x80, 2]),
                        sq(256, b"\x02\x24c7456f87-14b8-3402-9ab9-da5f3572771c\x04Alva", &mut d),
                    ]
                    .concat()[..],
                );
                s.handle_bytes(Direction::Clientbound, &mut b, at, &mut sc);
                while s.poll_output().is_some() {}
                let start = t.elapsed();
                s.set_watch(watch);
                let mut chunk = vec![];
                let mut n = 0u64;
                while chunk.len() < 60000 {
                    let mut p = vec![0x26u8];
                    p.resize(small - 2, 1);
                    chunk.extend(sq(256, &p, &mut d));
                    n += 1;
                    if big && n % 200 == 100 {
                        let mut p = vec![0x20u8];
                        for i in 0..44000u32 {
                            p.push((i * i >> 7) as u8);
                        }
                        chunk.extend(sq(256, &p, &mut d));
                        n += 1;
                    }
                }
                let rounds = if watch == Watch::Nothing { 3000 } else { 500 };
                let mut src = BytesMut::new();
                let t = Instant::now();
                let mut out = 0usize;
                for _ in 0..rounds {
                    src.reserve(65536);
                    src.extend_from_slice(&chunk);
                    s.handle_bytes(Direction::Clientbound, &mut src, at, &mut sc);
                    while let Some(o) = s.poll_output() {
                        if let Output::Send { bytes, .. } = o {
                            out += bytes.len();
                        }
                    }
                }
                let e = t.elapsed();
                assert_eq!(out, rounds * chunk.len());
                println!(
                    "{what} frame {small} big {big}: {:.1} ns/frame ({} a chunk of {}), login {:?}",
                    e.as_nanos() as f64 / (n * rounds as u64) as f64,
                    n,
                    chunk.len(),
                    start
                );
            }
        }
    }
}
