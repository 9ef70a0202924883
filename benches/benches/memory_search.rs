//! What it costs to find a fact among 1,000, 10,000 and 100,000 of 384 and 1,536 dimensions, by words and
//! meaning at once, in SQLite with strict durability; how much of the exact answer is found; what adding
//! one costs, alone, sixteen at a time, and in a file; and how much memory a process takes to find them.
//!
//! Embeddings and texts are made up, like those that models and people make: all vectors point roughly one
//! way and form topics of very different sizes with groups in them; words follow Zipf's law, and each topic
//! has words of its own. A search asks for five words of which no fact has all. The exact answer is that of
//! comparing every vector as it is. The model itself costs nothing here. A fact that is added alone waits for
//! the disk, some at once wait together, those of a file by the hundreds: only the last is held to its target,
//! as the others measure the disk.
//!
//! Exits with 1 when a target is missed. `cargo bench -p livos-benches --bench memory_search`, with a number
//! after `--` for other sizes than all up to 100,000.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use futures::stream;
use futures::stream::StreamExt;
use futures::stream::TryStreamExt;
use livos_benches::process::resident_kib;
use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::Embedding;
use livos_core::EmbeddingPurpose;
use livos_core::Embeddings;
use livos_core::FactChange;
use livos_core::FactId;
use livos_core::FactKind;
use livos_core::FactQuery;
use livos_core::FactRecord;
use livos_core::FactSource;
use livos_core::FactStore;
use livos_core::Memory;
use livos_core::NewFact;
use livos_core::SqliteStore;
use livos_core::Timestamp;
use livos_core::UserId;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const DIMENSIONS: [usize; 2] = [384, 1_536];
const SEARCHES: usize = 300;
const QUESTIONS: usize = 100;
const ADDS: usize = 200;
const AT_ONCE: usize = 16;
const IN_A_FILE: usize = 5_000;
const MODEL: &str = "bench/made-up";
const AT: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

const WORDS: u64 = 20_000;
const TOPICS: u64 = 300;
const WORDS_OF_A_TOPIC: u64 = 60;
const GROUPS: u64 = 8;

/// What 95 of 100 searches must stay below.
const SEARCH_TARGET: Duration = Duration::from_millis(20);
/// What adding one of a file takes at most.
const ADD_TARGET: Duration = Duration::from_millis(2);
/// How much of the ten that are most alike is found.
const RECALL_TARGET: f64 = 0.95;

type Failure = Box<dyn std::error::Error>;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }

    /// From -1 to 1, four at a time.
    fn noise(&mut self) -> [f32; 4] {
        let bits = self.next().to_le_bytes();
        let (pairs, _) = bits.as_chunks::<2>();
        let mut four = [0.0; 4];
        for (number, pair) in four.iter_mut().zip(pairs) {
            *number = f32::from(i16::from_le_bytes(*pair)) / 32_768.0;
        }
        four
    }

    /// One of so many, the first ones far more often (Zipf's law).
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small numbers above zero"
    )]
    fn zipf(&mut self, many: u64) -> u64 {
        ((many as f64).powf(self.part()) as u64).min(many) - 1
    }
}

fn add_noise(values: &mut [f32], seed: u64, weight: f32) {
    let mut chance = Chance::of(seed);
    for four in values.chunks_mut(4) {
        for (value, noise) in four.iter_mut().zip(chance.noise()) {
            *value += weight * noise;
        }
    }
}

/// What a fact or a question of this number is about.
fn about(number: u64) -> (u64, u64) {
    let mut chance = Chance::of(number);
    (chance.zipf(TOPICS), chance.next() % GROUPS)
}

fn values(number: u64, dimensions: usize) -> Vec<f32> {
    let (topic, group) = about(number);
    let mut values = vec![0.0; dimensions];
    add_noise(&mut values, 1 << 60, 0.9);
    add_noise(&mut values, 1 << 61 | topic, 1.0);
    add_noise(&mut values, 1 << 62 | topic << 8 | group, 0.7);
    add_noise(&mut values, 1 << 63 | number, 0.8);
    values
}

