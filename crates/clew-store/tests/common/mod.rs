//! What the tests share: directories that vanish, runs with invented facts, children of the test program.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use clew_store::{FinishedRun, NewRun, RunSource, Store};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn store(&self) -> Store {
        Store::create(&self.root()).unwrap()
    }

    pub fn root(&self) -> PathBuf {
        self.0.join(".clew")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn new_run(script: &str) -> NewRun {
    NewRun {
        script: script.into(),
        argv: vec!["--token".into(), "abc".into(), "in.csv".into()],
        cwd: "/work".into(),
        interpreter: "/usr/bin/python3".into(),
        python_version: "3.13.0".into(),
        clew_version: "0.1.0".into(),
        packages: [("numpy".to_owned(), "2.3".to_owned())].into(),
        detail: "statement".into(),
    }
}

/// A run with one source and a trace, whose contents are told from others' by `text`.
pub fn record(store: &Store, text: &str) -> String {
    let id = store.begin_run(&new_run("analysis.py")).unwrap();
    let object = store.put_object(format!("x = {text}\n").as_bytes()).unwrap();
    let trace = store.put_object(format!("trace {text}").as_bytes()).unwrap();
    let source = RunSource { source: 0, path: "analysis.py".into(), module: "__main__".into(), object };
    let end = FinishedRun { exit_status: Some(0), trace: Some(trace), sources: vec![source], ..FinishedRun::default() };
    store.finish_run(&id, &end).unwrap();
    id
}

/// Runs one ignored test of this test program in a process of its own.
pub fn child(test: &str, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env("STORE_UNDER_TEST", root);
    command
}

pub fn store_of_parent() -> Store {
    Store::create(Path::new(&std::env::var_os("STORE_UNDER_TEST").unwrap())).unwrap()
}

pub fn succeed(mut children: Vec<Child>) {
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
}

pub fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}
