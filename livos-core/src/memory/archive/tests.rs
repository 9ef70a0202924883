use proptest::prelude::*;

use super::*;
use crate::memory::Memory;
use crate::store::MemoryStore;

fn user(name: &str) -> UserId {
    UserId::from(name)
}

fn memory() -> Memory {
    Memory::builder(Arc::new(MemoryStore::new())).build()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Imports a file, and checks what holds of every file: all of it is kept, once, or nothing.
fn import(file: &str) -> Result<FactImport, MemoryError> {
    run(async {
        let memory = memory();
        let imported = memory.import(&user("ann"), file).await;
        let exported = memory.export(&user("ann")).await.unwrap();
        let kept = exported.lines().count() - 1;
        let Ok(import) = imported else {
            assert_eq!(kept, 0, "a refused file left something behind");
            return imported;
        };
        assert_eq!(kept, import.added);
        let again = memory.import(&user("bob"), &exported).await.unwrap();
        assert_eq!((again.added, again.known, again.expired), (kept, 0, 0));
        assert_eq!(memory.export(&user("bob")).await.unwrap(), exported);
        Ok(import)
    })
}

fn kind() -> impl Strategy<Value = FactKind> {
    proptest::sample::select(&FactKind::ALL[..])
}

fn line() -> impl Strategy<Value = String> {
    let end = proptest::option::of(4_000_000_000_i64..5_000_000_000);
    (".{0,40}", kind(), 0_u8..=120, end).prop_map(|(text, kind, confidence, end)| {
        let mut line = serde_json::json!({ "text": text, "kind": kind, "confidence": confidence });
        if let Some(end) = end {
            let end = Timestamp::from_unix_micros(end * 1_000_000);
            line["expires_at"] = serde_json::to_value(end).unwrap();
        }
        line.to_string()
    })
}

proptest! {
    #[test]
    fn every_file_is_taken_whole_or_refused_with_its_line(
        lines in proptest::collection::vec(line(), 0..12),
    ) {
        let file = format!("{{\"livos_memory\":1}}\n{}\n", lines.join("\n"));
        match import(&file) {
            Ok(import) => prop_assert_eq!(import.added + import.known, lines.len()),
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.starts_with("archive: line "), "{}", error);
            }
        }
    }

    #[test]
    fn no_bytes_break_it(file in "\\PC{0,200}", cut in 0_usize..400) {
        let whole = format!("{{\"livos_memory\":1}}\n{{\"text\":\"likes tea\"}}\n{file}");
        import(&file).ok();
        import(&whole[..whole.floor_char_boundary(cut)]).ok();
    }
}
