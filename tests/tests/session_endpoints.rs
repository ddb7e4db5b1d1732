//! One service with sessions on both frameworks: equal responses to the byte, and behaviour during
//! store failures.

#![allow(clippy::unwrap_used)]

#[path = "session_endpoints/accounts.rs"]
mod accounts;
#[path = "session_endpoints/actix.rs"]
mod actix;
#[path = "session_endpoints/axum.rs"]
mod axum;
#[path = "session_endpoints/equality.rs"]
mod equality;
#[path = "session_endpoints/outages.rs"]
mod outages;
#[path = "session_endpoints/service.rs"]
mod service;
#[path = "session_endpoints/slow_content.rs"]
mod slow_content;
#[path = "session_endpoints/store.rs"]
mod store;

/// A request for either framework.
#[derive(Clone, Debug)]
struct Ask {
    method: &'static str,
    path: String,
    fields: Vec<(&'static str, String)>,
    content: String,
}

impl Ask {
    fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            fields: Vec::new(),
            content: String::new(),
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    fn json(mut self, content: impl Into<String>) -> Self {
        self.content = content.into();
        self.with("content-type", "application/json")
    }
}

/// A response of either framework.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    status: u16,
    /// Names in lower case, sorted by name. Fields of one name keep their order.
    fields: Vec<(String, String)>,
    content: String,
}

impl Got {
    fn new(status: u16, mut fields: Vec<(String, String)>, content: &[u8]) -> Self {
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            status,
            fields,
            content: String::from_utf8(content.to_vec()).unwrap(),
        }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.fields.iter().filter(move |(field, _)| field == name);
        named.map(|(_, value)| &**value)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// A member of the JSON content.
    fn member(&self, name: &str) -> String {
        let content: serde_json::Value = serde_json::from_str(&self.content).unwrap();
        content[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {content}"))
            .to_owned()
    }
}
