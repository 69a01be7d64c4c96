//! Bytes to frames and back.
//!
//! ```text
//!            bytes as they come, cut anywhere by the network
//!            ┌────────────────────────┬──────────────────┬─ ─ ─
//!            │ length  payload        │ length  payload  │ length  pay
//!            └────────────────────────┴──────────────────┴─ ─ ─
//!  Framing             │                                  not all there yet: Ok(None)
//!                      ▼
//!            ┌────────────┬───────────┐
//!            │ plain size │ data      │     stage zlib_threshold, when it is on
//!            └────────────┴───────────┘
//!  split, Inflater     │
//!                      ▼
//!            ┌───────────┬────────────┐
//!            │ packet id │ fields     │     for a definition to read
//!            └───────────┴────────────┘
//! ```
//!
//! Nothing here does input or output, keeps a clock or knows a game. A [`Frame`] is a range of the
//! caller's buffer; frames that only pass are never copied. "Not yet" is `Ok(None)`, and an error
//! means that the bytes are wrong whatever follows; if it is about a limit it names the limit and
//! the setting that raises it.
//!
//! ```
//! use midwire_codec::{Deflater, Framing, Inflater, Prefix, frames, split, write_compressed};
//!
//! let framing = Framing::new(Prefix::Varint, 2_097_151);
//! let (mut wire, mut payload) = (Vec::new(), Vec::new());
//! for plain in [&b"short"[..], &[b'l'; 300]] {
//!     payload.clear();
//!     write_compressed(plain, 256, &mut Deflater::default(), &mut payload)?;
//!     framing.write_frame(&payload, &mut wire)?;
//! }
//!
//! let mut inflater = Inflater::default();
//! let mut seen = Vec::new();
//! for frame in frames(&framing, &wire) {
//!     let compressed = split(&wire[frame?.payload])?;
//!     let mut plain = Vec::new();
//!     match compressed.plain_len {
//!         Some(plain_len) => inflater.inflate(compressed.data, plain_len, &mut plain)?,
//!         None => plain.extend_from_slice(compressed.data),
//!     }
//!     seen.push(plain);
//! }
//! assert_eq!(seen, [b"short".to_vec(), vec![b'l'; 300]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cipher;
pub mod compression;
pub mod direction;
pub mod error;
mod first_byte;
pub mod frame;
pub mod framing;
pub mod origin;
pub mod server_hash;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod varint;

pub use cipher::{Decryptor, Encryptor, Key};
pub use compression::{
    Compressed, Deflater, INFLATE_MAX, Inflater, Wrapper, split, write_compressed,
};
pub use direction::Direction;
pub use error::{CompressionError, FrameError, VarintError};
pub use first_byte::first_byte;
pub use frame::{Frame, Frames, frames};
pub use framing::{ByteOrder, Counts, Framing, Prefix};
pub use origin::Origin;
pub use server_hash::server_hash;
