//! Everything with accounts built in.

mod add;
mod kept;
mod tls;
mod world;
