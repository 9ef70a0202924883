use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A workspace beside a secret, with links of every kind between them.
struct Fixture {
    outside: TempDir,
    root: WorkspaceRoot,
}

const SECRET: &str = "the secret";

impl Fixture {
    fn new() -> Self {
        let outside = TempDir::new().unwrap();
        let inside = outside.path().join("ws");
        fs::create_dir_all(inside.join("dir/deep")).unwrap();
        fs::write(outside.path().join("secret"), SECRET).unwrap();
        fs::write(inside.join("file"), "inside").unwrap();
        fs::write(inside.join("dir/file"), "inside").unwrap();
        for (target, name) in [
            ("../secret", "up"),
            ("..", "up_dir"),
            ("dir", "to_dir"),
            ("file", "to_file"),
            ("loop", "loop"),
            ("/proc/self/root", "magic"),
            ("nowhere", "dangling"),
            ("../new", "dangling_out"),
        ] {
            symlink(target, inside.join(name)).unwrap();
        }
        symlink(outside.path().join("secret"), inside.join("absolute")).unwrap();
        symlink(outside.path(), inside.join("dir/absolute_dir")).unwrap();
        symlink("../../secret", inside.join("dir/up")).unwrap();
        let root = WorkspaceRoot::open(inside).unwrap();
        Self { outside, root }
    }

    fn roots(&self) -> [WorkspaceRoot; 2] {
        [self.root.clone(), self.root.without_kernel_help().unwrap()]
    }

    /// Everything outside the workspace, as text.
    fn outside(&self) -> String {
        let mut entries: Vec<String> = fs::read_dir(self.outside.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let content = fs::read_to_string(entry.path()).unwrap_or_default();
                format!("{:?}={content}", entry.file_name())
            })
            .collect();
        entries.sort();
        entries.join(",")
    }
}

fn read(root: &WorkspaceRoot, path: &str) -> Result<String, WorkspaceError> {
    let mut text = String::new();
    root.open_file(&root.parse(path)?)?.read_to_string(&mut text).unwrap();
    Ok(text)
}

fn write(root: &WorkspaceRoot, path: &str) -> Result<Replaced, WorkspaceError> {
    root.replace_file(&root.parse(path)?, b"written", Precondition::Nothing)
}

#[test]
fn this_kernel_confines_by_itself() {
    // The tests below are worth half as much where only the fallback is tried.
    let fixture = Fixture::new();
    assert_eq!(fixture.root.0.resolution, Resolution::Kernel);
}

#[test]
fn no_link_leads_out() {
    let fixture = Fixture::new();
    let before = fixture.outside();
    for root in fixture.roots() {
        for path in [
            "up",
            "absolute",
            "dir/up",
            "up_dir/secret",
            "dir/absolute_dir/secret",
            "magic/etc/passwd",
            "loop",
            "dangling_out",
            "up_dir/ws/file",
        ] {
            assert!(read(&root, path).is_err(), "read {path}");
        }
        for path in
            ["up", "absolute", "up_dir/new", "dir/absolute_dir/new", "dangling_out", "up_dir/a/b"]
        {
            assert!(write(&root, path).is_err(), "write {path}");
        }
    }
    assert_eq!(fixture.outside(), before);
}

#[test]
fn links_that_stay_inside_are_followed_where_the_kernel_confines() {
    let fixture = Fixture::new();
    assert_eq!(read(&fixture.root, "to_file").unwrap(), "inside");
    assert_eq!(read(&fixture.root, "to_dir/file").unwrap(), "inside");
    let [_, fallback] = fixture.roots();
    assert!(read(&fallback, "to_dir/file").is_err());
    assert_eq!(read(&fallback, "dir/file").unwrap(), "inside");
}

