//! Packs the vocabularies of the `tokens` feature: a quarter of the size of the text they come as.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "tokens")]
    if let Err(error) = vocabularies::pack() {
        println!("cargo::error=the vocabularies cannot be packed: {error}");
    }
}

#[cfg(feature = "tokens")]
mod vocabularies {
    use std::env;
    use std::error::Error;
    use std::fs::File;
    use std::io::Write;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use tiktoken_rs::CoreBPE;

    /// Ordinary tokens of each; what follows are special ones.
    const O200K: u32 = 199_998;
    const CL100K: u32 = 100_256;

    pub(super) fn pack() -> Result<(), Box<dyn Error>> {
        let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
        let folder = Path::new(&folder);
        write(&folder.join("o200k_base.bin"), &tiktoken_rs::o200k_base()?, O200K)?;
        write(&folder.join("cl100k_base.bin"), &tiktoken_rs::cl100k_base()?, CL100K)
    }

    /// All tokens in the order of their ranks, each after its length in one byte, deflated.
    fn write(path: &Path, vocabulary: &CoreBPE, tokens: u32) -> Result<(), Box<dyn Error>> {
        let mut packed = DeflateEncoder::new(File::create(path)?, Compression::best());
        for rank in 0..tokens {
            let token = vocabulary.decode_bytes(&[rank])?;
            packed.write_all(&[u8::try_from(token.len())?])?;
            packed.write_all(&token)?;
        }
        packed.finish()?;
        Ok(())
    }
}
