//! Figures as Prometheus reads them: its text format, version 0.0.4. Values that come one by one are summaries.

use std::fmt::Write;

use crate::past::QUANTILES;
use crate::registry::{Figures, Labels};

/// The text of all figures. A kind of value of which none ever came is left out.
pub fn prometheus(figures: &Figures) -> String {
    let mut text = Text::default();
    for gauge in &figures.gauges {
        text.family(gauge.name, "gauge");
        text.line(gauge.name, "", &gauge.labels, None, gauge.value);
    }
    for counter in &figures.counters {
        text.family(counter.name, "counter");
        text.line(counter.name, "", &counter.labels, None, counter.total as f64);
    }
    for sample in figures.samples.iter().filter(|sample| sample.count > 0) {
        text.family(sample.name, "summary");
        let values = sample.quantiles.unwrap_or([f64::NAN; 3]);
        for (quantile, value) in QUANTILES.iter().zip(values) {
            text.line(sample.name, "", &sample.labels, Some(*quantile), value);
        }
        text.line(sample.name, "_sum", &sample.labels, None, sample.sum);
        text.line(sample.name, "_count", &sample.labels, None, sample.count as f64);
    }
    text.out
}

#[derive(Default)]
struct Text {
    out: String,
    /// Whose type was told last.
    family: String,
}

impl Text {
    /// Tells the type once per name.
    fn family(&mut self, name: &str, kind: &str) {
        let name = metric_name(name);
        if name != self.family {
            self.push(format_args!("# TYPE {name} {kind}\n"));
            self.family = name;
        }
    }

    fn line(&mut self, name: &str, suffix: &str, labels: &Labels, quantile: Option<f64>, value: f64) {
        self.push(format_args!("{}{suffix}", metric_name(name)));
        let quantile = quantile.map(|quantile| ("quantile", quantile.to_string()));
        let mut opening = '{';
        for (key, value) in labels.iter().chain(&quantile) {
            self.push(format_args!("{opening}{key}=\"{}\"", escaped(value)));
            opening = ',';
        }
        if opening == ',' {
            self.out.push('}');
        }
        self.push(format_args!(" {}\n", Number(value)));
    }

    fn push(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(part);
    }
}

/// Everything but letters, digits and underscores becomes an underscore.
fn metric_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::Aggregate;
    use crate::registry::{CounterFigure, GaugeFigure, SampleFigure};

    /// One text for all kinds: names, types once, labels with odd characters, numbers of every size.
    #[test]
    fn text() {
        let job = |name: &str| vec![("job", name.to_owned())];
        let figures = Figures {
            timestamp: String::new(),
            gauges: vec![
                GaugeFigure { name: "nomad.client.uptime", labels: vec![], value: 1e21 },
                GaugeFigure { name: "nomad.job_summary.running", labels: job("a\"b\\c\nd"), value: -0.5 },
                GaugeFigure { name: "nomad.job_summary.running", labels: job("é"), value: f64::INFINITY },
            ],
            counters: vec![CounterFigure { name: "nomad.raft.apply", labels: vec![], total: 7, interval: Aggregate::default() }],
            samples: vec![
                SampleFigure {
                    name: "nomad.plan.submit",
                    labels: job("x"),
                    count: 2,
                    sum: 3.5,
                    quantiles: Some([1.0, 2.0, 2.5]),
                    interval: Aggregate::default(),
                },
                SampleFigure { name: "none", labels: vec![], count: 0, sum: 0.0, quantiles: None, interval: Aggregate::default() },
                SampleFigure { name: "old", labels: vec![], count: 1, sum: 1.0, quantiles: None, interval: Aggregate::default() },
            ],
        };
        let expected = r#"# TYPE nomad_client_uptime gauge
nomad_client_uptime 1000000000000000000000
# TYPE nomad_job_summary_running gauge
nomad_job_summary_running{job="a\"b\\c\nd"} -0.5
nomad_job_summary_running{job="é"} +Inf
# TYPE nomad_raft_apply counter
nomad_raft_apply 7
# TYPE nomad_plan_submit summary
nomad_plan_submit{job="x",quantile="0.5"} 1
nomad_plan_submit{job="x",quantile="0.9"} 2
nomad_plan_submit{job="x",quantile="0.99"} 2.5
nomad_plan_submit_sum{job="x"} 3.5
nomad_plan_submit_count{job="x"} 2
# TYPE old summary
old{quantile="0.5"} NaN
old{quantile="0.9"} NaN
old{quantile="0.99"} NaN
old_sum 1
old_count 1
"#;
        assert_eq!(prometheus(&figures), expected);
        assert_eq!(prometheus(&Figures::default()), "");
    }
}
