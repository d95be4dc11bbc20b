//! What every list of the interface has in common: pages, order, filters.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::world::*;

/// Lists with pages: the path, the field that names an item, whether `reverse=true` turns them round, and a filter that lets something
/// through, mostly by fields that only the full object has.
const LISTS: &[(&str, &str, bool, &str)] = &[
    ("/v1/jobs", "ID", false, "\"dc1\" in Datacenters and Stop == false"),
    ("/v1/jobs/statuses", "ID", true, "Stable == true or Version == 0"),
    ("/v1/nodes", "ID", false, "Attributes[\"os.name\"] == debian and NodeResources.Cpu.CpuShares == 4000"),
    ("/v1/node/pools", "Name", true, "Name != all and Name matches \"^[dg]\""),
    ("/v1/node/pool/default/nodes", "ID", false, "\"debian\" in Attributes or NodeClass == big"),
    ("/v1/node/pool/default/jobs", "ID", false, "Priority == 50"),
    ("/v1/allocations", "ID", true, "AllocatedResources.Shared.DiskMB == 300"),
    ("/v1/evaluations", "ID", true, "TriggeredBy == \"queued-allocs\" or BlockedEval is not empty"),
    ("/v1/deployments", "ID", true, "not (Status == failed)"),
];

/// The names of the items, and the header that names the next page.
async fn list(server: &Server, path: &str, name: &str) -> (Vec<String>, String) {
    let answer = server.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let items = answer.json();
    let items = items.as_array().unwrap_or_else(|| panic!("{path}: {items}"));
    let names = items.iter().map(|item| item[name].as_str().unwrap_or_else(|| panic!("{path}: {item}")).to_owned());
    (names.collect(), answer.header("x-nomad-nexttoken").to_owned())
}

fn encoded(filter: &str) -> String {
    percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Page after page gives the whole list, in its order and turned round; only the last page names no other.
#[tokio::test]
async fn pages_make_the_list() {
    let server = Server::start().await;
    let mut lengths = BTreeMap::new();
    for (path, name, reverses, _) in LISTS {
        let (whole, token) = list(&server, path, name).await;
        assert_eq!(token, "", "{path}: all on one page");
        lengths.insert(*path, whole.len());
        let mut turned = whole.clone();
        turned.reverse();
        let reversed = if *reverses { turned } else { whole.clone() };
        for (order, whole) in [("", whole), ("&reverse=true", reversed)] {
            assert_eq!(list(&server, &format!("{path}?{}", order.trim_start_matches('&')), name).await.0, whole, "{path}{order}");
            let (mut found, mut token) = (Vec::new(), String::new());
            loop {
                let (page, next) = list(&server, &format!("{path}?per_page=1{order}&next_token={}", encoded(&token)), name).await;
                assert_eq!(page.len(), 1, "{path}{order}: a page of one");
                found.extend(page);
                token = next;
                if token.is_empty() {
                    break;
                }
                assert!(found.len() < whole.len(), "{path}{order}: there is another page");
            }
            assert_eq!(found, whole, "{path}{order}");
        }
    }
    assert!(lengths.values().filter(|length| **length > 1).count() >= 5, "{lengths:?}");
}

/// Filters see the full object, also where the list shows a part of it, and come before pages.
#[tokio::test]
async fn filters_see_everything() {
    let server = Server::start().await;
    for (path, name, _, filter) in LISTS {
        let query = format!("{path}?filter={}", encoded(filter));
        let (found, _) = list(&server, &query, name).await;
        assert!(!found.is_empty(), "{query}");
        let (page, _) = list(&server, &format!("{query}&per_page=1"), name).await;
        assert_eq!(page[..], found[..1], "{query}");
        let (none, token) = list(&server, &format!("{path}?per_page=1&filter={}", encoded(&format!("not ({filter})"))), name).await;
        assert!(none.iter().all(|name| !found.contains(name)), "{path}");
        assert!(token.is_empty() || !none.is_empty(), "{path}");
    }
}

/// What no list understands is refused by each of them, in the same words.
#[tokio::test]
async fn refusals() {
    let server = Server::start().await;
    for (path, ..) in LISTS {
        for (query, code, text) in [
            ("per_page=x", 400, "Expect a number for `per_page` query string parameter"),
            ("filter=Nope+%3D%3D+1", 400, "failed to read filter expression: unknown field \"Nope\""),
            ("filter=ID+%3D%3D", 400, "failed to read filter expression: "),
            ("index=x", 400, "Invalid index"),
            ("wait=x&index=1", 400, "Invalid wait time"),
            ("stale=x", 400, "Expect `true` or `false` for `stale` query string parameter"),
            ("region=nowhere", 500, "No path to region"),
        ] {
            let answer = server.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, code, "{path}?{query}: {}", answer.text());
            assert!(answer.text().starts_with(text), "{path}?{query}: {}", answer.text());
        }
    }
}

/// For people, lists are indented; for everybody they are never null.
#[tokio::test]
async fn nothing_is_a_list() {
    let server = Server::start().await;
    for (path, name, ..) in LISTS {
        let nothing = encoded(&format!("{name} == \"none of them\""));
        let answer = server.get(&format!("{path}?filter={nothing}")).await;
        assert_eq!(answer.json(), Value::Array(Vec::new()), "{path}");
        let pretty = server.get(&format!("{path}?pretty")).await.text();
        assert!(pretty.starts_with("[\n    {\n        \"") && pretty.ends_with("\n]\n"), "{path}: {pretty:.60}");
    }
}
