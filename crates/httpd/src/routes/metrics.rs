//! `/v1/metrics`: the figures of the agent that is asked, and of no other.

use std::collections::BTreeMap;

use api::{GaugeValue, MetricsSummary, SampledValue};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use telemetry::{Aggregate, Figures, Labels};

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

pub(super) async fn metrics(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let registry = &cx.app.info.telemetry;
    match cx.params.text("format") {
        "" => cx.json(None, &summary(registry.figures().await)),
        "prometheus" if !registry.settings().prometheus => {
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Prometheus is not enabled"))
        }
        "prometheus" => Ok(text(telemetry::prometheus(&registry.figures().await))),
        other => Err(Refusal::bad_request(format!("unknown format {other:?}: it is prometheus, or left out for JSON"))),
    }
}

fn text(body: String) -> Response {
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// The interface's shape. Values of which none ever came are left out.
fn summary(figures: Figures) -> MetricsSummary {
    let labels = |labels: Labels| -> BTreeMap<String, String> { labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() };
    let sampled = |name: &str, of: Labels, interval: Aggregate| SampledValue {
        name: name.to_owned(),
        count: i64::try_from(interval.count).unwrap_or(i64::MAX),
        rate: interval.rate,
        sum: interval.sum,
        min: interval.min,
        max: interval.max,
        mean: interval.mean,
        stddev: interval.stddev,
        labels: labels(of),
    };
    let gauges = figures.gauges.into_iter();
    let samples = figures.samples.into_iter().filter(|sample| sample.count > 0);
    MetricsSummary {
        timestamp: figures.timestamp,
        gauges: gauges.map(|gauge| GaugeValue { name: gauge.name.to_owned(), value: gauge.value, labels: labels(gauge.labels) }).collect(),
        points: Vec::new(),
        counters: figures.counters.into_iter().map(|counter| sampled(counter.name, counter.labels, counter.interval)).collect(),
        samples: samples.map(|sample| sampled(sample.name, sample.labels, sample.interval)).collect(),
    }
}
