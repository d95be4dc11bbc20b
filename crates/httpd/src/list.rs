//! Lists: filter, order, pages.

use std::borrow::Cow;

use rpc::message::Part;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::filter::Filter;
use crate::params::Params;
use crate::refusal::Refusal;
use crate::respond::Meta;

/// Where an item stands in its list: index, namespace, name, id. What a list is not ordered by is left at its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<'a> {
    pub index: u64,
    pub namespace: &'a str,
    pub name: &'a str,
    pub id: u128,
}

/// What a list is ordered by, and so what names a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Namespace, then name: `<namespace>.<name>`.
    Name,
    /// `<name>`, of what is in no namespace.
    Plain { reverse: bool },
    /// `<id>`
    Id,
    /// Create index, oldest first unless reversed: `<create index>.<id>`.
    Index { reverse: bool },
    /// Index of the last change, newest first unless reversed: `<index>.<namespace>.<name>`.
    Changed { reverse: bool },
}

impl Order {
    fn is_descending(self) -> bool {
        matches!(self, Self::Index { reverse: true } | Self::Plain { reverse: true } | Self::Changed { reverse: false })
    }
}

/// The order of what is in no namespace.
pub(crate) fn by_name(params: &Params) -> Order {
    Order::Plain { reverse: params.text("reverse") == "true" }
}

/// The order of allocations, evaluations and deployments: by id with a prefix, else by age.
pub(crate) fn by_age(params: &Params) -> Order {
    match params.text("prefix") {
        "" => Order::Index { reverse: params.text("reverse") == "true" },
        _ => Order::Id,
    }
}

/// Whether the filter, if there is one, looks at this field of items of type `F`.
pub(crate) fn filter_looks_at<F: DeserializeOwned>(params: &Params, field: &str) -> Result<bool, Refusal> {
    Ok(filter::<F>(params)?.is_some_and(|filter| filter.looks_at(field)))
}

/// The filter of the query, if there is one, over items of type `F`.
pub(crate) fn filter<F: DeserializeOwned>(params: &Params) -> Result<Option<Filter>, Refusal> {
    match params.text("filter") {
        "" => Ok(None),
        text => Filter::parse::<F>(text).map(Some).map_err(filter_refusal),
    }
}

/// Filters by the full object, orders, and cuts out the page that the parameters ask for. Puts the next page's name into `meta`.
pub(crate) fn select<T, F: Clone + Serialize + DeserializeOwned>(
    params: &Params,
    meta: &mut Meta,
    mut items: Vec<T>,
    order: Order,
    full: impl for<'a> Fn(&'a T) -> Cow<'a, F>,
    key: for<'a> fn(&'a T) -> Key<'a>,
) -> Result<Vec<T>, Refusal> {
    let per_page = per_page(params)?;
    if let Some(filter) = filter::<F>(params)? {
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            if filter.matches(&*full(&item)).map_err(filter_refusal)? {
                kept.push(item);
            }
        }
        items = kept;
    }
    sort(&mut items, order, key);
    if let token @ [_, ..] = params.text("next_token").as_bytes() {
        let start = Token::parse(std::str::from_utf8(token).unwrap_or_default(), order)?;
        let before = |item: &T| {
            let ordering = ordered(key(item), order).cmp(&start.key());
            if order.is_descending() { ordering.is_gt() } else { ordering.is_lt() }
        };
        let at = items.partition_point(before);
        items.drain(..at);
    }
    if per_page > 0 && items.len() > per_page {
        meta.next_token = items.get(per_page).map(|item| token(key(item), order));
        items.truncate(per_page);
    }
    Ok(items)
}

/// The part of a list by age that a page is made of, with the first of the next page; `None`: all must be looked at here.
pub(crate) fn part(params: &Params) -> Result<Option<Part>, Refusal> {
    let (per_page, order) = (per_page(params)?, by_age(params));
    let Order::Index { reverse } = order else { return Ok(None) };
    if per_page == 0 || !params.text("filter").is_empty() {
        return Ok(None);
    }
    let from = match params.text("next_token") {
        "" => None,
        token => Some(Token::parse(token, order)?).map(|token| (token.index, token.id)),
    };
    Ok(Some(Part { from, n: per_page as u64 + 1, newest_first: reverse }))
}

