//! Pipeline files: what they may say, and what is said of wrong ones.

use std::path::Path;

use dlt::declaration::{Around, ConfigProviders, Declaration};

fn around(folder: &Path, variables: &[(&str, &str)]) -> ConfigProviders {
    let data = folder.join("data").to_string_lossy().into_owned();
    let all = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ConfigProviders::new(all.chain([("DLT_DATA_DIR".to_owned(), data)]))
}

/// What is said of a file with this content: the message from the line number on, and the hint.
fn complaint(text: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    std::fs::write(&file, text).unwrap();
    let error = Declaration::read(&file, &around(folder.path(), &[])).unwrap_err();
    assert_eq!(error.kind(), dlt::ErrorKind::Config);
    let message = error.to_string().replace(&*file.to_string_lossy(), "shop_pipeline.toml");
    (message, error.advice().unwrap_or_default().to_owned())
}

const GOOD: &str = "[pipeline]\nname = \"shop\"\n\n[destination]\ntype = \"duckdb\"\n\n[source]\ntype = \"filesystem\"\npaths = [\"data/*\"]\n";

#[test]
fn options_of_versions_and_ways_to_replace_are_read_or_refused_with_their_line() {
    let versions = format!("{GOOD}write_disposition = \"merge\"\nmerge_strategy = \"scd2\"\n");
    let fine =
        format!("{versions}\n[source.scd2]\nvalidity_column_names = [\"a\", \"b\"]\nboundary_timestamp = \"none\"\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    std::fs::write(
        &file,
        fine.replace("type = \"duckdb\"", "type = \"duckdb\"\nreplace_strategy = \"insert-from-staging\""),
    )
    .unwrap();
    Declaration::read(&file, &around(folder.path(), &[])).unwrap();
    for (text, message) in [
        (
            format!("{versions}\n[source.scd2]\nboundary_timestamp = \"soon\"\n"),
            "shop_pipeline.toml:13: `boundary_timestamp` is no timestamp: `soon`",
        ),
        (
            format!("{versions}\n[source.scd2]\nboundary = \"2024-01-01\"\n"),
            "shop_pipeline.toml:14: unknown key in [source.scd2]: `boundary`",
        ),
        (
            GOOD.replace("type = \"duckdb\"", "type = \"duckdb\"\nreplace_strategy = \"insert\""),
            "shop_pipeline.toml:6: unknown value of `destination.replace_strategy`: `insert`",
        ),
    ] {
        assert_eq!(complaint(&text).0, message);
    }
    std::fs::write(&file, GOOD).unwrap();
    let around = around(folder.path(), &[("DESTINATION__REPLACE_STRATEGY", "nonsense")]);
    let error = Declaration::read(&file, &around).unwrap_err();
    assert_eq!(
        error.to_string(),
        "environment variable DESTINATION__REPLACE_STRATEGY: unknown replace_strategy: `nonsense`"
    );
}

