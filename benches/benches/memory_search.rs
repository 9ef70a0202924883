//! What it costs to find a fact among 1,000, 10,000 and 100,000 of 384 and 1,536 dimensions, by words and
//! meaning at once, in SQLite; how much of the exact answer is found; and what adding one costs.
//!
//! The embeddings are made up: clusters with noise, which is harder on the coarse scan than texts are.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::Embedding;
use livos_core::EmbeddingPurpose;
use livos_core::FactChange;
use livos_core::FactId;
use livos_core::FactKind;
use livos_core::FactQuery;
use livos_core::FactRecord;
use livos_core::FactSource;
use livos_core::FactStore;
use livos_core::Memory;
use livos_core::MemorySettings;
use livos_core::NewFact;
use livos_core::SqliteStore;
use livos_core::Timestamp;
use livos_core::UserId;

const SIZES: [u64; 3] = [1_000, 10_000, 100_000];
const DIMENSIONS: [usize; 2] = [384, 1_536];
const SEARCHES: u64 = 100;
const ADDS: u64 = 200;
const WORDS: u64 = 5_000;
const CLUSTERS: u64 = 500;
const MODEL: &str = "bench/made-up";
const AT: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

/// What 95 of 100 hybrid searches of 100,000 facts of 384 dimensions must stay below.
const SEARCH_TARGET: Duration = Duration::from_millis(20);
const ADD_TARGET: Duration = Duration::from_millis(2);
const RECALL_TARGET: f64 = 0.95;

type Failure = Box<dyn std::error::Error>;

/// Reads the number of a text's cluster off it.
#[derive(Debug)]
struct MadeUp(Arc<str>, usize);

#[async_trait::async_trait]
impl Embedder for MadeUp {
    fn model(&self) -> &Arc<str> {
        &self.0
    }

    async fn embed(
        &self,
        texts: &[String],
        _: EmbeddingPurpose,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let number = |text: &String| text.rsplit(' ').next().and_then(|word| word.parse().ok());
        Ok(texts.iter().map(|text| values(number(text).unwrap_or_default(), self.1)).collect())
    }
}

/// SplitMix64, between -1 and 1.
fn noise(seed: u64) -> f32 {
    let mut mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    f32::from(u16::try_from(mixed >> 48).unwrap_or_default()) / 32_768.0 - 1.0
}

fn values(number: u64, dimensions: usize) -> Vec<f32> {
    let cluster = number % CLUSTERS;
    (0..dimensions as u64)
        .map(|place| noise(cluster << 20 | place) + 0.8 * noise(number << 32 | place << 1 | 1))
        .collect()
}

fn text(number: u64) -> String {
    let word = |salt: u64| number.wrapping_mul(salt).rotate_left(17) % WORDS;
    format!("the word{} of word{} and word{} {number}", word(7919), word(104_729), word(611_953))
}

fn fact(user: &UserId, number: u64, dimensions: usize) -> Result<FactRecord, Failure> {
    Ok(FactRecord {
        id: FactId::generate(),
        user: user.clone(),
        version: 1,
        text: text(number),
        key: text(number),
        kind: FactKind::Other,
        confidence: 100,
        source: FactSource::Imported,
        session_id: None,
        run_id: None,
        embedding: Some(Embedding::new(MODEL, &values(number, dimensions))?),
        supersedes: None,
        superseded_by: None,
        expires_at: None,
        created_at: AT,
        updated_at: AT,
        recalled_at: None,
        recalls: 0,
    })
}

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut met = true;
    for dimensions in DIMENSIONS {
        for size in SIZES {
            met &= runtime.block_on(measure(size, dimensions))?;
        }
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(size: u64, dimensions: usize) -> Result<bool, Failure> {
    let home = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(home.path().join("facts.db"))?);
    let user = UserId::owner();
    for first in (0..size).step_by(500) {
        let puts = (first..size.min(first + 500)).map(|number| fact(&user, number, dimensions));
        let puts = puts.collect::<Result<_, _>>()?;
        store.change_facts(FactChange { user: user.clone(), puts, removes: Vec::new() }).await?;
    }
    let embedder = Arc::new(MadeUp(MODEL.into(), dimensions));
    let memory = Memory::builder(Arc::clone(&store) as Arc<dyn FactStore>)
        .embedder(embedder)
        .settings(MemorySettings::default())
        .build();
    let began = Instant::now();
    memory.search(&FactQuery::new(user.clone(), text(1))).await?;
    let loading = began.elapsed();
    let mut times = Vec::new();
    for search in 0..SEARCHES {
        let query =
            FactQuery { limit: 10, ..FactQuery::new(user.clone(), text(search * 31 + size)) };
        let began = Instant::now();
        memory.search(&query).await?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let p50 = times.get(times.len() / 2).copied().unwrap_or_default();
    let p95 = times.get(times.len() * 95 / 100).copied().unwrap_or_default();
    let recall = recall(&memory, &user, size, dimensions).await?;
    let began = Instant::now();
    for number in 0..ADDS {
        memory.add(NewFact::told(user.clone(), text(size * 10 + number))).await?;
    }
    let adding = began.elapsed() / u32::try_from(ADDS)?;
    println!(
        "{size:>7} facts of {dimensions:>4}: search p50 {p50:>9.2?}  p95 {p95:>9.2?}  recall@10 {recall:.3}  \
         add {adding:>9.2?}  first search {loading:.2?}"
    );
    let is_gated = dimensions == 384;
    Ok(recall >= RECALL_TARGET && (!is_gated || p95 < SEARCH_TARGET && adding < ADD_TARGET))
}

/// How many of the ten most alike are found, when words say nothing.
async fn recall(
    memory: &Memory,
    user: &UserId,
    size: u64,
    dimensions: usize,
) -> Result<f64, Failure> {
    let (mut found, mut wanted) = (0_u32, 0_u32);
    for search in 0..10 {
        let number = search * 97 + size * 3;
        let question = Embedding::new(MODEL, &values(number, dimensions))?;
        let mut all: Vec<(f32, u64)> = Vec::new();
        for other in 0..size {
            let other_values = Embedding::new(MODEL, &values(other, dimensions))?;
            all.push((question.similarity(&other_values), other));
        }
        all.sort_by(|left, right| right.0.total_cmp(&left.0));
        let query =
            FactQuery { limit: 10, ..FactQuery::new(user.clone(), format!("zzz {number}")) };
        let hits = memory.search(&query).await?.hits;
        for (_, number) in all.iter().take(10) {
            wanted += 1;
            found += u32::from(hits.iter().any(|hit| hit.fact.text == text(*number)));
        }
    }
    Ok(f64::from(found) / f64::from(wanted))
}