/// `per_page`; 0: everything.
fn per_page(params: &Params) -> Result<usize, Refusal> {
    Ok(params.number::<i32>("per_page")?.map_or(0, |number| usize::try_from(number).unwrap_or(0)))
}

pub(crate) fn filter_refusal(problem: String) -> Refusal {
    Refusal::bad_request(format!("failed to read filter expression: {problem}"))
}

/// The part of a key that the order looks at.
fn ordered(key: Key<'_>, order: Order) -> Key<'_> {
    match order {
        Order::Name => Key { namespace: key.namespace, name: key.name, ..Key::default() },
        Order::Plain { .. } => Key { name: key.name, ..Key::default() },
        Order::Id => Key { id: key.id, ..Key::default() },
        Order::Index { .. } => Key { index: key.index, id: key.id, ..Key::default() },
        Order::Changed { .. } => Key { index: key.index, namespace: key.namespace, name: key.name, ..Key::default() },
    }
}

/// Lists mostly come in order, so look before sorting.
fn sort<T>(items: &mut [T], order: Order, key: for<'a> fn(&'a T) -> Key<'a>) {
    let compare = |a: &T, b: &T| {
        let ordering = ordered(key(a), order).cmp(&ordered(key(b), order));
        if order.is_descending() { ordering.reverse() } else { ordering }
    };
    if !items.is_sorted_by(|a, b| compare(a, b).is_le()) {
        items.sort_by(compare);
    }
}

/// The name of the page that begins with the item of this key.
fn token(key: Key<'_>, order: Order) -> String {
    let id = model::Uuid::from_u128(key.id);
    match order {
        Order::Name => format!("{}.{}", key.namespace, key.name),
        Order::Plain { .. } => key.name.to_owned(),
        Order::Id => id.to_string(),
        Order::Index { .. } => format!("{}.{id}", key.index),
        Order::Changed { .. } => format!("{}.{}.{}", key.index, key.namespace, key.name),
    }
}

/// A page's name, read.
struct Token {
    index: u64,
    namespace: String,
    name: String,
    id: u128,
}

impl Token {
    fn parse(text: &str, order: Order) -> Result<Self, Refusal> {
        let refuse = || Refusal::bad_request(format!("next_token {text:?} is not one that this list gave"));
        let id = |text: &str| model::Uuid::try_parse(text).map(|id| id.as_u128()).map_err(|_| refuse());
        let mut token = Self { index: 0, namespace: String::new(), name: String::new(), id: 0 };
        match order {
            Order::Name => token.name(text).ok_or_else(refuse)?,
            Order::Plain { .. } => text.clone_into(&mut token.name),
            Order::Id => token.id = id(text)?,
            Order::Index { .. } => {
                let (index, text) = text.split_once('.').ok_or_else(refuse)?;
                token.index = index.parse().map_err(|_| refuse())?;
                token.id = id(text)?;
            }
            Order::Changed { .. } => {
                let (index, text) = text.split_once('.').ok_or_else(refuse)?;
                token.index = index.parse().map_err(|_| refuse())?;
                token.name(text).ok_or_else(refuse)?;
            }
        }
        Ok(token)
    }

    /// Takes over `<namespace>.<name>`.
    fn name(&mut self, text: &str) -> Option<()> {
        let (namespace, name) = text.split_once('.')?;
        (self.namespace, self.name) = (namespace.to_owned(), name.to_owned());
        Some(())
    }

    fn key(&self) -> Key<'_> {
        Key { index: self.index, namespace: &self.namespace, name: &self.name, id: self.id }
    }
}

