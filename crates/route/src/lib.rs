//! What a connection's first bytes, and later ones, say about where it goes.
//!
//! ```text
//!   first bytes ──▶ Sniffer ──▶ route, and whom its PROXY header names ──▶ upstream or Response
//!                    │  conditions: pattern, a definition's `detect`, TLS ClientHello, PROXY header
//!                    └─ NeedsMore, until sniff_max bytes or sniff_wait
//!
//!   later bytes ──▶ HandOver ──▶ pass to the old upstream │ the match and the rest to the new one
//!                      └─ holds at most the part of a pattern that may go on
//! ```
//!
//! Nothing here does input or output or keeps a clock: who reads the sockets gives the bytes, and says when
//! time is up.
//!
//! ```
//! use std::sync::Arc;
//! use midwire_route::{Candidate, Condition, Pattern, Sniffer, Table, Verdict};
//!
//! let http = Candidate::of([Condition::Pattern { pattern: Pattern::text("GET ")?, at: 0 }]);
//! let table = Arc::new(Table::new(vec![http, Candidate::default()], 4096));
//! let mut sniffer = Sniffer::new(table);
//! assert_eq!(sniffer.look(b"GE"), Verdict::NeedsMore);
//! let Verdict::Chosen(choice) = sniffer.look(b"GET /") else { panic!("that is the first route") };
//! assert_eq!(choice.route, 0);
//! # Ok::<(), midwire_route::PatternError>(())
//! ```

mod answer;
mod handover;
mod pattern;
mod proxy_header;
mod respond;
mod sniff;
mod tls;

pub use answer::Answer;
pub use handover::{HandOver, Matched, Needles, Watched};
pub use pattern::{PATTERN_LEN_MAX, Pattern, PatternError};
pub use proxy_header::{HEADER_V1_LEN_MAX, HeaderError, ProxyHeader, Read, read_header};
pub use respond::{After, RESPONSE_LEN_MAX, Response, ResponseError};
pub use sniff::{Candidate, Choice, Condition, HeaderUse, Refusal, Sniffer, Table, Verdict};
pub use tls::{ClientHello, Hello, NamePattern, TlsCondition, read_client_hello};
