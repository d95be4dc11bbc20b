//! Job files that are valid unless a test says otherwise.

use std::fmt::Write;

/// A job file in the making: one group `g` with one task `t`, a shell script. Rolls out quickly, does not restart and is not rescheduled
/// unless told to.
#[derive(Clone, Debug)]
pub struct JobFile {
    pub id: String,
    kind: &'static str,
    count: u32,
    script: String,
    driver: Option<(String, String)>,
    job: Vec<String>,
    group: Vec<String>,
    task: Vec<String>,
    update: Vec<String>,
    restart: String,
    reschedule: String,
}

impl JobFile {
    /// A service that sleeps.
    pub fn service(id: &str) -> JobFile {
        JobFile {
            id: id.to_owned(),
            kind: "service",
            count: 1,
            script: "exec sleep 3600".to_owned(),
            driver: None,
            job: Vec::new(),
            group: Vec::new(),
            task: Vec::new(),
            update: vec![
                "min_healthy_time = \"200ms\"".to_owned(),
                "healthy_deadline = \"20s\"".to_owned(),
                "progress_deadline = \"30s\"".to_owned(),
            ],
            restart: "attempts = 0\nmode = \"fail\"".to_owned(),
            reschedule: "attempts = 0\nunlimited = false".to_owned(),
        }
    }

    /// A batch job.
    pub fn batch(id: &str, script: &str) -> JobFile {
        JobFile { kind: "batch", ..JobFile::service(id) }.script(script)
    }

    /// A system or sysbatch job. Without an update block: changes do not roll.
    pub fn everywhere(id: &str, kind: &'static str, script: &str) -> JobFile {
        JobFile { kind, ..JobFile::service(id) }.script(script)
    }

    pub fn count(mut self, count: u32) -> JobFile {
        self.count = count;
        self
    }

    /// What `/bin/sh -c` gets. `$NAME` reaches the shell, `${…}` is filled in before.
    pub fn script(mut self, script: &str) -> JobFile {
        script.clone_into(&mut self.script);
        self
    }

    /// Another driver than `raw_exec`, with the lines of its `config`.
    pub fn driver(mut self, name: &str, config: &str) -> JobFile {
        self.driver = Some((name.to_owned(), config.to_owned()));
        self
    }

    /// Further lines of the job block.
    pub fn job(mut self, lines: &str) -> JobFile {
        self.job.push(lines.to_owned());
        self
    }

    /// Further lines of the group.
    pub fn group(mut self, lines: &str) -> JobFile {
        self.group.push(lines.to_owned());
        self
    }

    /// Further lines of the task.
    pub fn task(mut self, lines: &str) -> JobFile {
        self.task.push(lines.to_owned());
        self
    }

    /// Attributes of the update block, one a line; they replace those of the same name.
    pub fn update(mut self, lines: &str) -> JobFile {
        let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        for line in lines.lines() {
            self.update.retain(|known| key(known) != key(line));
            self.update.push(line.to_owned());
        }
        self
    }

    /// The lines of the restart block.
    pub fn restart(mut self, lines: &str) -> JobFile {
        lines.clone_into(&mut self.restart);
        self
    }

    /// The lines of the reschedule block.
    pub fn reschedule(mut self, lines: &str) -> JobFile {
        lines.clone_into(&mut self.reschedule);
        self
    }

    /// The file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |depth: usize, lines: &str| {
            for line in lines.lines() {
                let _ = writeln!(text, "{}{line}", "  ".repeat(depth));
            }
        };
        line(0, &format!("job \"{}\" {{\ntype = \"{}\"\ndatacenters = [\"*\"]", self.id, self.kind));
        self.job.iter().for_each(|lines| line(1, lines));
        if self.kind == "service" {
            line(1, "update {");
            self.update.iter().for_each(|lines| line(2, lines));
            line(1, "}");
        }
        line(1, &format!("group \"g\" {{\n  count = {}", self.count));
        line(2, &format!("restart {{\n{}\n}}", self.restart));
        if matches!(self.kind, "service" | "batch") {
            line(2, &format!("reschedule {{\n{}\n}}", self.reschedule));
        }
        self.group.iter().for_each(|lines| line(2, lines));
        line(2, "task \"t\" {");
        match &self.driver {
            Some((name, config)) => line(3, &format!("driver = \"{name}\"\nconfig {{\n{config}\n}}")),
            None => {
                let script = quoted(&self.script);
                line(3, &format!("driver = \"raw_exec\"\nconfig {{\n  command = \"/bin/sh\"\n  args = [\"-c\", {script}]\n}}"));
            }
        }
        line(3, "resources {\n  cpu = 20\n  memory = 16\n}");
        self.task.iter().for_each(|lines| line(3, lines));
        line(0, "    }\n  }\n}");
        text
    }
}

/// A string of HCL that means this text; `${…}` in it is filled in by HCL or by the node.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
