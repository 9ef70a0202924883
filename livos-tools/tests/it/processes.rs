//! Counts the processes that commands start.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

/// How many processes run that have this word in their command line.
pub(crate) fn count_processes(word: &str) -> usize {
    let has_word = |process: &Path| {
        std::fs::read(process.join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter(|entry| has_word(&entry.as_ref().unwrap().path()))
        .count()
}

/// A number of seconds that no other test sleeps for, so that its processes can be counted.
pub(crate) fn unmistakable_sleep() -> String {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("sleep 8{:07}.{number}", std::process::id())
}

pub(crate) async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
