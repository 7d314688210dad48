//! A contract that is learned from what Segment's clients sent, put into its place unchanged; what waited is then stored.

use std::fs;
use std::path::{Path, PathBuf};

use dlt_testkit::{Invocation, NodeClient, PythonClient, Sandbox, Tracker};
use serde_json::{Value, json};

/// A shop, as Segment's own examples send it: lists of products, an address, a person.
const SHOP: &str = r#"
const { Analytics } = require('@segment/analytics-node');
const client = new Analytics({ writeKey: process.env.KEY, host: process.env.HOST_URL, maxRetries: 1 });
client.on('error', (error) => { console.error(error); process.exitCode = 1; });
for (let number = 0; number < 30; number++) {
  const user = { userId: `ada-${number}@example.org` };
  client.identify({ ...user, traits: { email: user.userId } });
  client.page({ ...user, name: 'Cart', properties: { path: '/cart', utm: { campaign: 'spring', source: 'mail' } } });
  client.track({ ...user, event: 'Order Completed', timestamp: new Date(Date.UTC(2026, 0, 1, number)), properties: {
    order_id: `order-${number}`, total: number + 0.5, currency: number % 2 ? 'EUR' : 'CHF', coupon: null, gift: false,
    products: [
      { sku: `sku-${number % 3}`, price: 10, quantity: 1, tags: ['new'] },
      { sku: 'sku-x', price: 2.5, quantity: number, tags: [] },
    ],
    address: { city: 'Bern', email: user.userId, geo: { level: 2 } },
  } });
}
client.closeAndFlush({ timeout: 30000 });
"#;

const SCREENS: &str = r#"
import os
from segment.analytics.client import Client
failed = []
client = Client(os.environ["KEY"], host=os.environ["HOST_URL"], on_error=lambda error, batch: failed.append(str(error)), max_retries=1)
for number in range(10):
    client.screen(user_id=f"bob-{number}@example.org", name="Start", properties={"width": number, "fonts": ["a", "b"], "dark": True})
client.flush()
client.join()
assert not failed, failed
"#;

#[test]
fn what_segments_clients_sent_becomes_a_contract_and_is_then_stored() {
    let sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    let tracker = Tracker::start(&sandbox, &data).unwrap();
    let dlt = |args: &[&str]| sandbox.dlt(args).unwrap().arg("--data").arg(&data).succeed().unwrap().stdout;
    let key = dlt(&["tracker", "key", "add", "shop"]).trim().to_owned();
    // Nothing is named: all of it waits whole.
    let file = data.join("contracts/shop.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "version = 1\n").unwrap();
    let run = |script: Invocation| script.env("KEY", &key).env("HOST_URL", tracker.url()).succeed().unwrap();
    let node = NodeClient::package("@segment/analytics-node", "3.1.0").unwrap();
    run(node.script(&sandbox, SHOP));
    run(PythonClient::package("segment-analytics-python", "2.4.0").unwrap().script(&sandbox, SCREENS));

    let report: Value = serde_json::from_str(&dlt(&["tracker", "report", "--format", "json"])).unwrap();
    assert_eq!((&report["ledger"]["loaded"], &report["ledger"]["quarantined"]), (&json!(0), &json!(100)), "{report:#}");
    let learned = dlt(&["tracker", "contract", "learn", "shop"]);
    for value in ["ada", "bob", "sku-", "order-", "EUR", "Bern", "spring", "/cart"] {
        assert!(!learned.contains(value), "{value} in\n{learned}");
    }
    fs::write(&file, &learned).unwrap();
    sandbox.dlt(["tracker", "contract", "check"]).unwrap().arg(&file).succeed().unwrap();
    let said = dlt(&["tracker", "quarantine", "replay", "--project", "shop"]);
    assert_eq!(said.trim(), "Replayed 100 events; 0 stay in the quarantine");

    let check = dlt(&["tracker", "check"]);
    assert!(check.starts_with("accepted 200 = loaded 100 + quarantined 0 + "), "{check}");
    let rows = |query: &str| -> Value {
        let lines = dlt(&["tracker", "sql", query, "--format", "json"]);
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
    };
    let order = &rows("SELECT properties FROM events WHERE event = 'Order Completed' ORDER BY timestamp LIMIT 1")[0];
    let order: Value = serde_json::from_str(order["properties"].as_str().unwrap()).unwrap();
    let expected = json!({
        "order_id": "order-0", "total": 0.5, "currency": "CHF", "gift": false,
        "products": [
            {"sku": "sku-0", "price": 10, "quantity": 1, "tags": ["new"]},
            {"sku": "sku-x", "price": 2.5, "quantity": 0, "tags": []},
        ],
        "address": {"city": "Bern", "geo": {"level": 2}},
    });
    assert_eq!(order, expected);
    // Sent again, they are stored at once.
    run(node.script(&sandbox, SHOP));
    let report: Value = serde_json::from_str(&dlt(&["tracker", "report", "--format", "json"])).unwrap();
    assert_eq!((&report["ledger"]["loaded"], &report["ledger"]["quarantined"]), (&json!(190), &json!(0)), "{report:#}");
    assert!(dlt(&["tracker", "check"]).contains("Every accepted event is in exactly one place."));
    // The products are a table; what a user did goes with it. A user's events go by the id that the sender told.
    let gone =
        sandbox.dlt(["tracker", "forget", "ada-1@example.org", "--user", "--data"]).unwrap().arg(&data).succeed();
    assert!(gone.unwrap().stdout.contains("Deleted 6 events"));
    assert_eq!(rows("SELECT count(*) AS items FROM events__products"), json!([{"items": 2 * 58}]));
    tracker.stop().unwrap();
    // No id of a user was ever written, nor what a person wrote who has an address.
    for file in files(&data) {
        let bytes = fs::read(&file).unwrap();
        assert!(!contains(&bytes, b"@example.org"), "{}", file.display());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