#[test]
fn wrong_files_name_the_line_and_the_right_word() {
    for (text, message, hint) in [
        (
            GOOD.replace("name =", "nmae ="),
            "shop_pipeline.toml:2: unknown key in [pipeline]: `nmae`",
            "did you mean `name`?",
        ),
        (
            GOOD.replace("name = \"shop\"", ""),
            "shop_pipeline.toml:1: `pipeline.name` is missing",
            "add, for example: name = \"shop\"",
        ),
        (
            GOOD.replace("paths", "path"),
            "shop_pipeline.toml:9: unknown key in [source]: `path`",
            "did you mean `paths`?",
        ),
        (
            GOOD.replace("paths", "files"),
            "shop_pipeline.toml:7: `source.paths` is missing",
            "add, for example: paths = [\"data/*.jsonl\"]",
        ),
        (
            format!("{GOOD}writ_disposition = \"append\"\n"),
            "shop_pipeline.toml:10: unknown key in [source]: `writ_disposition`",
            "did you mean `write_disposition`?",
        ),
        (
            format!("{GOOD}write_disposition = \"apend\"\n"),
            "shop_pipeline.toml:10: unknown value of `source.write_disposition`: `apend`",
            "did you mean `append`?",
        ),
        (
            format!("{GOOD}write_disposition = \"merge\"\n"),
            "shop_pipeline.toml:7: `source.primary_key` is missing",
            "add, for example: primary_key = \"id\" (merge has to know what identifies a row)",
        ),
        (
            format!("{GOOD}format = \"xlsx\"\n"),
            "shop_pipeline.toml:10: unknown value of `source.format`: `xlsx`",
            "known are `jsonl`, `json`, `csv`, `tsv`, `parquet`",
        ),
        (format!("{GOOD}max_nesting = -1\n"), "shop_pipeline.toml:10: `source.max_nesting` must be at least 0", ""),
        (
            format!("{GOOD}schema_contract = \"freez\"\n"),
            "shop_pipeline.toml:10: `source.schema_contract`: unknown word `freez`",
            "did you mean `freeze`?",
        ),
        (
            format!("{GOOD}schema_contract = {{ rows = \"freeze\" }}\n"),
            "shop_pipeline.toml:10: unknown key in [source.schema_contract]: `rows`",
            "known are `tables`, `columns`, `data_type`",
        ),
        (
            format!("{GOOD}[source.columns.price]\ndata_type = \"decimal\"\nprecison = 10\n"),
            "shop_pipeline.toml:12: unknown key in [source.columns.price]: `precison`",
            "did you mean `precision`?",
        ),
        (
            format!("{GOOD}[source.columns.price]\ndata_type = \"money\"\n"),
            "shop_pipeline.toml:11: `source.columns.price.data_type`: unknown word `money`",
            "known are `text`, `double`, `bool`, `timestamp`, `bigint`, `binary`, `json`, `decimal`, `wei`, `date`, `time`",
        ),
        (
            format!("{GOOD}[source.columns.price]\ndata_type = \"bool\"\nprecision = 3\n"),
            "shop_pipeline.toml:10: `source.columns`: column `price`: a bool has no precision",
            "",
        ),
        (format!("{GOOD}table = 5\n"), "shop_pipeline.toml:10: `source.table` must be text, and is a number", ""),
        (
            GOOD.replace("\"duckdb\"", "\"duckbd\""),
            "shop_pipeline.toml:5: unknown destination: `duckbd`",
            "did you mean `duckdb`?",
        ),
        (
            GOOD.replace("\"filesystem\"", "\"filesytem\""),
            "shop_pipeline.toml:8: unknown source: `filesytem`",
            "did you mean `filesystem`?",
        ),
        (
            GOOD.replace("[destination]", "[destinatoin]"),
            "shop_pipeline.toml:4: unknown key: `destinatoin`",
            "did you mean `destination`?",
        ),
        (
            format!("{GOOD}[extra]\na = 1\n"),
            "shop_pipeline.toml:10: unknown key: `extra`",
            "known are `pipeline`, `destination`, `source`, `dbt`",
        ),
        (
            format!("destination = \"duckdb::memory:\"\n{}", GOOD.replace("[destination]\ntype = \"duckdb\"\n", "")),
            "shop_pipeline.toml:1: `:memory:` cannot be a DuckDB destination: data in memory would be gone with the process that loads it",
            "name a file: duckdb:shop.duckdb",
        ),
        (
            GOOD.replace("name = \"shop\"", "name = \"shop\"\nworkers = 0"),
            "shop_pipeline.toml:3: `pipeline.workers` must be from 1 to 1024",
            "",
        ),
        (
            GOOD.replace("name = \"shop\"", "name = \"shop\"\nworkers = 30000"),
            "shop_pipeline.toml:3: `pipeline.workers` must be from 1 to 1024",
            "",
        ),
        (
            GOOD.replace("\"duckdb\"", "\"duckdb\"\npath = \":memory:\""),
            "shop_pipeline.toml:6: `:memory:` cannot be a DuckDB destination: data in memory would be gone",
            "write the path of a file: path = \"shop.duckdb\"",
        ),
        (
            GOOD.replace("\"duckdb\"", "\"duckdb\"\npath = \"md:shop\""),
            "shop_pipeline.toml:6: `md:shop` cannot be a DuckDB destination: MotherDuck needs an extension of DuckDB, which its library neither carries nor downloads",
            "write the path of a file: path = \"shop.duckdb\"",
        ),
        (
            GOOD.replace("\"duckdb\"", "\"duckdb\"\npath = \"duckdb:foo.duckdb\""),
            "shop_pipeline.toml:6: `destination.path` is the path of the file alone",
            "write path = \"foo.duckdb\"",
        ),
        (
            GOOD.replace("\"duckdb\"", "\"duckdb\"\nmemory_limit = \"2\""),
            "shop_pipeline.toml:6: `destination.memory_limit` must be a size with its unit, such as \"512 MB\" or \"2 GB\"",
            "",
        ),
        (
            GOOD.replace("\"duckdb\"", "\"duckdb\"\nmemory_limit = 2"),
            "shop_pipeline.toml:6: `destination.memory_limit` must be text, and is a number",
            "",
        ),
        ("[pipeline\n".to_owned(), "shop_pipeline.toml:1: this is not valid TOML: ", ""),
        (
            String::new(),
            "shop_pipeline.toml:1: `pipeline` is missing",
            "add, for example: [pipeline] with name = \"shop\"",
        ),
    ] {
        let (said, advice) = complaint(&text);
        assert!(said.starts_with(message), "{said}\nfor\n{text}");
        assert_eq!(advice, hint, "{said}");
    }
}