/// A word of a rank, of syllables.
fn word(mut rank: u64) -> String {
    let syllables = ["ka", "lo", "mi", "nu", "pe", "ra", "so", "ti", "vu", "zo"];
    let mut word = String::from("b");
    loop {
        word.extend(
            usize::try_from(rank % 10).ok().and_then(|place| syllables.get(place).copied()),
        );
        rank /= 10;
        if rank == 0 {
            return word + "n";
        }
    }
}

/// So many words of the topic and of all; the number tells the embedder which text it is.
fn text(number: u64, (of_topic, of_all): (usize, usize)) -> String {
    let (topic, _) = about(number);
    let mut chance = Chance::of(number ^ 0xABCD);
    let mut text = String::new();
    for place in 0..of_topic + of_all {
        let rank = match place < of_topic {
            true => WORDS + topic * WORDS_OF_A_TOPIC + chance.zipf(WORDS_OF_A_TOPIC),
            false => chance.zipf(WORDS),
        };
        text.push_str(&word(rank));
        text.push(' ');
    }
    text + &number.to_string()
}

fn fact_text(number: u64) -> String {
    text(number, (3, 8))
}

/// The number of a question: far above those of facts.
fn question_number(place: usize) -> u64 {
    1_000_000_007 + place as u64
}

/// Reads the number of a text off it.
#[derive(Debug)]
struct MadeUp(Arc<str>, usize);

#[async_trait::async_trait]
impl Embedder for MadeUp {
    fn model(&self) -> &Arc<str> {
        &self.0
    }

    async fn embed(&self, texts: &[String], _: EmbeddingPurpose) -> Result<Embeddings, EmbedError> {
        let number = |text: &String| text.rsplit(' ').next().and_then(|word| word.parse().ok());
        let all = texts.iter().map(|text| values(number(text).unwrap_or_default(), self.1));
        Ok(all.collect::<Vec<_>>().into())
    }
}

fn fact(user: &UserId, number: u64, embedding: Embedding) -> FactRecord {
    FactRecord {
        id: FactId::generate(),
        user: user.clone(),
        version: 1,
        text: fact_text(number),
        key: fact_text(number),
        kind: FactKind::Other,
        confidence: 100,
        source: FactSource::Imported,
        session_id: None,
        run_id: None,
        embedding: Some(embedding),
        supersedes: None,
        superseded_by: None,
        expires_at: None,
        created_at: AT,
        updated_at: AT,
        recalled_at: None,
        recalls: 0,
    }
}

/// A question, and the facts that are most alike to it.
struct Question {
    text: String,
    embedding: Embedding,
    nearest: Vec<(f32, u64)>,
}

impl Question {
    fn look_at(&mut self, number: u64, embedding: &Embedding) {
        let similarity = self.embedding.similarity(embedding);
        let worst = self.nearest.last().map_or(f32::MIN, |(worst, _)| *worst);
        if self.nearest.len() < 10 || similarity > worst {
            self.nearest.push((similarity, number));
            self.nearest.sort_by(|left, right| right.0.total_cmp(&left.0));
            self.nearest.truncate(10);
        }
    }
}

fn main() -> Result<ExitCode, Failure> {
    let only: Option<usize> = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut met = true;
    for dimensions in DIMENSIONS {
        for size in SIZES.into_iter().filter(|size| only.is_none_or(|only| only == *size)) {
            met &= runtime.block_on(measure(size, dimensions))?;
        }
    }
    println!(
        "targets: p95 below {SEARCH_TARGET:?}, recall@10 {RECALL_TARGET}, adding below {ADD_TARGET:?} amortised: {}",
        if met { "met" } else { "MISSED" }
    );
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(size: usize, dimensions: usize) -> Result<bool, Failure> {
    let home = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(home.path().join("facts.db"))?);
    let user = UserId::owner();
    let mut questions = questions(dimensions)?;
    fill(&store, &user, (size, dimensions), &mut questions).await?;
    let memory = Memory::builder(Arc::clone(&store) as Arc<dyn FactStore>)
        .embedder(Arc::new(MadeUp(MODEL.into(), dimensions)))
        .build();
    let before = resident_kib()?;
    let began = Instant::now();
    memory.search(&FactQuery::new(user.clone(), "anything")).await?;
    let loading = began.elapsed();
    let memory_mib = resident_kib()?.saturating_sub(before) / 1024;
    let (p50, p95) = searched(&memory, &user).await?;
    let recall = recall(&memory, &user, &questions).await?;
    let [alone, at_once, in_a_file] = added(&memory, &user, size as u64).await?;
    println!(
        "{size:>7} facts of {dimensions:>5}: search p50 {p50:>8.2?} p95 {p95:>8.2?}, recall@10 {recall:.3}; \
         add alone {alone:>8.2?}, {AT_ONCE} at once {at_once:>8.2?}, in a file {in_a_file:>8.2?}; \
         first search {loading:.2?}, {memory_mib} MiB"
    );
    Ok(recall >= RECALL_TARGET && p95 < SEARCH_TARGET && in_a_file < ADD_TARGET)
}

