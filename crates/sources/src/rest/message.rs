//! Requests and responses.

/// What to ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) is_post: bool,
    /// Sent as JSON.
    pub(crate) json: Option<serde_json::Value>,
    /// Sent as a form, or as it is, in place of JSON.
    pub(crate) data: Option<Data>,
    /// Whether it goes to a server that gives tokens and gets no other credentials.
    pub(crate) is_for_token: bool,
}

/// A body that is no JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Form(Vec<(String, String)>),
    Text(String),
}

impl Request {
    /// Sets a parameter, or replaces it where it stands.
    pub(crate) fn set(&mut self, name: &str, value: impl ToString) {
        match self.params.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value.to_string(),
            None => self.params.push((name.to_owned(), value.to_string())),
        }
    }

    /// Sets a value in the body, at a path of keys.
    pub(crate) fn set_in_body(&mut self, path: &str, value: serde_json::Value) {
        let mut place = self.json.get_or_insert_with(|| serde_json::json!({}));
        for key in path.trim_start_matches("$.").split('.') {
            if !place.is_object() {
                *place = serde_json::json!({});
            }
            place = &mut place[key];
        }
        *place = value;
    }
}

/// An answer.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Where it came from, redirects followed.
    pub(crate) url: String,
}

impl Response {
    /// The first header of this name, which is in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Values of all headers `Link`, between commas, if there is one.
    pub(crate) fn link(&self) -> Option<String> {
        let links = self.headers.iter().filter(|(name, _)| name == "link");
        let links: Vec<&str> = links.map(|(_, value)| value.as_str()).collect();
        (!links.is_empty()).then(|| links.join(", "))
    }
}
