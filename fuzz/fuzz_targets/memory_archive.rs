//! Any bytes as a file of memories: all of it is taken over, once, or nothing; and what was taken over comes
//! out of the next export and goes into another memory as it is.
//!
//! `cargo +nightly fuzz run memory_archive`
#![no_main]

use std::sync::Arc;

use futures::executor::block_on;
use livos_core::Memory;
use livos_core::MemoryStore;
use livos_core::UserId;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(file) = std::str::from_utf8(data) else { return };
    let memory = Memory::builder(Arc::new(MemoryStore::new())).build();
    let (ann, bob) = (UserId::from("ann"), UserId::from("bob"));
    block_on(async {
        let imported = memory.import(&ann, file).await;
        let exported = memory.export(&ann).await.expect("an export");
        let added = imported.map_or(0, |import| import.added);
        assert_eq!(exported.lines().count(), added + 1);
        let again = memory.import(&bob, &exported).await.expect("an export is taken back");
        assert_eq!((again.added, again.known, again.expired), (added, 0, 0));
        assert_eq!(memory.export(&bob).await.expect("an export"), exported);
    });
});
