//! Query parameters.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but what never needs encoding.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a request says beside its path and body. The default asks for everything, now, from the leader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Instead of the client's.
    pub region: Option<String>,
    /// Instead of the client's; `*` in lists: all.
    pub namespace: Option<String>,
    /// Wait until the index of what is read exceeds this; 0 does not wait.
    pub index: u64,
    /// How long to wait at most; `None`: the server's default of 5 minutes.
    pub wait: Option<Duration>,
    /// Any server may answer from what it has.
    pub stale: bool,
    /// Only ids with this prefix.
    pub prefix: String,
    pub filter: String,
    /// 0: everything on one page.
    pub per_page: u64,
    pub next_token: String,
    pub reverse: bool,
    /// Whatever else the endpoint knows.
    pub other: Vec<(String, String)>,
}

impl Query {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Wait for a change after `index`, at most `wait`.
    pub fn after(mut self, index: u64, wait: Duration) -> Self {
        self.index = index;
        self.wait = Some(wait);
        self
    }

    pub fn stale(mut self) -> Self {
        self.stale = true;
        self
    }

    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    pub fn page(mut self, per_page: u64, next_token: impl Into<String>) -> Self {
        self.per_page = per_page;
        self.next_token = next_token.into();
        self
    }

    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// Another parameter.
    pub fn with(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.other.push((key.into(), value.to_string()));
        self
    }

    /// `?a=b&c=d`, or nothing.
    pub(super) fn encode(&self, region: Option<&str>, namespace: Option<&str>) -> String {
        let mut text = String::new();
        let mut add = |key: &str, value: &str| {
            text.push(if text.is_empty() { '?' } else { '&' });
            text.extend(utf8_percent_encode(key, RESERVED));
            text.push('=');
            text.extend(utf8_percent_encode(value, RESERVED));
        };
        if let Some(region) = self.region.as_deref().or(region) {
            add("region", region);
        }
        if let Some(namespace) = self.namespace.as_deref().or(namespace) {
            add("namespace", namespace);
        }
        if self.index > 0 {
            add("index", &self.index.to_string());
        }
        if let Some(wait) = self.wait {
            add("wait", &format!("{}ms", wait.as_millis()));
        }
        for (key, set) in [("stale", self.stale), ("reverse", self.reverse)] {
            if set {
                add(key, "true");
            }
        }
        for (key, value) in [("prefix", &self.prefix), ("filter", &self.filter), ("next_token", &self.next_token)] {
            if !value.is_empty() {
                add(key, value);
            }
        }
        if self.per_page > 0 {
            add("per_page", &self.per_page.to_string());
        }
        for (key, value) in &self.other {
            add(key, value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queries are written so that servers read back what was meant; the query's own region wins over the client's.
    #[test]
    fn encoded() {
        let check = |query: Query, expected: &str| assert_eq!(query.encode(Some("west"), None), expected);
        check(Query::new(), "?region=west");
        check(Query::new().region("east").namespace("*"), "?region=east&namespace=%2A");
        check(Query::new().after(7, Duration::from_secs(10)).stale(), "?region=west&index=7&wait=10000ms&stale=true");
        check(Query::new().filter("A == \"b&c\"").page(5, "x.y"), "?region=west&filter=A%20%3D%3D%20%22b%26c%22&next_token=x.y&per_page=5");
        check(Query::new().with("all", true), "?region=west&all=true");
        assert_eq!(Query::new().encode(None, None), "");
    }
}
