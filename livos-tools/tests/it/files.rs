use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use livos_core::ContentBlock;
use livos_core::Tool;
use livos_tools::files::FileEdit;
use livos_tools::files::FileList;
use livos_tools::files::FileRead;
use livos_tools::files::FileSearch;
use livos_tools::files::FileWrite;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::Workspace;
use crate::harness::text;

#[tokio::test]
async fn reads_with_line_numbers() {
    let workspace = Workspace::new();
    workspace.put("a.txt", "one\ntwo\nthree\n");
    let read = FileRead::new(workspace.root.clone());
    assert_eq!(workspace.text(&read, json!({"path": "a.txt"})).await, "1\tone\n2\ttwo\n3\tthree\n");
    assert_eq!(
        workspace.text(&read, json!({"path": "a.txt", "offset": 2, "limit": 1})).await,
        "2\ttwo\n[lines 2 to 2 of 3; go on with offset=3]"
    );
    let absolute = workspace.root.path().join("a.txt");
    assert!(workspace.text(&read, json!({"path": absolute})).await.starts_with("1\tone"));
    assert_eq!(
        workspace.text(&read, json!({"path": "a.txt", "offset": 9})).await,
        "error: offset 9 is behind the end: 'a.txt' has 3 lines"
    );
}

#[tokio::test]
async fn a_large_file_is_read_in_parts_without_a_gap() {
    let workspace = Workspace::new();
    let lines: Vec<String> = (1..=5000).map(|number| format!("line {number}")).collect();
    workspace.put("big.txt", lines.join("\n"));
    let read = FileRead::new(workspace.root.clone());
    let mut offset = 1;
    let mut seen = Vec::new();
    loop {
        let answer =
            workspace.run(&read, json!({"path": "big.txt", "offset": offset})).await.unwrap();
        let part = text(&answer);
        seen.extend(part.lines().filter_map(|line| Some(line.split_once('\t')?.1.to_owned())));
        if !answer.truncated {
            break;
        }
        assert!(part.len() <= 36 * 1024);
        offset = part.rsplit_once("offset=").unwrap().1.trim_end_matches(']').parse().unwrap();
    }
    assert_eq!(seen, lines);
}

#[tokio::test]
async fn pictures_and_documents_come_as_blocks() {
    let workspace = Workspace::new();
    workspace.put("a.dat", b"\x89PNG\r\n\x1a\n rest");
    workspace.put("b.dat", b"%PDF-1.7 rest");
    workspace.put("c.dat", b"\x7fELF\0\0");
    workspace.put("huge.png", [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0; 4_000_000]].concat());
    let read = FileRead::new(workspace.root.clone());
    let image = workspace.run(&read, json!({"path": "a.dat"})).await.unwrap();
    assert!(
        matches!(&image.content[1], ContentBlock::Image(image) if image.media_type == "image/png")
    );
    let document = workspace.run(&read, json!({"path": "b.dat"})).await.unwrap();
    assert!(matches!(&document.content[1], ContentBlock::Document(_)));
    assert!(workspace.text(&read, json!({"path": "c.dat"})).await.contains("binary file"));
    assert!(workspace.text(&read, json!({"path": "huge.png"})).await.contains("at most"));
}