#[test]
fn writing_is_whole_and_makes_directories() {
    let fixture = Fixture::new();
    for (root, name) in fixture.roots().into_iter().zip(["a", "b"]) {
        let path = format!("{name}/new/deeper/file");
        assert_eq!(write(&root, &path).unwrap(), Replaced::Nothing);
        assert_eq!(write(&root, &path).unwrap(), Replaced::File { bytes: 7 });
        assert_eq!(read(&root, &path).unwrap(), "written");
        let left: Vec<_> = fs::read_dir(root.path().join(name).join("new/deeper"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["file"], "no temporary file is left");
    }
}

#[test]
fn writing_keeps_permissions() {
    let fixture = Fixture::new();
    let path = fixture.root.path().join("file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    write(&fixture.root, "file").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let fixture = Fixture::new();
    let pipe = fixture.root.path().join("pipe");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    for root in fixture.roots() {
        assert!(matches!(read(&root, "pipe"), Err(WorkspaceError::NotRegular { .. })));
        assert!(matches!(write(&root, "pipe"), Err(WorkspaceError::NotRegular { .. })));
        assert!(matches!(read(&root, "dir"), Err(WorkspaceError::IsDirectory { .. })));
        assert!(matches!(write(&root, "dir"), Err(WorkspaceError::IsDirectory { .. })));
        assert!(matches!(write(&root, "."), Err(WorkspaceError::IsDirectory { .. })));
        assert!(matches!(write(&root, "file/x"), Err(WorkspaceError::NotDirectory { .. })));
    }
}

#[test]
fn a_link_is_not_replaced_but_named() {
    let fixture = Fixture::new();
    let error = write(&fixture.root, "to_file").unwrap_err().to_string();
    assert!(error.contains("symbolic link to 'file'"), "{error}");
}

#[test]
fn a_change_by_somebody_else_is_not_overwritten() {
    let fixture = Fixture::new();
    let path = fixture.root.parse("file").unwrap();
    let version = FileVersion::of(&fixture.root.open_file(&path).unwrap()).unwrap();
    fs::write(fixture.root.path().join("file"), "somebody else's").unwrap();
    let result = fixture.root.replace_file(&path, b"mine", Precondition::Unchanged(version));
    assert!(matches!(result, Err(WorkspaceError::Changed { .. })));
    assert_eq!(read(&fixture.root, "file").unwrap(), "somebody else's");
}

#[test]
fn a_moved_workspace_stays_the_same() {
    let fixture = Fixture::new();
    let moved = fixture.outside.path().join("moved");
    fs::rename(fixture.root.path(), &moved).unwrap();
    symlink("/", fixture.root.path()).unwrap();
    assert_eq!(read(&fixture.root, "file").unwrap(), "inside");
    assert!(read(&fixture.root, "etc/passwd").is_err());
}

#[test]
fn a_directory_that_turns_into_a_link_does_not_lead_out() {
    let fixture = Fixture::new();
    let place = fixture.root.path().join("race");
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = fs::create_dir(&place);
                let _ = fs::remove_dir_all(&place);
                let _ = symlink("..", &place);
                let _ = fs::remove_file(&place);
            }
        });
        for root in fixture.roots() {
            for _ in 0..500 {
                let _ = write(&root, "race/planted");
                assert!(read(&root, "race/secret").is_err());
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(!fixture.outside.path().join("planted").exists());
}

#[test]
fn names_that_are_not_utf8_are_walked() {
    let fixture = Fixture::new();
    fs::write(fixture.root.path().join(OsStr::from_bytes(b"n\xffme")), "").unwrap();
    let stop = livos_core::CancelSignal::new();
    let walk = Walk { ignore_files: IgnoreFiles::Respected, depth: 1, stop: &stop };
    let mut names = Vec::new();
    let end = walk
        .visit(&fixture.root, &WorkspacePath::root(), |found| {
            names.push(printable(found.path));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(end, WalkEnd::Complete);
    assert!(names.contains(&"n\\xffme".to_owned()), "{names:?}");
}

#[test]
fn a_stopped_walk_ends() {
    let fixture = Fixture::new();
    let stop = livos_core::CancelSignal::new();
    stop.cancel();
    let walk = Walk { ignore_files: IgnoreFiles::Respected, depth: 9, stop: &stop };
    let end = walk
        .visit(&fixture.root, &WorkspacePath::root(), |_| unreachable!("nothing is visited"))
        .unwrap();
    assert_eq!(end, WalkEnd::Stopped);
}

fn path_text() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "..",
        ".",
        "",
        "dir",
        "file",
        "up",
        "up_dir",
        "to_dir",
        "to_file",
        "absolute",
        "magic",
        "loop",
        "ws",
        "secret",
        "dangling",
        "dangling_out",
        "absolute_dir",
        "deep",
        "new",
        "ä\u{1}",
        "nul\0",
    ]);
    (any::<bool>(), prop::collection::vec(names, 0..6)).prop_map(|(is_absolute, names)| {
        let start = if is_absolute { "/" } else { "" };
        format!("{start}{}", names.join("/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_path_leads_out(path in path_text()) {
        let fixture = Fixture::new();
        let before = fixture.outside();
        for root in fixture.roots() {
            if let Ok(text) = read(&root, &path) {
                prop_assert_ne!(text, SECRET);
            }
            let _ = write(&root, &path);
            prop_assert_eq!(&fixture.outside(), &before);
        }
    }

    #[test]
    fn any_text_is_a_path_or_an_error(text in ".*") {
        let fixture = Fixture::new();
        if let Ok(path) = fixture.root.parse(&text) {
            let is_plain = path
                .as_path()
                .components()
                .all(|component| matches!(component, std::path::Component::Normal(_)));
            prop_assert!(is_plain);
        }
    }
}
