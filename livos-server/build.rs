//! Compresses the console's files and tells them apart, so that the server never has to, and makes the
//! binaries smaller where the system can run such.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::Digest;
use sha2::Sha256;

const SOURCES: &str = "console";
/// Enough of a digest that no two versions of a file are taken for one.
const DIGEST_BYTES: usize = 8;
/// Set by cargo with the feature `portable`.
const PORTABLE: &str = "CARGO_FEATURE_PORTABLE";
/// The glibc from which on packed relocations are understood.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() -> Result<(), Box<dyn Error>> {
    compress_console()?;
    let is_for_here = env::var("HOST")? == env::var("TARGET")?;
    if is_for_here
        && env::var_os(PORTABLE).is_none()
        && glibc_here().is_some_and(|version| version >= PACKED_SINCE)
    {
        // 1.5 MB that each start would read and write: where pointers lie, as a bitmap.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    Ok(())
}

/// The version of the C library of this system, if it is glibc.
fn glibc_here() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn compress_console() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCES}");
    let out = Path::new(&env::var("OUT_DIR")?).join(SOURCES);
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
