//! livos
fn main() {}