#[test]
fn short_forms_and_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    std::fs::write(&file, "destination = \"duckdb:x/shop.db\"\n[pipeline]\nname = \"shop\"\n[source]\ntype = \"filesystem\"\npaths = \"a.jsonl\"\n").unwrap();
    let declared = Declaration::read(&file, &around(folder.path(), &[])).unwrap();
    assert_eq!((declared.name(), declared.dataset(), declared.source_kind()), ("shop", "shop_dataset", "filesystem"));
    let expected = format!("duckdb:{}", folder.path().join("x/shop.db").display());
    assert_eq!(declared.destination().to_string(), expected);
}

const REST: &str = "destination = \"duckdb\"\n[pipeline]\nname = \"shop\"\n[source]\ntype = \"rest_api\"\n[source.client]\nbase_url = \"http://127.0.0.1:1\"\n";

#[test]
fn resources_that_do_not_fit_together_are_told_before_anything_is_begun() {
    let users = "[[source.resources]]\nname = \"users\"\n";
    for (text, message) in [
        (
            format!("{REST}{users}[[source.resources]]\ntable_name = \"x\"\n"),
            "shop_pipeline.toml:10: a resource has no `name`",
        ),
        (format!("{REST}{users}{users}"), "shop_pipeline.toml:10: two resources are named `users`"),
        (format!("{REST}{users}selected = false\n"), "shop_pipeline.toml:4: no resource is selected"),
        (
            format!("{REST}{users}write_disposition = \"merge\"\n"),
            "shop_pipeline.toml:8: resource `users` is to be merged and has no primary key",
        ),
        (
            format!("{REST}{users}[[source.resources]]\nname = \"posts\"\nendpoint = \"a/{{resources.usres.id}}\"\n"),
            "shop_pipeline.toml:10: resource `posts` refers to `usres`, which is no resource here",
        ),
        (
            format!("{}{users}", REST.replace("http://127", "127")),
            "shop_pipeline.toml:7: client.base_url must begin with http",
        ),
    ] {
        let (said, _) = complaint(&text);
        assert!(said.starts_with(message), "{said}\nfor\n{text}");
    }
}

#[test]
fn a_secret_in_a_table_of_the_file_is_looked_up_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    std::fs::write(&file, format!("{REST}[[source.resources]]\nname = \"users\"\n")).unwrap();
    std::fs::create_dir(folder.path().join(".dlt")).unwrap();
    std::fs::write(
        folder.path().join(".dlt/secrets.toml"),
        "[sources.rest_api.client]\nbase_url = \"unused\"\nauth = { type = \"bearer\", token = \"t\" }\n",
    )
    .unwrap();
    let declared =
        Declaration::read(&file, &around(folder.path(), &[("DESTINATION__DUCKDB__MEMORY_LIMIT", "1 GB")])).unwrap();
    let looked_up: Vec<_> = declared.looked_up().iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(looked_up, ["destination.memory_limit", "source.client.auth.type", "source.client.auth.token"]);
}

