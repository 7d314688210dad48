#![allow(clippy::unwrap_used)]

use super::*;

fn check(key: &str, expect: &str) {
    assert_eq!(Naming::new(65536).normalize_key(key), expect, "of {key:?}");
}

#[test]
fn keys_become_snake_case() {
    for (key, expect) in [
        ("CamelCase", "camel_case"),
        ("camelCase", "camel_case"),
        ("HTTPResponse", "http_response"),
        ("getHTTPResponseCode", "get_http_response_code"),
        ("userID", "user_id"),
        ("UserIDs", "user_i_ds"),
        ("ABc", "a_bc"),
        ("A1B2", "a1_b2"),
        ("iPhone15Pro", "i_phone15_pro"),
        ("version2Beta", "version2_beta"),
        ("  spaced name ", "spaced_name"),
        ("two  spaces", "two_spaces"),
        ("a-b", "a_b"),
        ("a.b.c", "a_b_c"),
        ("a+b", "axb"),
        ("a@b", "aab"),
        ("a|b", "alb"),
        ("1st", "_1st"),
        ("trailing_", "trailingx"),
        ("trailing__", "trailing"),
        ("_", "x"),
        ("__leading", "leading"),
        ("_leading", "_leading"),
        ("a__b", "a__b"),
        ("a___b", "a___b"),
        ("Ünïcode", "_n_code"),
        ("naïve café", "na_ve_cafx"),
        ("日本語", "x"),
        ("$", "x"),
        ("emoji😀x", "emoji_x"),
        ("price($)", "pricex"),
        ("50%", "_50x"),
        ("#hash", "_hash"),
        ("quote\"d", "quote_d"),
        ("SCREAMING_SNAKE", "screaming_snake"),
        ("", "_empty"),
        ("  ", "_empty"),
        ("x²", "xx"),
        ("a٣b", "a٣b"),
        ("_dlt_id", "_dlt_id"),
    ] {
        check(key, expect);
    }
}

#[test]
fn a_key_of_only_underscores_still_has_a_name() {
    check("__", "x");
}

#[test]
fn long_names_keep_both_ends_and_a_tag() {
    let long = "ThisIsAVeryLongColumnNameThatIsDefinitelyLongerThanSixtyThreeCharactersInTotal";
    assert_eq!(Naming::new(63).normalize_key(long), "this_is_a_very_long_column_nashbjfaty_three_characters_in_total");
    assert_eq!(Naming::new(30).normalize_key(long), "this_is_a_veshbjfaers_in_total");
}

/// Each line: a convention, a key and its name, as Python dlt 1.31 gives it.
#[test]
fn other_conventions_name_keys_as_the_contract_does() {
    for line in include_str!("vectors.tsv").lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let key: String = serde_json::from_str(cells[1]).unwrap();
        let name: String = serde_json::from_str(cells[2]).unwrap();
        let naming = Naming::new(63).with(Convention::named(cells[0]).unwrap());
        assert_eq!(naming.normalize_key(&key), name, "{line}");
    }
    assert_eq!(Convention::named("dlt.common.normalizers.naming.duck_case"), Some(Convention::DuckCase));
    assert_eq!(Convention::named("camel_case"), None);
}

#[test]
fn a_name_apart_is_of_the_key_alone_and_stays_when_it_is_normalized() {
    for convention in Convention::ALL {
        let naming = Naming::new(63).with(convention);
        for name in ["x", "a__b", "trailingx", "_1st", &"long".repeat(15), "i_"] {
            let mut names = Vec::new();
            for keys in [&["日本語"][..], &["колонка"], &["a", "b"], &["a__b"], &["ab"]] {
                names.extend((1..4).map(|attempt| naming.apart(name, keys, attempt)));
                assert_eq!(naming.apart(name, keys, 1), naming.apart(name, keys, 1));
            }
            for name in &names {
                assert!(name.chars().count() <= 63, "{name}");
                assert_eq!(&naming.normalize_path(name), name);
            }
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{name} in {convention}");
        }
    }
    assert_eq!(Naming::new(63).apart("x", &["日本語"], 1), "x_2nmetg");
}

#[test]
fn spellings_keep_their_letters() {
    let naming = Naming::new(63);
    for key in ["userId", "user id", "user-id", "a.b/c:d", "", "a٣b", "__"] {
        assert!(naming.keeps_letters(key), "{key}");
    }
    for key in ["é", "日本語", "price($)", "a+b", "50%", "x²", "#id"] {
        assert!(!naming.keeps_letters(key), "{key}");
        assert!(naming.with(Convention::DuckCase).keeps_letters(key), "{key}");
    }
}
