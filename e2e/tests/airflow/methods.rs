//! What others than Airflow are given, checked by their own programs or schemas, and run where that can be had.

use std::fs;

use dlt_testkit::{Checkers, Sandbox};

use super::{Api, pipeline, plain};

fn project(api: &Api, folder: &str) -> Sandbox {
    let sandbox = Sandbox::new().unwrap();
    let file = pipeline("shop", "type = \"duckdb\"", api, &plain(&["users"]));
    sandbox.write(format!("{folder}/shop_pipeline.toml"), file).unwrap();
    let secrets = "[sources.rest_api.client.auth]\ntype = \"bearer\"\ntoken = \"tr0ub4dor\"\n";
    sandbox.write(format!("{folder}/.dlt/secrets.toml"), secrets).unwrap();
    sandbox
}

fn deploy(sandbox: &Sandbox, words: &[&str]) -> String {
    let told = sandbox.dlt([&["deploy"], words].concat()).unwrap().succeed().unwrap();
    assert!(!told.stdout.contains("tr0ub4dor") && !told.stderr.contains("tr0ub4dor"), "{told}");
    told.stdout
}

#[test]
fn a_workflow_is_one_by_githubs_schema() {
    let api = Api::start();
    let sandbox = project(&api, "a b/shop");
    fs::create_dir_all(sandbox.path(".git")).unwrap();
    let checkers = Checkers::shared().unwrap();
    let path = sandbox.path(".github/workflows/run_shop_workflow.yml");
    for options in [
        &["--schedule", "30 6 * * 1-5", "--install", "pip install \"dlt\" # 'x'"][..],
        &["--run-on-push", "--run-manually", "false", "--force"],
        &["--force"],
    ] {
        deploy(&sandbox, &[&["a b/shop/shop_pipeline.toml", "github-action"], options].concat());
        checkers.workflow(&sandbox, &path).succeed().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("SOURCES__REST_API__CLIENT__AUTH__TOKEN: ${{ secrets."), "{text}");
        assert!(text.contains("working-directory: \"a b/shop\""), "{text}");
        assert!(!text.contains("tr0ub4dor"));
    }
    // The check can fail.
    let broken = sandbox.write("broken.yml", "on: {}\njobs: {x: {runs-on: 5}}\n").unwrap();
    assert_ne!(checkers.workflow(&sandbox, &broken).run().unwrap().code, Some(0));
}

#[test]
fn a_cron_job_is_one_by_the_schemas_of_kubernetes() {
    let api = Api::start();
    let sandbox = project(&api, ".");
    let checkers = Checkers::shared().unwrap();
    let words = ["shop_pipeline.toml", "kubernetes", "--schedule", "@daily", "--timezone", "Europe/Berlin"];
    let told = deploy(&sandbox, &[&words[..], &["--image", "registry.example.org/dlt:1"]].concat());
    assert!(told.contains("kubectl create secret generic dlt-shop --from-literal="), "{told}");
    let path = sandbox.path("dlt-shop.yaml");
    checkers.manifest(&sandbox, &path).succeed().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("secretKeyRef") && !text.contains("tr0ub4dor"), "{text}");
    let broken = sandbox.write("broken.yaml", text.replace("concurrencyPolicy", "concurencyPolicy")).unwrap();
    assert_ne!(checkers.manifest(&sandbox, &broken).run().unwrap().code, Some(0));
}

/// The line is checked by cron's own program, and then run as cron runs it.
#[test]
fn a_crontab_runs_the_pipeline() {
    let api = Api::start();
    let sandbox = project(&api, "50% of a shop");
    deploy(&sandbox, &["50% of a shop/shop_pipeline.toml", "cron", "--schedule", "*/5 * * * *"]);
    let path = sandbox.path("shop.crontab");
    sandbox.command("crontab").arg("-n").arg(&path).succeed().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().last().unwrap().strip_prefix("*/5 * * * * ").unwrap();
    sandbox.write("50% of a shop/.dlt/shop.env", "SOURCES__REST_API__CLIENT__AUTH__TOKEN=of-the-file\n").unwrap();
    // Cron takes the line to the first percent sign that has no backslash.
    let command = line.replace("\\%", "%");
    let run = sandbox.command("/bin/sh").args(["-c", &command]).current_dir("/").succeed().unwrap();
    assert!(run.stdout.contains("is LOADED"), "{run}");
    let request = api.server.requests().into_iter().next().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer of-the-file"));
    let broken = sandbox.write("broken.crontab", text.replace("*/5", "*/x")).unwrap();
    assert_ne!(sandbox.command("crontab").arg("-n").arg(broken).run().unwrap().code, Some(0));
}

#[test]
fn units_are_some_by_systemd() {
    let api = Api::start();
    let sandbox = project(&api, "50% of a shop");
    for (schedule, times) in [("@daily", 1), ("*/10 6-20 * * 1-5", 1), ("0 9 13 * 5", 2)] {
        let words =
            ["50% of a shop/shop_pipeline.toml", "systemd", "--schedule", schedule, "--timezone", "Europe/Berlin"];
        deploy(&sandbox, &[&words[..], &["--force"]].concat());
        let units = ["dlt-shop.service", "dlt-shop.timer"].map(|name| sandbox.path(name));
        let verified = sandbox.command("systemd-analyze").arg("verify").args(&units).succeed().unwrap();
        let complaints: Vec<&str> = verified.stderr.lines().filter(|line| line.contains("dlt-shop")).collect();
        assert!(complaints.is_empty(), "{verified}");
        let timer = fs::read_to_string(&units[1]).unwrap();
        let calendar: Vec<&str> = timer.lines().filter_map(|line| line.strip_prefix("OnCalendar=")).collect();
        assert_eq!(calendar.len(), times, "{timer}");
        for time in calendar {
            sandbox.command("systemd-analyze").args(["calendar", time]).succeed().unwrap();
        }
    }
    let text = fs::read_to_string(sandbox.path("dlt-shop.service")).unwrap();
    let broken =
        sandbox.write("dlt-broken.service", text.replace("Type=oneshot", "Type=oneshoot\nExecStrt=x")).unwrap();
    let told = sandbox.command("systemd-analyze").arg("verify").arg(broken).run().unwrap();
    assert!(told.stderr.contains("dlt-broken.service"), "{told}");
}