#[test]
fn what_the_file_leaves_open_is_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    std::fs::write(&file, GOOD).unwrap();
    std::fs::create_dir(folder.path().join(".dlt")).unwrap();
    std::fs::write(
        folder.path().join(".dlt/config.toml"),
        "[sources.filesystem]\ntable = \"t\"\n[destination.duckdb]\npath = \"other.db\"\n",
    )
    .unwrap();
    let around = around(
        folder.path(),
        &[("SOURCES__FILESYSTEM__PRIMARY_KEY", "id,day"), ("SOURCES__FILESYSTEM__MAX_NESTING", "2")],
    );
    let declared = Declaration::read(&file, &around).unwrap();
    assert!(declared.destination().to_string().ends_with("other.db"));
    let looked_up: Vec<_> = declared.looked_up().iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(looked_up, ["destination.path", "source.max_nesting", "source.primary_key", "source.table"]);

    std::fs::write(folder.path().join(".dlt/config.toml"), "\n[sources.filesystem]\ntabel = \"t\"\n").unwrap();
    let error = Declaration::read(&file, &around).unwrap_err();
    assert!(error.to_string().ends_with(".dlt/config.toml:3: unknown key in [source]: `tabel`"), "{error}");
}

/// Python dlt asks all places for what is said under the pipeline's name, before it asks them for the rest.
#[test]
fn what_is_said_under_the_name_of_the_pipeline_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    std::fs::write(&file, GOOD).unwrap();
    std::fs::create_dir(folder.path().join(".dlt")).unwrap();
    std::fs::write(
        folder.path().join(".dlt/config.toml"),
        "[shop.sources.filesystem]\ntable = \"own\"\n[shop.schema]\nnaming = \"direct\"\n[other.sources.filesystem]\nlimit = 1\n",
    )
    .unwrap();
    let around = around(
        folder.path(),
        &[("SOURCES__FILESYSTEM__TABLE", "of all"), ("SHOP__DESTINATION__DUCKDB__PATH", "own.db")],
    );
    let declared = Declaration::read(&file, &around).unwrap();
    assert!(declared.destination().to_string().ends_with("own.db"));
    let looked_up: Vec<_> = declared.looked_up().iter().map(|(key, origin)| format!("{key}: {origin}")).collect();
    let config = folder.path().join(".dlt/config.toml");
    let at = |key: &str, line: u64| format!("{key}: {}:{line}", config.display());
    let variable = "destination.path: environment variable SHOP__DESTINATION__DUCKDB__PATH".to_owned();
    assert_eq!(looked_up, [at("naming", 4), variable, at("source.table", 2)]);
}

#[test]
fn ready_made_sources_can_be_changed_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    let head = "[pipeline]\nname = \"shop\"\n[destination]\ntype = \"duckdb\"\n[source]\ntype = \"github\"\n";
    let read = |text: &str| {
        std::fs::write(&file, format!("{head}{text}")).unwrap();
        Declaration::read(
            &file,
            &around(
                folder.path(),
                &[("SOURCES__GITHUB__CLIENT__AUTH__TYPE", "bearer"), ("SOURCES__GITHUB__CLIENT__AUTH__TOKEN", "123")],
            ),
        )
    };
    let declared = read("[source.resource_defaults.endpoint.params]\nowner = \"duckdb\"\n").unwrap();
    assert_eq!(declared.source_kind(), "github");
    let source = declared.source().unwrap();
    assert_eq!(dlt::Source::name(&source), "github");
    let identity = dlt::Source::identity(&source);
    assert!(!identity.contains("123"), "{identity}");
    // With resources of its own the file stands by itself, and lacks a client that is ready-made.
    let error = read("[[source.resources]]\nname = \"x\"\n").unwrap_err();
    assert!(error.to_string().contains("`source.client`: the key `base_url` is missing"), "{error}");
    let error = read("[source.client]\nbase_ulr = \"x\"\n").unwrap_err();
    assert!(error.to_string().ends_with("shop_pipeline.toml:8: unknown key in [source.client]: `base_ulr`"), "{error}");
}

