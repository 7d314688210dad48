//! The reference page of the configuration, made from the same declarations that read it.

#![allow(clippy::unwrap_used)]

use super::keys;
use super::layers::variable;
use super::shown::is_literal;

const HEAD: &str = "# The tracker's settings

Made from the program itself. Each setting can be said in four places; the first that says it counts:

1. the command line: an option of its own where there is one (`--listen`), or `--set KEY=VALUE`, which can be given several times;
2. the environment: `DLT_TRACKER_` and the key in capitals, with `__` for each point: `DLT_TRACKER_LIMITS__REQUEST`;
3. a TOML file: the one that `--config FILE` or `DLT_TRACKER_CONFIG` names, else `tracker.toml` in the data folder, where there is one;
4. the default.

`dlt tracker serve --show-config` prints every setting with its value and where it was said, and starts nothing. What the file says and nobody
knows is an error with file, line, key and the nearest right word. A variable that looks like a setting and is none is told.
Sizes and times are written with their units: `\"512 MB\"`, `\"1 GiB\"`, `\"10 s\"`, `\"90 days\"`.

```toml
# tracker.toml
listen = \"0.0.0.0:8080\"
data = \"/var/lib/dlt-tracker\"

[limits]
request = \"1 MB\"
```

| key | what it sets | default |
|---|---|---|
";

fn page() -> String {
    let mut out = HEAD.to_owned();
    for key in keys() {
        let default = if is_literal(key) { format!("`{}`", key.default) } else { key.default.to_owned() };
        let secret = if key.is_secret { ". A secret: better by its variable than in a file" } else { "" };
        out.push_str(&format!("| `{}` | {}{secret} | {default} |\n", key.name, key.meaning));
    }
    out
}

/// Set `UPDATE_REFERENCE=1` to write the page anew after a change of the settings.
#[test]
fn the_page_in_the_docs_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/tracker-config.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page(), "docs/reference/tracker-config.md is stale: run this test with UPDATE_REFERENCE=1");
    assert_eq!(variable("limits.request"), "DLT_TRACKER_LIMITS__REQUEST");
}
