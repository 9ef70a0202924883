//! Compresses the console's files and tells them apart, so that the server never has to.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::Digest;
use sha2::Sha256;

const SOURCES: &str = "console";
/// Enough of a digest that no two versions of a file are taken for one.
const DIGEST_BYTES: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCES}");
    let out = Path::new(&std::env::var("OUT_DIR")?).join(SOURCES);
    fs::create_dir_all(&out)?;
    for file in fs::read_dir(SOURCES)? {
        let file = file?;
        let path = out.join(file.file_name());
        let content = fs::read(file.path())?;
        // No name and no time inside: the same file compresses to the same bytes.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content)?;
        fs::write(path.with_added_extension("gz"), encoder.finish()?)?;
        let digest = Sha256::digest(&content);
        let digits = digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}"));
        fs::write(path.with_added_extension("digest"), digits.collect::<String>())?;
    }
    Ok(())
}
