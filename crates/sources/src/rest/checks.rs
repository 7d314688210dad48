//! What of a declaration can be seen to be wrong before anything is asked for.

use super::config::PaginatorConfig;
use super::json::JsonPath;

/// A path that is none would otherwise be found out by the first response.
pub(super) fn check_paths(paginator: &PaginatorConfig) -> Result<(), String> {
    let paths: &[(&str, Option<&str>)] = match paginator {
        PaginatorConfig::Auto {}
        | PaginatorConfig::SinglePage {}
        | PaginatorConfig::HeaderLink { .. }
        | PaginatorConfig::HeaderCursor { .. } => &[],
        PaginatorConfig::JsonLink { next_url_path } => &[("next_url_path", Some(next_url_path))],
        PaginatorConfig::Cursor { cursor_path, has_more_path, .. } => {
            &[("cursor_path", Some(cursor_path)), ("has_more_path", has_more_path.as_deref())]
        }
        PaginatorConfig::Offset { total_path, has_more_path, .. }
        | PaginatorConfig::PageNumber { total_path, has_more_path, .. } => {
            &[("total_path", Some(total_path)), ("has_more_path", has_more_path.as_deref())]
        }
    };
    for (key, path) in paths {
        if let Some(path) = path.filter(|path| JsonPath::parse(path).is_none()) {
            return Err(format!("`{key} = \"{path}\"` is no path into a response"));
        }
    }
    Ok(())
}

/// A position goes into a parameter or into the body, and there is a body only with POST.
pub(super) fn check_senders(paginator: &PaginatorConfig, is_post: bool, has_data: bool) -> Result<(), String> {
    type Sender<'a> = (&'static str, &'a Option<String>, &'static str, &'a Option<String>);
    let senders: Vec<Sender<'_>> = match paginator {
        PaginatorConfig::Cursor { cursor_param, cursor_body_path, .. } => {
            vec![("cursor_param", cursor_param, "cursor_body_path", cursor_body_path)]
        }
        PaginatorConfig::Offset { offset_param, offset_body_path, limit_param, limit_body_path, .. } => vec![
            ("offset_param", offset_param, "offset_body_path", offset_body_path),
            ("limit_param", limit_param, "limit_body_path", limit_body_path),
        ],
        PaginatorConfig::PageNumber { page_param, page_body_path, .. } => {
            vec![("page_param", page_param, "page_body_path", page_body_path)]
        }
        _ => Vec::new(),
    };
    for (param_key, param, body_key, body_path) in senders {
        if param.is_some() && body_path.is_some() {
            return Err(format!("the paginator has both `{param_key}` and `{body_key}`: give one of them"));
        }
        if body_path.is_some() && has_data {
            return Err(format!("the paginator's `{body_key}` is a place in `json`, and the endpoint sends `data`"));
        }
        if body_path.is_some() && !is_post {
            return Err(format!("the paginator's `{body_key}` needs a body: set `method = \"POST\"` in the endpoint"));
        }
    }
    Ok(())
}

/// A form has names and plain values; anything else is sent as a text.
pub(super) fn check_data(data: &serde_json::Value) -> Result<(), String> {
    let is_plain = |value: &serde_json::Value| !value.is_object() && !value.is_array();
    match data {
        serde_json::Value::String(_) => Ok(()),
        serde_json::Value::Object(members) => match members.iter().find(|(_, value)| !is_plain(value)) {
            None => Ok(()),
            Some((name, _)) => {
                Err(format!("`data.{name}` must be a text, a number or a boolean: `data` is sent as a form"))
            }
        },
        _ => Err("`data` must be a table, which is sent as a form, or a text".to_owned()),
    }
}
