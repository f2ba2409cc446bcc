//! Runs: begun, finished, named by the user, listed; and artifacts beside them.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use clew_store::{Cell, Error, FinishedRun, LogSegment, NewArtifact, RunState};
use common::{new_run, record, Directory};

#[test]
fn a_run_is_begun_and_finished() {
    let directory = Directory::new();
    let store = directory.store();
    let id = store.begin_run(&new_run("analysis.py")).unwrap();
    let open = store.run(&id).unwrap();
    assert_eq!((open.state, open.exit_status, open.ended), (RunState::Open, None, None));
    assert_eq!(open.argv, ["--token", "***", "in.csv"]);
    assert_eq!(open.pid, std::process::id());
    assert_eq!((id.len(), &id[8..9], &id[15..16]), (22, "-", "-"));

    let log = vec![LogSegment { object: store.put_object(b"log").unwrap(), n_events: 40 }];
    let end = FinishedRun {
        exit_status: Some(3),
        n_events: 41,
        log: log.clone(),
        note: Some("no source".into()),
        ..FinishedRun::default()
    };
    store.finish_run(&id, &end).unwrap();
    let run = store.run(&id).unwrap();
    assert_eq!((run.state, run.exit_status, run.n_events), (RunState::Finished, Some(3), 41));
    assert_eq!(run.note.as_deref(), Some("no source"));
    assert_eq!(run.packages["numpy"], "2.3");
    assert!(run.ended.unwrap() >= run.started);
    assert_eq!(store.run_log(&id).unwrap(), log);
}

#[test]
fn sources_come_back_in_order() {
    let directory = Directory::new();
    let store = directory.store();
    let id = record(&store, "1");
    let sources = store.run_sources(&id).unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!(store.object(&sources[0].object).unwrap(), b"x = 1\n");
    let trace = store.run("latest").unwrap().trace.unwrap();
    assert_eq!(store.object(&trace).unwrap(), b"trace 1");
}

#[test]
fn runs_are_named() {
    let directory = Directory::new();
    let store = directory.store();
    assert!(matches!(store.run("latest"), Err(Error::NoRuns { .. })));
    let ids: Vec<String> = (0..5).map(|n| record(&store, &n.to_string())).collect();
    let name = |text: &str| store.run(text).map(|r| r.id);
    assert_eq!(name("latest").unwrap(), ids[4]);
    assert_eq!(name("latest~").unwrap(), ids[3]);
    assert_eq!(name("latest~4").unwrap(), ids[0]);
    assert_eq!(name(&ids[2]).unwrap(), ids[2]);
    assert_eq!(name(&ids[2].to_uppercase()).unwrap(), ids[2]);
    assert_eq!(name(&ids[2][..21]).unwrap(), ids[2]);
    assert!(matches!(name("latest~5"), Err(Error::TooFarBack { count: 5, .. })));
    assert!(matches!(name("2"), Err(Error::AmbiguousRun { candidates, .. }) if candidates[0] == ids[4]));
    assert!(matches!(name(""), Err(Error::UnknownRun { .. })));
    assert!(matches!(name("%"), Err(Error::UnknownRun { near, .. }) if near.is_empty()));
    assert!(matches!(name(&ids[1][16..]), Err(Error::UnknownRun { near, .. }) if near == [ids[1].clone()]));
    let listed: Vec<String> = store.runs(Some(2)).unwrap().into_iter().map(|r| r.id).collect();
    assert_eq!(listed, [ids[4].clone(), ids[3].clone()]);
    assert_eq!(store.runs(None).unwrap().len(), 5);
}

#[test]
fn an_unknown_run_is_not_finished() {
    let directory = Directory::new();
    let store = directory.store();
    assert!(matches!(store.finish_run("nobody", &FinishedRun::default()), Err(Error::UnknownRun { .. })));
}

#[test]
fn artifacts_have_versions() {
    let directory = Directory::new();
    let store = directory.store();
    let run = record(&store, "1");
    let artifact = |summary: &str, run: Option<&str>| NewArtifact {
        name: "model".into(),
        run: run.map(str::to_owned),
        type_name: "Ridge".into(),
        summary: summary.into(),
        ..NewArtifact::default()
    };
    assert_eq!(store.save_artifact(&artifact("first", Some(&run))).unwrap(), 1);
    assert_eq!(store.save_artifact(&artifact("second", None)).unwrap(), 2);
    assert_eq!(store.save_artifact(&NewArtifact { name: "scores".into(), ..artifact("s", None) }).unwrap(), 1);
    assert_eq!(store.artifact("model", None, None).unwrap().summary, "second");
    assert_eq!(store.artifact("model", Some(1), None).unwrap().run.as_deref(), Some(&*run));
    assert_eq!(store.artifact("model", None, Some(&run)).unwrap().version, 1);
    let unknown = store.artifact("modle", None, None);
    assert!(matches!(unknown, Err(Error::UnknownArtifact { near, .. }) if near[0] == "model"));
    assert!(matches!(store.artifact("model", Some(9), None), Err(Error::UnknownArtifact { .. })));
    let names = |all| store.artifacts(all).unwrap().into_iter().map(|a| (a.name, a.version)).collect::<Vec<_>>();
    assert_eq!(names(false), [("model".into(), 2), ("scores".into(), 1)]);
    assert_eq!(names(true).len(), 3);
    assert_eq!(store.artifacts_of_run(&run).unwrap().len(), 1);
    let of_nobody = store.save_artifact(&artifact("of nobody", Some("nobody")));
    assert!(matches!(of_nobody, Err(Error::UnknownRun { .. })));
}

#[test]
fn sql_reads_and_only_reads() {
    let directory = Directory::new();
    let store = directory.store();
    let id = record(&store, "1");
    let ask = |query: &str| store.sql(query, || false);
    let rows = ask("SELECT id, n_events, 1.5 AS half, NULL, x'00ff' FROM runs;").unwrap();
    assert_eq!(rows.columns[..3], ["id", "n_events", "half"]);
    let expect = vec![Cell::Text(id), Cell::Integer(0), Cell::Real(1.5), Cell::Null, Cell::Blob(vec![0, 255])];
    assert_eq!(rows.rows, [expect]);
    assert!(ask("WITH a AS (SELECT 1) SELECT * FROM a").is_ok());
    for refused in [
        "DELETE FROM runs",
        "DROP TABLE runs",
        "CREATE TABLE t (x)",
        "PRAGMA user_version = 9",
        "SELECT 1; DELETE FROM runs",
        "SELEC 1",
        "SELECT nothing FROM runs",
        "PRAGMA journal_mode = DELETE",
        "BEGIN IMMEDIATE",
        "",
    ] {
        let answer = ask(refused);
        assert!(matches!(answer, Err(Error::Query { .. })), "{refused}: {answer:?}");
    }
    let file = directory.0.join("out.db");
    for writing in [format!("VACUUM INTO '{0}'", file.display()), format!("ATTACH '{0}' AS other", file.display())] {
        let _ = ask(&writing);
        assert!(!file.exists(), "{writing}");
    }
    assert_eq!(store.runs(None).unwrap().len(), 1);
    let tables = store.tables().unwrap();
    let runs = tables.iter().find(|t| t.name == "runs").unwrap();
    assert_eq!((runs.n_rows, &*runs.columns[0]), (1, "id"));
}

#[test]
fn a_long_query_can_be_stopped() {
    let directory = Directory::new();
    let store = directory.store();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    assert!(matches!(store.sql(endless, || true), Err(Error::Interrupted)));
}
