//! The command itself.

use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{echo, get, plain, who};

fn edge() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge"));
    command.kill_on_drop(true);
    command
}

async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = edge().args(arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn help_has_examples() {
    let (code, out, _) = run(&["--help"]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("cargo run -p edge -- --check") && out.contains("Exit status"), "{out}");
    assert!(!out.contains('\u{1b}'), "colour is for terminals");
}

#[tokio::test]
async fn check_says_whether_a_file_can_be_used_and_serves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("edge.toml");
    let path = path.to_str().unwrap();
    let text = format!(
        "listeners = [{{ name = \"public\", address = \"127.0.0.1:0\" }}]\n{}",
        plain("127.0.0.1:1".parse().unwrap())
    );
    std::fs::write(path, &text).unwrap();
    let (code, out, _) = run(&["--check", path]).await;
    assert_eq!((code, &*out), (Some(0), &*format!("{path} can be used\n")));

    std::fs::write(path, text.replace("active =", "acitve =")).unwrap();
    let (code, out, err) = run(&["--check", path]).await;
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(
        err.starts_with(&format!("edge: {path}, line 4, column 1: ")) && err.contains("acitve"),
        "{err}"
    );

    let (code, _, err) = run(&["--check", "/nowhere.toml"]).await;
    assert!(code == Some(1) && err.contains("/nowhere.toml: it can't be read"), "{err}");
    assert_eq!(run(&[]).await.0, Some(2));
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("edge.toml");
    let text = format!(
        "listeners = [{{ name = \"public\", address = \"127.0.0.1:0\" }}]\n{}",
        plain(echo("active").await)
    );
    std::fs::write(&path, text).unwrap();
    let mut child = edge().arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
    assert!(line.ends_with(" (public)"), "{line}");
    assert_eq!(who(address.parse().unwrap(), get("api.fms.test", "/")).await, "active");
    let pid = child.id().unwrap().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
