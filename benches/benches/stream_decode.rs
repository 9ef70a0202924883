//! What one streamed delta costs in each provider alone, from the socket to a `ChatChunk`.
//!
//! Instructions counted by callgrind, the difference of two lengths of answer.
//! The loop by hand beside them reads chat completions.

use livos_benches::bench::Bench;
use livos_benches::probe::Failure;
use livos_benches::probe::Side;
use livos_benches::report::Report;
use livos_benches::wire::Wire;

fn main() -> Result<(), Failure> {
    let bench = Bench::start(env!("CARGO_BIN_EXE_mock-model"), env!("CARGO_BIN_EXE_probe"))?;
    let mut report = Report::new("stream_decode: instructions of a delta");
    let raw = bench.delta_instructions(Side::Raw)?;
    let wires =
        [("openai", Wire::OpenAi), ("anthropic", Wire::Anthropic), ("gemini", Wire::Gemini)];
    for (name, wire) in wires {
        report.show(name, bench.delta_instructions(Side::Stream(wire))?, raw);
    }
    Ok(())
}
