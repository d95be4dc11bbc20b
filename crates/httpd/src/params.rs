//! Query parameters.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use rpc::message::ReadOptions;

use crate::refusal::Refusal;

/// Longest wait of a blocking query, in nanoseconds; also the default.
const LONGEST_WAIT: i64 = 300_000_000_000;

/// Query parameters in the order given; a key may come several times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub fn parse(query: &str) -> Self {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    /// The first value; `None` when the key is absent.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value; empty when the key is absent.
    pub fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_default()
    }

    /// All values of a key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A switch: absent or empty is `absent`.
    pub fn flag_or(&self, key: &str, absent: bool) -> Result<bool, Refusal> {
        match self.text(key) {
            "" => Ok(absent),
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            _ => Err(Refusal::bad_request(format!("Expect `true` or `false` for `{key}` query string parameter"))),
        }
    }

    /// A switch that is off when absent.
    pub fn flag(&self, key: &str) -> Result<bool, Refusal> {
        self.flag_or(key, false)
    }

    /// A number; `None` when absent or empty.
    pub fn number<N: FromStr>(&self, key: &str) -> Result<Option<N>, Refusal> {
        match self.text(key) {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Refusal::bad_request(format!("Expect a number for `{key}` query string parameter"))),
            },
        }
    }

    pub fn pretty(&self) -> bool {
        self.get("pretty").is_some_and(|value| value != "0")
    }

    /// `stale`, `index` and `wait`.
    pub fn read_options(&self) -> Result<ReadOptions, Refusal> {
        // A bare `stale` is a yes.
        let stale = self.get("stale").is_some() && self.flag_or("stale", true)?;
        let min_index = match self.text("index") {
            "" => 0,
            text => text.parse().map_err(|_| Refusal::bad_request("Invalid index"))?,
        };
        let wait = match self.text("wait") {
            "" => 0,
            text => match api::duration::parse(text) {
                Ok(wait) if wait >= 0 => wait.min(LONGEST_WAIT),
                _ => return Err(Refusal::bad_request("Invalid wait time")),
            },
        };
        Ok(ReadOptions { stale, min_index, wait })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters are read, or refused with the texts that clients know.
    #[test]
    fn parameters() {
        let params = Params::parse("a=1&b=x%20y&c=p+q&a=2&flag&d=%FF&&=z");
        assert_eq!((params.text("a"), params.text("b"), params.text("c"), params.get("flag")), ("1", "x y", "p q", Some("")));
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(params.get("nope"), None);
        let text =
            |result: Result<_, Refusal>| result.map(|options: ReadOptions| format!("{options:?}")).unwrap_or_else(|refusal| refusal.text);
        let check = |query: &str, expected: &str| assert_eq!(text(Params::parse(query).read_options()), expected, "{query}");
        check("", "ReadOptions { stale: false, min_index: 0, wait: 0 }");
        check("stale", "ReadOptions { stale: true, min_index: 0, wait: 0 }");
        check("stale=true&index=7&wait=10s", "ReadOptions { stale: true, min_index: 7, wait: 10000000000 }");
        check("stale=false&wait=1h", "ReadOptions { stale: false, min_index: 0, wait: 300000000000 }");
        check("stale=maybe", "Expect `true` or `false` for `stale` query string parameter");
        check("index=-1", "Invalid index");
        check("index=x", "Invalid index");
        check("wait=10", "Invalid wait time");
        check("wait=-1s", "Invalid wait time");
        assert_eq!(Params::parse("n=x").number::<u64>("n").unwrap_err().text, "Expect a number for `n` query string parameter");
        for (query, pretty) in [("", false), ("pretty", true), ("pretty=false", true), ("pretty=0", false)] {
            assert_eq!(Params::parse(query).pretty(), pretty, "{query}");
        }
    }
}