/// A prefix of ids: hex digits and dashes.
pub(crate) fn id_prefix(params: &Params) -> Result<String, Refusal> {
    let prefix = params.text("prefix");
    match prefix.chars().find(|c| !c.is_ascii_hexdigit() && *c != '-') {
        Some(c) => Err(Refusal::internal(format!("Invalid UUID: {prefix:?} cannot begin an id: invalid character {c:?}"))),
        None if prefix.len() > 36 => Err(Refusal::internal(format!("Invalid UUID: {prefix:?} is longer than an id"))),
        None => Ok(prefix.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{EvalId, Evaluation, Uuid};

    fn key(eval: &Evaluation) -> Key<'_> {
        Key { index: eval.create_index, id: eval.id.0.as_u128(), ..Key::default() }
    }

    fn evals() -> Vec<Evaluation> {
        // Neither by index nor by id.
        [(30, 1), (10, 3), (20, 2), (20, 5), (40, 4)]
            .map(|(create_index, id)| Evaluation {
                create_index,
                id: EvalId(Uuid::from_u128(id)),
                priority: id as i64,
                ..Default::default()
            })
            .to_vec()
    }

    /// Each row: a query, the items that come out, and the name of the next page.
    #[test]
    fn pages() {
        let check = |query: &str, expected: &[i64], next: Option<&str>| {
            let params = Params::parse(query);
            let mut meta = Meta::default();
            let items = select(&params, &mut meta, evals(), by_age(&params), |eval| Cow::Borrowed(eval), key).unwrap();
            assert_eq!(items.iter().map(|eval| eval.priority).collect::<Vec<_>>(), expected, "{query}");
            assert_eq!(meta.next_token.as_deref(), next, "{query}");
        };
        let id = |n: u128| Uuid::from_u128(n).to_string();
        check("", &[3, 2, 5, 1, 4], None);
        check("reverse=true", &[4, 1, 5, 2, 3], None);
        check("reverse=1", &[3, 2, 5, 1, 4], None);
        check("prefix=0", &[1, 2, 3, 4, 5], None);
        check("per_page=2", &[3, 2], Some(&format!("20.{}", id(5))));
        check(&format!("per_page=2&next_token=20.{}", id(5)), &[5, 1], Some(&format!("40.{}", id(4))));
        check(&format!("per_page=2&next_token=40.{}", id(4)), &[4], None);
        check(&format!("per_page=2&reverse=true&next_token=20.{}", id(5)), &[5, 2], Some(&format!("10.{}", id(3))));
        check(&format!("per_page=2&prefix=0&next_token={}", id(4)), &[4, 5], None);
        check("per_page=1&filter=Priority+%3D%3D+4+or+Priority+%3D%3D+2", &[2], Some(&format!("40.{}", id(4))));
        check("per_page=0", &[3, 2, 5, 1, 4], None);
        // The item that a page began with is gone meanwhile: the page begins with the one after it.
        check(&format!("next_token=30.{}", id(0)), &[1, 4], None);
    }

    /// What is no page, number or filter is refused in words.
    #[test]
    fn refusals() {
        let check = |query: &str, expected: &str| {
            let params = Params::parse(query);
            let refusal = select(&params, &mut Meta::default(), evals(), by_age(&params), |eval| Cow::Borrowed(eval), key).unwrap_err();
            assert_eq!((refusal.code.as_u16(), refusal.text.as_str()), (400, expected), "{query}");
        };
        check("per_page=many", "Expect a number for `per_page` query string parameter");
        check("next_token=x", "next_token \"x\" is not one that this list gave");
        check("next_token=1.x", "next_token \"1.x\" is not one that this list gave");
        check("filter=Nope+%3D%3D+1", "failed to read filter expression: unknown field \"Nope\"");
    }

    /// Prefixes are hex digits.
    #[test]
    fn prefixes() {
        let check = |query: &str, expected: Result<&str, &str>| {
            let got = id_prefix(&Params::parse(query)).map_err(|refusal| refusal.text);
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{query}");
        };
        check("prefix=AB1", Ok("ab1"));
        check("", Ok(""));
        check("prefix=zz", Err("Invalid UUID: \"zz\" cannot begin an id: invalid character 'z'"));
    }
}
