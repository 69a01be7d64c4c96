//! Checking a definition
