//! Packages that are git repositories.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dlt_testkit::{Answer, Recorder};

use super::{dlt, load_orders, sandbox, write_package};

fn git(folder: &Path, words: &[&str]) {
    let own =
        ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"];
    let done = Command::new("git").args(own).args(words).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn branches_are_fetched_and_nobody_is_asked() {
    let sandbox = sandbox();
    load_orders(&sandbox);
    let from = ["--from", "duckdb:shop.duckdb", "--dataset", "raw"];
    write_package(&sandbox, "origin", &[("one", "select 'main' as branch")]);
    let origin = sandbox.path("origin");
    git(&origin, &["init", "--quiet"]);
    git(&origin, &["add", "-A"]);
    git(&origin, &["commit", "--quiet", "-m", "one"]);
    git(&origin, &["checkout", "--quiet", "-b", "new/way"]);
    sandbox.write("origin/models/one.sql", "select 'new' as branch").unwrap();
    git(&origin, &["commit", "--quiet", "-am", "two"]);
    git(&origin, &["checkout", "--quiet", "main"]);
    let url = format!("file://{}", origin.display());
    let built = |more: &[&str]| {
        sandbox.dlt(["-q", "dbt", "run", &url]).unwrap().args(from).args(more).succeed().unwrap();
        let sql = ["dataset", "raw", from[0], from[1], "--format", "csv", "--sql", "select branch from one"];
        sandbox.dlt(sql).unwrap().succeed().unwrap().stdout.lines().last().unwrap().to_owned()
    };
    assert_eq!(built(&[]), "main");
    assert_eq!(built(&["--branch", "new/way"]), "new");
    sandbox.write("origin/models/one.sql", "select 'newer' as branch").unwrap();
    git(&origin, &["commit", "--quiet", "-am", "three"]);
    assert_eq!(built(&[]), "newer");
    let missing = sandbox.dlt(["dbt", "run", &url, "--branch", "nope"]).unwrap().args(from).run().unwrap();
    assert_eq!(missing.code, Some(1), "{missing}");
    assert!(missing.stderr.contains("the repository has no branch or tag `nope`"), "{missing}");

    // A server that asks for a login, and gets none; the token of the address is told to it and to nobody else.
    let server = Recorder::answering(|_| {
        let mut answer = Answer::status(401);
        answer.headers.push(("WWW-Authenticate".to_owned(), "Basic realm=\"x\"".to_owned()));
        answer
    })
    .unwrap();
    let address = server.url().replace("http://", "");
    for (url, is_hint) in
        [(format!("http://{address}/x.git"), true), (format!("http://ann:gh-t0ken@{address}/x.git"), true)]
    {
        let refused =
            sandbox.dlt(["dbt", "run", &url]).unwrap().args(from).limit(Duration::from_secs(60)).run().unwrap();
        assert_eq!(refused.code, Some(1), "{refused}");
        assert_eq!(refused.stderr.contains("the repository wants a login, and nobody is asked"), is_hint, "{refused}");
        assert!(!refused.stderr.contains("gh-t0ken"), "{refused}");
    }
    let told = server.requests().iter().filter(|request| request.header("authorization").is_some()).count();
    assert!(told > 0, "the server is told the token");
    let grep = Command::new("grep").arg("-r").arg("gh-t0ken").arg(sandbox.root()).output().unwrap();
    assert!(grep.stdout.is_empty(), "{}", String::from_utf8_lossy(&grep.stdout));
    assert!(
        !dlt(&sandbox, "dbt run git@127.0.0.1:x.git")
            .args(from)
            .env("GIT_SSH_COMMAND", "false")
            .run()
            .unwrap()
            .stderr
            .contains("panicked")
    );
}
