//! livos-server
