//! No path leads out of a workspace, whatever links lie in it.
#![no_main]

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static BESIDE: OnceLock<PathBuf> = OnceLock::new();

fuzz_target!(|path: &str| {
    let beside = BESIDE.get_or_init(|| fixture().expect("a temporary directory can be made"));
    livos_tools::fuzzing::workspace_path(beside, path);
});

/// A secret, and beside it a workspace with links to it of every kind.
fn fixture() -> std::io::Result<PathBuf> {
    let beside = std::env::temp_dir().join(format!("livos-fuzz-{}", std::process::id()));
    let inside = beside.join("ws");
    std::fs::create_dir_all(inside.join("d"))?;
    std::fs::write(beside.join("secret"), "the secret")?;
    std::fs::write(inside.join("f"), "inside")?;
    for (target, name) in [
        ("../secret", "u"),
        ("..", "p"),
        ("d", "i"),
        ("/proc/self/root", "m"),
        ("l", "l"),
        ("../../secret", "d/u"),
    ] {
        symlink(target, inside.join(name))?;
    }
    symlink(&beside, inside.join("a"))?;
    Ok(beside)
}
