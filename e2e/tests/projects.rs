//! Real clients of several projects at one tracker: Segment's for Python and Node, and Python dlt.

use dlt_testkit::{NodeClient, PythonClient, PythonDlt, Sandbox, Tracker};
use serde_json::Value;

/// Sends as a service does, and says what its client says of the answer.
const SEGMENT_PYTHON: &str = r#"
import os, sys
from segment.analytics.client import Client
failed = []
client = Client(os.environ["KEY"], host=os.environ["HOST_URL"], on_error=lambda error, batch: failed.append(str(error)),
                max_retries=1, upload_size=10)
for number in range(int(sys.argv[1])):
    client.track(anonymous_id=f"python-{number}", event="Order Completed", properties={"total": number})
client.flush()
client.join()
print("dropped" if failed else "delivered")
"#;

const SEGMENT_NODE: &str = r#"
const { Analytics } = require('@segment/analytics-node');
const client = new Analytics({ writeKey: process.env.KEY, host: process.env.HOST_URL, maxRetries: 1 });
let failed = false;
client.on('error', () => { failed = true; });
for (let number = 0; number < Number(process.argv[1]); number++)
  client.track({ userId: `node-${number}`, event: 'Signed Up', properties: { plan: 'free' } });
client.closeAndFlush({ timeout: 10000 }).then(() => console.log(failed ? 'dropped' : 'delivered'));
"#;

const PYTHON_DLT: &str = r#"
import dlt
dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"), dataset_name="raw").run([{"id": 1}], table_name="t")
"#;

struct Host {
    sandbox: Sandbox,
    tracker: Tracker,
}

impl Host {
    fn dlt(&self, args: &[&str]) -> String {
        self.sandbox.dlt(args).unwrap().args(["--data"]).arg(self.tracker.data()).succeed().unwrap().stdout
    }

    fn key(&self, project: &str) -> String {
        self.dlt(&["tracker", "key", "add", project]).trim().to_owned()
    }

    fn python(&self, version: &str, key: &str, count: usize) -> String {
        let run =
            PythonClient::package("segment-analytics-python", version).unwrap().script(&self.sandbox, SEGMENT_PYTHON);
        let run = run.arg(count.to_string()).env("KEY", key).env("HOST_URL", self.tracker.url());
        run.succeed().unwrap().stdout.trim().to_owned()
    }

    fn node(&self, version: &str, key: &str, count: usize) -> String {
        let run = NodeClient::package("@segment/analytics-node", version).unwrap().script(&self.sandbox, SEGMENT_NODE);
        let run = run.arg(count.to_string()).env("KEY", key).env("HOST_URL", self.tracker.url());
        run.succeed().unwrap().stdout.trim().to_owned()
    }

    fn report(&self, project: &str) -> Value {
        serde_json::from_str(&self.dlt(&["tracker", "report", "--format", "json", "--project", project])).unwrap()
    }
}

#[test]
fn real_clients_are_told_apart_by_their_keys_while_the_tracker_runs() {
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.set_env("DLT_TRACKER_PROJECTS__UNKNOWN_KEY", "refuse");
    let tracker = Tracker::start(&sandbox, &sandbox.path("tracker")).unwrap();
    let host = Host { sandbox, tracker };
    let (shop, site, library) = (host.key("shop"), host.key("site"), host.key("library"));

    // One that sends its key in the body alone, and one that sends it in both places.
    assert_eq!(host.python("2.3.4", &shop, 3), "delivered");
    assert_eq!(host.python("2.4.0", &shop, 4), "delivered");
    assert_eq!(host.node("2.1.3", &site, 5), "delivered");
    assert_eq!(host.node("3.1.0", &site, 6), "delivered");
    let mut user = Sandbox::new().unwrap();
    user.telemetry_to(&format!("{}/", host.tracker.url()));
    user.set_env("RUNTIME__DLTHUB_TELEMETRY_SEGMENT_WRITE_KEY", &library);
    PythonDlt::shared().unwrap().script(&user, PYTHON_DLT).succeed().unwrap();

    // What no key of this tracker brings is refused, and both clients drop it at once.
    assert_eq!(host.python("2.4.0", "a-key-of-another", 2), "dropped");
    assert_eq!(host.node("2.1.3", "a-key-of-another", 2), "dropped");

    for (project, total, installs, event) in [("shop", 7, 4, "Order Completed"), ("site", 11, 6, "Signed Up")] {
        let report = host.report(project);
        assert_eq!((&report["total"], &report["active_ids"]), (&total.into(), &installs.into()), "{report:#}");
        assert_eq!(report["events"].as_array().unwrap().len(), 1, "{report:#}");
        assert_eq!(report["events"][0]["event"], event);
    }
    let report = host.report("library");
    assert_eq!(report["versions"][0]["version"], "1.31.0", "{report:#}");
    assert_eq!(host.report("default")["total"], 0);

    // A revoked key brings nothing any more, a second later.
    let keys: Value = serde_json::from_str(&host.dlt(&["tracker", "key", "list", "--format", "json"])).unwrap();
    let id = keys[0]["id"].as_str().unwrap();
    host.dlt(&["tracker", "key", "revoke", id]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(host.python("2.4.0", &shop, 2), "dropped");
    assert_eq!(host.report("shop")["total"], 7);
    assert!(host.dlt(&["tracker", "check"]).starts_with("accepted "));
    host.tracker.stop().unwrap();
}
