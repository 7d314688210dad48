#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;

fn arguments(data: Option<&Path>, set: &[&str]) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.set = set.iter().map(|text| (*text).to_owned()).collect();
    arguments.path("data", "--data", data);
    arguments
}

fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn arguments_before_environment_before_file_before_default() {
    let folder = tempfile::tempdir().unwrap();
    let text = "connections = 1\n[limits]\nrequest = \"1 KB\"\nevent = \"2 KB\"\nbatch_events = 3\n[timeouts]\nbody = \"4 s\"\n";
    std::fs::write(folder.path().join("tracker.toml"), text).unwrap();
    let environment =
        variables(&[("DLT_TRACKER_LIMITS__REQUEST", "11 KB"), ("DLT_TRACKER_LIMITS__EVENT", "12 KB"), ("PATH", "x")]);
    let config = Config::read(arguments(Some(folder.path()), &["limits.request=21 KB"]), environment).unwrap();
    let options = config.serve_options().unwrap();
    let limits = options.limits;
    assert_eq!((limits.request_bytes, limits.event_bytes, limits.batch_events), (21_000, 12_000, 3));
    assert_eq!((options.connections, options.body_timeout), (1, Duration::from_secs(4)));
    assert_eq!((options.listen.as_str(), options.drain), ("127.0.0.1:8080", Duration::from_secs(5)));
    let shown = config.shown();
    let file = folder.path().join("tracker.toml");
    for line in [
        "limits.request = \"21 KB\"  # --set limits.request".to_owned(),
        "limits.event = \"12 KB\"  # environment variable DLT_TRACKER_LIMITS__EVENT".to_owned(),
        format!("limits.batch_events = 3  # {}:5", file.display()),
        "timeouts.drain = \"5 s\"  # default".to_owned(),
        "# threads: one for each core  # default".to_owned(),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in\n{shown}");
    }
}

#[test]
fn the_order_is_the_same_for_every_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    for key in keys() {
        let name = key.name.replace("NAME", "web");
        std::fs::write(&file, format!("{name} = \"of the file\"\n")).unwrap();
        let variable = layers::variable(&name);
        let environment = [(variable.as_str(), "of the environment")];
        let set = format!("{name}=of the command line");
        for (set, environment, said, value) in [
            (&[][..], &[][..], format!("{}:1", file.display()), "of the file"),
            (&[][..], &environment[..], format!("environment variable {variable}"), "of the environment"),
            (&[set.as_str()][..], &environment[..], format!("--set {name}"), "of the command line"),
            (&[set.as_str()][..], &[][..], format!("--set {name}"), "of the command line"),
        ] {
            let mut arguments = arguments(None, set);
            arguments.file = Some(file.clone());
            let shown = Config::read(arguments, variables(environment)).unwrap().shown();
            let line =
                shown.lines().find(|line| line.trim_start_matches("# ").starts_with(&format!("{name} "))).unwrap();
            assert!(line.ends_with(&format!("  # {said}")), "{line}");
            assert!(key.is_secret || line.starts_with(&format!("{name} = {value:?}")), "{line}");
        }
    }
}

#[test]
fn the_defaults_that_are_told_are_those_that_hold() {
    let defaults = Config::read(arguments(Some(Path::new("x")), &[]), []).unwrap().serve_options().unwrap();
    let told: Vec<String> = keys()
        .filter(|key| shown::is_literal(key))
        .map(|key| format!("{}={}", key.name, key.default.trim_matches('"')))
        .collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    let set = Config::read(arguments(Some(Path::new("x")), &told), []).unwrap().serve_options().unwrap();
    assert_eq!(format!("{set:?}"), format!("{defaults:?}"));
    assert_eq!(format!("{defaults:?}"), format!("{:?}", ServeOptions::new("127.0.0.1:8080", "x")));
}

#[test]
fn what_cannot_be_meant_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    for (text, line, told, hint) in [
        ("lisen = \"x\"\n", 1, "unknown key: `lisen`", "did you mean `listen`?"),
        ("\n[limits]\nreqest = \"1 MB\"\n", 3, "unknown key in [limits]: `reqest`", "did you mean `request`?"),
        ("limits = 3\n", 1, "`limits` must be a table", ""),
        ("memory = 3\n", 1, "`memory` must be text", ""),
        ("memory = \"3\"\n", 1, "`memory` must be a size with its unit", ""),
        ("[load]\ninterval = \"1\"\n", 2, "`load.interval` must be a time with its unit", ""),
        ("threads = 0\n", 1, "`threads` must be at least 1", ""),
        ("threads = \"many\"\n", 1, "`threads` must be a whole number", ""),
        ("listen = \n", 1, "this is not valid TOML", ""),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut arguments = arguments(Some(folder.path()), &[]);
        arguments.file = Some(file.clone());
        let error = Config::read(arguments, []).and_then(|config| config.serve_options()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{}:{line}: ", file.display())), "{error}");
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(error.advice().unwrap_or_default(), hint, "{error}");
    }
    let error = Config::read(arguments(None, &["limits"]), []).unwrap_err();
    assert!(error.to_string().contains("not KEY=VALUE"), "{error}");
    let error = Config::read(arguments(None, &[]), []).unwrap().serve_options().unwrap_err();
    assert!(error.to_string().contains("which folder"), "{error}");
    let mut missing = Arguments::default();
    missing.file = Some(folder.path().join("no.toml"));
    assert!(Config::read(missing, []).unwrap_err().to_string().contains("there is no file"));
}

#[test]
fn folders_are_relative_to_the_file_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    std::fs::write(&file, "data = \"kept\"\n").unwrap();
    let named = variables(&[("DLT_TRACKER_CONFIG", &file.to_string_lossy())]);
    let config = Config::read(Arguments::default(), named).unwrap();
    assert_eq!(config.data_dir().unwrap(), folder.path().join("kept"));
    let other = Config::read(
        arguments(Some(Path::new("other")), &[]),
        variables(&[("DLT_TRACKER_CONFIG", &file.to_string_lossy())]),
    );
    assert_eq!(other.unwrap().data_dir().unwrap(), Path::new("other"));
    // The file in a folder cannot send elsewhere.
    std::fs::write(folder.path().join("tracker.toml"), "data = \"elsewhere\"\n").unwrap();
    let error = Config::read(arguments(Some(folder.path()), &[]), []).unwrap_err();
    assert!(error.to_string().contains("another folder"), "{error}");
    std::fs::write(folder.path().join("tracker.toml"), "data = \".\"\n").unwrap();
    assert!(Config::read(arguments(Some(folder.path()), &[]), []).is_ok());
}

#[test]
fn variables_that_are_none_are_told_and_secrets_are_not() {
    let secret = "a-token-of-16-letters";
    let environment = variables(&[
        ("DLT_TRACKER_LISEN", "x"),
        ("DLT_TRACKER_TOKEN", secret),
        ("DLT_TRACKER_MEMORY", ""),
        ("DLT_TRACKER_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("DLT_TRACKER_SERVICE_HOST", "10.0.0.1"),
    ]);
    let config = Config::read(arguments(Some(Path::new("x")), &[]), environment).unwrap();
    let told =
        "the environment variable DLT_TRACKER_LISEN is no setting of the tracker; did you mean DLT_TRACKER_LISTEN?";
    assert_eq!(config.notices(), [told]);
    assert_eq!(config.serve_options().unwrap().token.as_deref(), Some(secret));
    assert!(!config.shown().contains(secret) && !format!("{:?}", config.shown()).contains(secret));
    assert!(config.shown().contains("# token is set and not shown  # environment variable DLT_TRACKER_TOKEN"));
}
