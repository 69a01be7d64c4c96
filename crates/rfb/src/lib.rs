//! The security handshakes of RFB, which VNC speaks (RFC 6143, section 7.1), towards a client and towards
//! a server, as two state machines without input, output or clock.
//!
//! ```text
//!   client                     midwire                      server
//!     │◀── version, types ── ClientHandshake
//!     │─── password ────────────▶ │ Admitted { password: 1 }
//!     │                           ╰─ connect ─ ServerHandshake ── version ──▶│
//!     │                                             │◀──── challenge ────────│
//!     │                                    LoggedIn │───── its password ────▶│
//!     │◀──── result: OK ── accept() ◀───────────────╯                        │
//!     │═══════════════════ joined, from ClientInit on ═══════════════════════│
//! ```
//!
//! The client is told that it is in only when midwire is in itself: as long as it has not been told,
//! a failure can still be given a reason. The two sides may speak different versions; from ClientInit on
//! those are alike.
//!
//! ```
//! use bytes::BytesMut;
//! use midwire_rfb::{Access, ClientHandshake, ClientOutput, Password};
//!
//! let (studio, kitchen) = (Password::new(b"studio"), Password::new(b"kitchen"));
//! let challenge = *b"sixteen bytes...";
//! let access = Access::Passwords(vec![studio, kitchen.clone()]);
//! let mut handshake = ClientHandshake::new(access, challenge);
//!
//! // All that a client of version 3.8 sends, and the ClientInit behind it.
//! let mut bytes = BytesMut::from(&b"RFB 003.008\n\x02"[..]);
//! bytes.extend_from_slice(&kitchen.answer(&challenge));
//! bytes.extend_from_slice(&[1]);
//! handshake.handle_bytes(&mut bytes)?;
//!
//! let mut seen = Vec::new();
//! while let Some(output) = handshake.poll_output() {
//!     seen.push(match output {
//!         ClientOutput::Send(bytes) => format!("{} bytes", bytes.len()),
//!         ClientOutput::Admitted { password } => {
//!             handshake.accept(); // as the server has let midwire in
//!             format!("password {password:?}")
//!         }
//!         ClientOutput::Joined => "joined".to_owned(),
//!         ClientOutput::Close => "closed".to_owned(),
//!     });
//! }
//! // The version, the list of types and the challenge; then the result.
//! assert_eq!(seen, ["30 bytes", "password Some(1)", "4 bytes", "joined"]);
//! assert_eq!(bytes, [1][..]);
//! # Ok::<(), midwire_rfb::ClientError>(())
//! ```

mod client;
mod error;
mod password;
mod security;
mod server;
mod version;

pub use client::{Access, ClientHandshake, ClientOutput};
pub use error::{Awaited, ClientError, Reason, ServerError};
pub use password::{CHALLENGE_LEN, Challenge, PASSWORD_LEN, Password};
pub use security::SecurityType;
pub use server::{Limits, ServerHandshake, ServerOutput};
pub use version::{Said, Version};