#[tokio::test]
async fn the_escape_set_stays_inside() {
    let outside = TempDir::new().unwrap();
    let secret = outside.path().join("secret.txt");
    std::fs::write(&secret, "the secret").unwrap();
    let workspace = Workspace::new();
    workspace.put("ordinary.txt", "the ordinary");
    symlink(&secret, workspace.path().join("link.txt")).unwrap();
    symlink(outside.path(), workspace.path().join("linked")).unwrap();
    let up = format!("../{}/secret.txt", outside.path().file_name().unwrap().to_str().unwrap());
    symlink(&up, workspace.path().join("relative.txt")).unwrap();
    let root = &workspace.root;
    for path in [
        "link.txt",
        "linked/secret.txt",
        "relative.txt",
        &up,
        secret.to_str().unwrap(),
        "linked/../secret.txt",
        "/proc/self/environ",
        "./../../../../../../../../etc/passwd",
    ] {
        for answer in [
            workspace.text(&FileRead::new(root.clone()), json!({"path": path})).await,
            workspace
                .text(&FileSearch::new(root.clone()), json!({"path": path, "pattern": "."}))
                .await,
            workspace
                .text(&FileWrite::new(root.clone()), json!({"path": path, "content": "x"}))
                .await,
            workspace
                .text(
                    &FileEdit::new(root.clone()),
                    json!({"path": path, "old_text": "secret", "new_text": "x"}),
                )
                .await,
        ] {
            assert!(!answer.contains("the secret"), "{path}: {answer}");
        }
    }
    for path in ["linked", "..", "/"] {
        let answer = workspace.text(&FileList::new(root.clone()), json!({"path": path})).await;
        assert!(answer.starts_with("error:"), "{path}: {answer}");
    }
    let found =
        workspace.text(&FileSearch::new(root.clone()), json!({"pattern": "the \\w+"})).await;
    assert_eq!(found, "ordinary.txt\n1: the ordinary");
    let listed = workspace.text(&FileList::new(root.clone()), json!({})).await;
    assert!(!listed.contains("linked/secret.txt"), "{listed}");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "the secret");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1, "nothing was put there");
}

#[tokio::test]
async fn writes_and_says_what_was_there() {
    let workspace = Workspace::new();
    let write = FileWrite::new(workspace.root.clone());
    let args = json!({"path": "a/b/c.txt", "content": "one\ntwo\n"});
    assert_eq!(workspace.text(&write, args.clone()).await, "created a/b/c.txt: 8 bytes, 2 lines");
    assert_eq!(
        workspace.text(&write, args).await,
        "replaced a/b/c.txt: 8 bytes, 2 lines (before: 8 bytes)"
    );
    assert_eq!(workspace.text_of("a/b/c.txt"), "one\ntwo\n");
}

#[tokio::test]
async fn edits_exactly_or_not_at_all() {
    let workspace = Workspace::new();
    workspace.put("a.rs", "fn a() {}\nfn b() {}\n");
    let edit = FileEdit::new(workspace.root.clone());
    let answer = workspace
        .text(&edit, json!({"path": "a.rs", "old_text": "fn b() {}", "new_text": "fn b() { a() }"}))
        .await;
    assert_eq!(
        answer,
        "edited a.rs: 1 place replaced, the first in line 2. Now there:\n2\tfn b() { a() }"
    );
    let answer = workspace
        .text(&edit, json!({"path": "a.rs", "old_text": "fn ", "new_text": "pub fn "}))
        .await;
    assert!(answer.contains("2 times, in lines 1, 2"), "{answer}");
    let answer = workspace
        .text(&edit, json!({"path": "a.rs", "old_text": "fn c() {}", "new_text": ""}))
        .await;
    assert!(answer.contains("The closest is line 1: `fn a() {}`"), "{answer}");
    workspace.put("latin.txt", b"caf\xe9");
    let answer = workspace
        .text(&edit, json!({"path": "latin.txt", "old_text": "caf", "new_text": "x"}))
        .await;
    assert!(answer.contains("not UTF-8"), "{answer}");
    assert_eq!(workspace.text_of("a.rs"), "fn a() {}\nfn b() { a() }\n");
}

#[tokio::test]
async fn lists_sorted_and_without_what_is_ignored() {
    let workspace = Workspace::new();
    for path in ["src/main.rs", "src/deep/a.rs", "target/out.o", ".git/config", "b.md", "x.log"] {
        workspace.put(path, "12");
    }
    workspace.put(".gitignore", "/target\n*.log\n");
    workspace.put("src/.gitignore", "!keep.log\n");
    workspace.put("src/keep.log", "");
    let list = FileList::new(workspace.root.clone());
    assert_eq!(
        workspace.text(&list, json!({})).await,
        ".gitignore  14\nb.md  2\nsrc/\nsrc/.gitignore  10\nsrc/deep/\nsrc/keep.log  0\nsrc/main.rs  2\n"
    );
    assert_eq!(
        workspace.text(&list, json!({"glob": "*.rs"})).await,
        "src/deep/a.rs  2\nsrc/main.rs  2\n"
    );
    assert_eq!(
        workspace.text(&list, json!({"path": "src", "glob": "deep/*"})).await,
        "src/deep/a.rs  2\n"
    );
    let all = workspace.text(&list, json!({"include_ignored": true})).await;
    assert!(all.contains("target/out.o") && !all.contains(".git/config"), "{all}");
    assert_eq!(
        workspace.text(&list, json!({"limit": 1})).await,
        ".gitignore  14\n[6 more entries not shown: narrow it with path, glob or depth]"
    );
    assert_eq!(workspace.text(&list, json!({"path": "target"})).await, "target/out.o  2\n");
}

