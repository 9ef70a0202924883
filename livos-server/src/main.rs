//! livos-server
fn main() {}