fn questions(dimensions: usize) -> Result<Vec<Question>, Failure> {
    let question = |place| {
        let number = question_number(place);
        let embedding = Embedding::new(MODEL, &values(number, dimensions))?;
        // Words that no fact has, so that meaning alone decides.
        Ok(Question { text: format!("xyzzy {number}"), embedding, nearest: Vec::new() })
    };
    (0..QUESTIONS).map(question).collect()
}

async fn fill(
    store: &SqliteStore,
    user: &UserId,
    (size, dimensions): (usize, usize),
    questions: &mut [Question],
) -> Result<(), Failure> {
    let mut puts = Vec::new();
    for number in 0..size as u64 {
        let embedding = Embedding::new(MODEL, &values(number, dimensions))?;
        for question in questions.iter_mut() {
            question.look_at(number, &embedding);
        }
        puts.push(fact(user, number, embedding));
        if puts.len() == 500 || number + 1 == size as u64 {
            let change = FactChange {
                user: user.clone(),
                puts: std::mem::take(&mut puts),
                removes: Vec::new(),
            };
            store.change_facts(change).await?;
        }
    }
    Ok(())
}

/// The median and the time that 95 of 100 searches take at most.
async fn searched(memory: &Memory, user: &UserId) -> Result<(Duration, Duration), Failure> {
    let mut times = Vec::new();
    for place in 0..SEARCHES {
        let text = text(question_number(QUESTIONS + place), (2, 3));
        let query = FactQuery { limit: 10, ..FactQuery::new(user.clone(), text) };
        let began = Instant::now();
        memory.search(&query).await?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    Ok((at(50), at(95)))
}

/// How many of the ten most alike are found.
async fn recall(memory: &Memory, user: &UserId, questions: &[Question]) -> Result<f64, Failure> {
    let (mut found, mut wanted) = (0_u32, 0_u32);
    for question in questions {
        let query = FactQuery { limit: 10, ..FactQuery::new(user.clone(), &question.text) };
        let hits = memory.search(&query).await?.hits;
        for (_, number) in &question.nearest {
            wanted += 1;
            found += u32::from(hits.iter().any(|hit| hit.fact.text == fact_text(*number)));
        }
    }
    Ok(f64::from(found) / f64::from(wanted))
}

/// What adding one takes: alone, some at once, and in a file.
async fn added(memory: &Memory, user: &UserId, first: u64) -> Result<[Duration; 3], Failure> {
    let new = |number: usize| NewFact::told(user.clone(), fact_text(first + number as u64));
    let began = Instant::now();
    for number in 0..ADDS {
        memory.add(new(number)).await?;
    }
    let alone = began.elapsed() / u32::try_from(ADDS)?;
    let began = Instant::now();
    let adds = (ADDS..5 * ADDS).map(|number| memory.add(new(number)));
    stream::iter(adds).buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
    let at_once = began.elapsed() / u32::try_from(4 * ADDS)?;
    let mut file = String::from("{\"livos_memory\":1}\n");
    for number in 5 * ADDS..5 * ADDS + IN_A_FILE {
        let text = fact_text(first + number as u64);
        writeln!(file, "{{\"text\":\"{text}\"}}")?;
    }
    let began = Instant::now();
    memory.import(user, &file).await?;
    while memory.fill_in(user).await? > 0 {}
    let in_a_file = began.elapsed() / u32::try_from(IN_A_FILE)?;
    Ok([alone, at_once, in_a_file])
}