#[tokio::test]
async fn names_that_are_not_utf8_are_shown_and_searched() {
    let workspace = Workspace::new();
    std::fs::write(workspace.path().join(OsStr::from_bytes(b"caf\xe9\n.txt")), "needle").unwrap();
    let listed = workspace.text(&FileList::new(workspace.root.clone()), json!({})).await;
    assert_eq!(listed, "caf\\xe9\\n.txt  6\n");
    let found = workspace
        .text(&FileSearch::new(workspace.root.clone()), json!({"pattern": "needle"}))
        .await;
    assert_eq!(found, "caf\\xe9\\n.txt\n1: needle");
}

#[tokio::test]
async fn searches_by_regex_literal_and_glob() {
    let workspace = Workspace::new();
    workspace.put("a.rs", "fn one() {}\nfn two() {}\n");
    workspace.put("b.md", "call one()\n");
    workspace.put("c.bin", b"one\0");
    let search = FileSearch::new(workspace.root.clone());
    for (args, expected) in [
        (json!({"pattern": "one\\(\\)"}), "a.rs\n1: fn one() {}\nb.md\n1: call one()"),
        (json!({"pattern": "one(", "syntax": "literal", "glob": "*.md"}), "b.md\n1: call one()"),
        (json!({"pattern": "FN", "case": "insensitive", "output": "files"}), "a.rs: 2"),
        (json!({"pattern": "two", "context": 1}), "a.rs\n1- fn one() {}\n2: fn two() {}"),
        (json!({"pattern": "one", "path": "b.md"}), "b.md\n1: call one()"),
        (json!({"pattern": "nothing"}), "[no match in .]"),
    ] {
        assert_eq!(workspace.text(&search, args.clone()).await, expected, "{args}");
    }
    let refused = workspace.text(&search, json!({"pattern": "one("})).await;
    assert!(refused.contains("unclosed group") && refused.contains("literal"), "{refused}");
    let refused = workspace.text(&search, json!({"pattern": "(a{1000}){1000}"})).await;
    assert!(refused.starts_with("error:"), "{refused}");
}

#[tokio::test]
async fn a_run_with_a_workspace_of_its_own_stays_there() {
    let workspace = Workspace::new();
    let own = TempDir::new().unwrap();
    let write = FileWrite::new(workspace.root.clone());
    let args = serde_json::from_value(json!({"path": "a.txt", "content": "x"})).unwrap();
    write.call(args, &workspace.context_in(Some(own.path()))).await.unwrap();
    assert!(own.path().join("a.txt").exists());
    assert!(!workspace.path().join("a.txt").exists());
}

#[tokio::test]
async fn several_edits_are_made_together_or_not_at_all() {
    let workspace = Workspace::new();
    workspace.put("a.txt", "one\ntwo\nthree\ntwo and a half\n");
    let edit = FileEdit::new(workspace.root.clone());
    let good = json!({"old_text": "one", "new_text": "1"});
    for (edits, expected) in [
        (
            json!([good, {"old_text": "four", "new_text": "4"}]),
            "edits[1]: old_text is not in the file",
        ),
        (
            json!([{"old_text": "two", "new_text": "2"}, good]),
            "edits[0]: old_text is there 2 times, in lines 2, 4",
        ),
        (
            json!([good, {"old_text": "one", "new_text": "x"}]),
            "edits[1]: old_text is not in the file",
        ),
        (json!([]), "edits is empty"),
        (json!(vec![good.clone(); 51]), "at most 50"),
    ] {
        let answer = workspace.text(&edit, json!({"path": "a.txt", "edits": edits})).await;
        assert!(answer.starts_with("error:") && answer.contains(expected), "{answer}");
        assert_eq!(workspace.text_of("a.txt"), "one\ntwo\nthree\ntwo and a half\n");
    }
    let edits = json!([
        good,
        {"old_text": "two", "new_text": "2", "replace_all": true},
        {"old_text": "1\n2", "new_text": "1, 2"},
    ]);
    let answer = workspace.text(&edit, json!({"path": "a.txt", "edits": edits})).await;
    assert!(answer.starts_with("edited a.txt: 1 place replaced"), "{answer}");
    assert_eq!(workspace.text_of("a.txt"), "1, 2\nthree\n2 and a half\n");
    for args in [json!({"path": "a.txt"}), json!({"path": "a.txt", "old_text": "1"})] {
        assert!(workspace.text(&edit, args).await.contains("give old_text and new_text"));
    }
    let both = json!({"path": "a.txt", "old_text": "1", "new_text": "x", "edits": [good]});
    assert!(workspace.text(&edit, both).await.contains("give either"));
}

