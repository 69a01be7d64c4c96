//! Which fields of a packet can be edited, each with another value that it may have.
