//! The mock model as a process of its own: prints its origin, ends when its standard input does.

use std::io;
use std::io::Read;

use livos_benches::mock::MockModel;

fn main() -> io::Result<()> {
    let model = MockModel::start()?;
    println!("{}", model.origin());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