#[tokio::test]
async fn what_has_no_end_or_no_content_neither_hangs_nor_fills_the_memory() {
    let workspace = Workspace::new();
    let sparse = std::fs::File::create(workspace.path().join("sparse")).unwrap();
    sparse.set_len(10 * 1024 * 1024 * 1024).unwrap();
    let mut text = std::fs::File::create(workspace.path().join("text")).unwrap();
    std::io::Write::write_all(&mut text, &b"line\n".repeat(4096)).unwrap();
    text.set_len(10 * 1024 * 1024 * 1024).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(workspace.path().join("fifo")).status();
    assert!(fifo.unwrap().success());
    symlink("/dev/zero", workspace.path().join("zero")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(workspace.path().join("socket")).unwrap();
    let root = &workspace.root;
    let all = async {
        for (path, expected) in [
            ("sparse", "binary file (10737418240 bytes)"),
            ("text", "go on with offset="),
            ("fifo", "not a regular file"),
            ("zero", "symbolic link that leads outside"),
            ("socket", "error:"),
        ] {
            let read = FileRead::new(root.clone());
            let answer = workspace.text(&read, json!({"path": path})).await;
            assert!(answer.contains(expected), "{path}: {}", &answer[..answer.len().min(300)]);
            let edit = FileEdit::new(root.clone());
            let args = json!({"path": path, "old_text": "line", "new_text": "x"});
            let answer = workspace.text(&edit, args).await;
            assert!(answer.starts_with("error:"), "{path}: {answer}");
            let write = FileWrite::new(root.clone());
            if !["sparse", "text"].contains(&path) {
                let answer = workspace.text(&write, json!({"path": path, "content": "x"})).await;
                assert!(answer.starts_with("error:"), "{path}: {answer}");
            }
        }
        let search = FileSearch::new(root.clone());
        let answer = workspace.text(&search, json!({"pattern": "line"})).await;
        assert!(answer.contains("1 files above 8 MiB were not searched"), "{answer}");
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.unwrap();
}

#[tokio::test]
async fn every_spelling_of_outside_is_told_as_such() {
    let workspace = Workspace::new();
    workspace.put("inside.txt", "x");
    let read = FileRead::new(workspace.root.clone());
    for (path, expected) in [
        ("..", "outside the workspace"),
        ("../x", "outside the workspace"),
        ("a/../../x", "outside the workspace"),
        ("/etc/passwd", "outside the workspace"),
        ("//etc/passwd", "outside the workspace"),
        ("/proc/self/cwd/Cargo.toml", "outside the workspace"),
        ("/proc/self/root/etc/passwd", "outside the workspace"),
        ("/dev/fd/0", "outside the workspace"),
        ("inside.txt\0/../../etc/passwd", "NUL"),
        ("~/.ssh/id_rsa", "does not exist"),
        ("file:///etc/passwd", "does not exist"),
        // They look like two dots or a slash and are neither.
        ("\u{2025}/etc/passwd", "does not exist"),
        ("\u{ff0e}\u{ff0e}/etc/passwd", "does not exist"),
        ("..\u{2215}etc\u{2215}passwd", "does not exist"),
        ("%2e%2e/etc/passwd", "does not exist"),
        ("..\\etc\\passwd", "does not exist"),
    ] {
        let answer = workspace.text(&read, json!({"path": path})).await;
        assert!(answer.starts_with("error:") && answer.contains(expected), "{path}: {answer}");
    }
}
