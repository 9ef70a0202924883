//! Compresses the console's files, so that the server never has to.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

const SOURCES: &str = "console";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCES}");
    let out = Path::new(&std::env::var("OUT_DIR")?).join(SOURCES);
    fs::create_dir_all(&out)?;
    for file in fs::read_dir(SOURCES)? {
        let file = file?;
        let mut name = file.file_name();
        name.push(".gz");
        // No name and no time inside: the same file compresses to the same bytes.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(file.path())?)?;
        fs::write(out.join(name), encoder.finish()?)?;
    }
    Ok(())
}