#[test]
fn the_one_file_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let find = || Declaration::find(folder.path());
    assert_eq!(find().unwrap_err().advice(), Some("begin with one: dlt init filesystem duckdb"));
    std::fs::write(folder.path().join("a_pipeline.toml"), "").unwrap();
    assert_eq!(find().unwrap(), folder.path().join("a_pipeline.toml"));
    std::fs::write(folder.path().join("b_pipeline.toml"), "").unwrap();
    assert_eq!(find().unwrap_err().advice(), Some("say which: dlt run a_pipeline.toml  or  dlt run b_pipeline.toml"));
}

#[test]
fn text_and_csv_are_described_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let described = "encoding = \"latin1\"\ndelimiter = \"\\t\"\nquote = \"none\"\nheader = false\ncolumn_names = [\"id\", \"price\", \"day\"]\n\
         skip_lines = 1\nnull_words = \"NA\"\ndecimal_comma = true\ndate_format = \"%d.%m.%Y\"\ntext_columns = [\"id\"]\n\
         allow_short_rows = true\n";
    let file = folder.path().join("shop_pipeline.toml");
    std::fs::write(&file, format!("{GOOD}{described}")).unwrap();
    let declared = Declaration::read(&file, &around(folder.path(), &[])).unwrap();
    let identity = dlt::Source::identity(&declared.source().unwrap());
    for part in
        ["windows-1252", "'\\t'", "Some(None)", "Some(false)", "\"price\"", "skip_lines: 1", "\"NA\"", "%d.%m.%Y"]
    {
        assert!(identity.contains(part), "{part}: {identity}");
    }
    for (line, message) in [
        ("encoding = \"klingon\"", "shop_pipeline.toml:10: there is no encoding `klingon`"),
        ("delimiter = \"ab\"", "shop_pipeline.toml:10: `source.delimiter` must be one character"),
        ("header = \"yes\"", "shop_pipeline.toml:10: `source.header` must be true or false, and is text"),
        ("date_format = \"day\"", "shop_pipeline.toml:7: `day` is no format of dates"),
        ("delimitr = \";\"", "shop_pipeline.toml:10: unknown key in [source]: `delimitr`"),
    ] {
        assert_eq!(complaint(&format!("{GOOD}{line}\n")).0, message);
    }
}

/// The file wins, then the environment, then the file of settings beside it.
#[test]
fn the_naming_convention_is_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop_pipeline.toml");
    let found = |text: &str, variables: &[(&str, &str)]| {
        std::fs::write(&file, text).unwrap();
        let around = around(folder.path(), variables);
        let declared = Declaration::read(&file, &around).map(|read| read.looked_up().iter().any(|it| it.0 == "naming"));
        (
            around
                .naming(Around { project: folder.path(), pipeline: Some("shop") })
                .map(|found| found.map(|found| found.0.name()))
                .ok()
                .flatten(),
            declared.ok(),
        )
    };
    let own = GOOD.replace("name = \"shop\"", "name = \"shop\"\nnaming = \"duck_case\"\nlone_surrogates = \"replace\"");
    let variable = [("SCHEMA__NAMING", "sql_cs_v1")];
    assert_eq!(found(GOOD, &[]), (None, Some(false)));
    assert_eq!(found(GOOD, &variable), (Some("sql_cs_v1"), Some(true)));
    assert_eq!(found(&own, &variable), (Some("sql_cs_v1"), Some(false)));
    std::fs::create_dir(folder.path().join(".dlt")).unwrap();
    std::fs::write(folder.path().join(".dlt/config.toml"), "[schema]\nnaming = \"direct\"\n").unwrap();
    assert_eq!(found(GOOD, &[]), (Some("direct"), Some(true)));
    assert_eq!(found(GOOD, &[("SCHEMA__NAMING", "nope")]), (None, None));
    let wrong = GOOD.replace("name = \"shop\"", "name = \"shop\"\nnaming = \"duckcase\"");
    let (message, hint) = complaint(&wrong);
    assert_eq!(message, "shop_pipeline.toml:3: unknown value of `pipeline.naming`: `duckcase`");
    assert_eq!(hint, "did you mean `duck_case`?");
}
