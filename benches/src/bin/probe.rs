//! Runs one side once and tells what it took: what the counting benches start.
//!
//! `probe SIDE ANSWERS ORIGIN SCRIPT RUNS`, for example
//! `probe raw streamed http://127.0.0.1:4000 rounds-20.deltas-5 1`. Prints one
//! line of JSON. Current-thread runtime, so that instructions repeat.

use std::error::Error;

use livos_benches::probe::Job;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let job = Job::from_arguments(std::env::args().skip(1))?;
    println!("{}", serde_json::to_string(&job.run()?)?);
    Ok(())
}
