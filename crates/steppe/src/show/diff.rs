//! What changes from one job to another, as `job plan` and `job history -p` show it.
//!
//! Every line is `marker name`, where markers of neighbours are padded to the longest of them, so that names stand under each other.

use api::diff::{DiffType, FieldDiff, JobDiff, ObjectDiff, TaskDiff, TaskGroupDiff};

use super::{Color, color, title};

/// Columns by which the contents of a part are indented.
const INDENT: usize = 2;

/// The whole difference, ending with a line break. Unless `verbose`, parts that are added or deleted show no fields: all of them are new.
pub fn job_diff(diff: &JobDiff, verbose: bool) -> String {
    let mut out = format!("{}{}\n", marker(diff.kind), title(&format!("Job: {:?}", diff.id)));
    let shown = diff.kind == DiffType::Edited || verbose;
    let own = if shown { widest(&diff.fields, &diff.objects) } else { 0 };
    let widest = diff.task_groups.iter().map(|group| width(group.kind)).fold(own, usize::max);
    if shown {
        out.push_str(&members(&diff.fields, &diff.objects, 0, widest));
    }
    for group in &diff.task_groups {
        out.push_str(&task_group(group, widest, verbose));
    }
    out
}

fn task_group(diff: &TaskGroupDiff, widest_group: usize, verbose: bool) -> String {
    let updates: Vec<String> = diff.updates.iter().map(|(what, n)| update(what, *n)).collect();
    let updates = if updates.is_empty() { String::new() } else { format!(" ({})", updates.join(", ")) };
    let mut out = format!("{}{}{updates}\n", padded(diff.kind, widest_group), title(&format!("Task Group: {:?}", diff.name)));
    let shown = diff.kind == DiffType::Edited || verbose;
    let own = if shown { widest(&diff.fields, &diff.objects) } else { 0 };
    let widest = diff.tasks.iter().map(|task| width(task.kind)).fold(own, usize::max);
    if shown {
        out.push_str(&members(&diff.fields, &diff.objects, INDENT, widest));
    }
    for task in &diff.tasks {
        out.push_str(&one_task(task, widest, verbose));
    }
    out
}

fn update(what: &str, n: u64) -> String {
    let chosen = match what {
        "create" => Color::Green,
        "destroy" => Color::Red,
        "ignore" => return format!("{n} {what}"),
        _ => Color::Yellow,
    };
    color(chosen, &format!("{n} {what}"))
}

fn one_task(diff: &TaskDiff, widest_task: usize, verbose: bool) -> String {
    let mut out = format!(
        "{}{}{}{}\n",
        " ".repeat(INDENT),
        padded(diff.kind, widest_task),
        title(&format!("Task: {:?}", diff.name)),
        annotations(&diff.annotations)
    );
    if diff.kind == DiffType::Edited || verbose {
        out.push_str(&members(&diff.fields, &diff.objects, 2 * INDENT, widest(&diff.fields, &diff.objects)));
    }
    out
}

/// Fields and objects that stand beside each other.
fn members(fields: &[FieldDiff], objects: &[ObjectDiff], indent: usize, widest: usize) -> String {
    let longest_name = fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for field in fields {
        let gap = " ".repeat(longest_name - field.name.chars().count() + 1);
        let value = match field.kind {
            DiffType::Added => format!("{:?}", field.new),
            DiffType::Deleted | DiffType::None => format!("{:?}", field.old),
            DiffType::Edited => format!("{:?} => {:?}", field.old, field.new),
        };
        let start = format!("{}{}", " ".repeat(indent), padded(field.kind, widest));
        out.push_str(&format!("{start}{}:{gap}{value}{}\n", field.name, annotations(&field.annotations)));
    }
    for object in objects {
        let start = format!("{}{}", " ".repeat(indent), padded(object.kind, widest));
        out.push_str(&format!("{start}{} {{\n", object.name));
        let inner = indent + INDENT;
        out.push_str(&members(&object.fields, &object.objects, inner, self::widest(&object.fields, &object.objects)));
        out.push_str(&format!("{}}}\n", " ".repeat(indent + widest)));
    }
    out
}

fn annotations(texts: &[String]) -> String {
    if texts.is_empty() { String::new() } else { format!(" ({})", texts.join(", ")) }
}

fn widest(fields: &[FieldDiff], objects: &[ObjectDiff]) -> usize {
    fields.iter().map(|field| width(field.kind)).chain(objects.iter().map(|object| width(object.kind))).max().unwrap_or(0)
}

/// The marker with blanks before it, `widest` columns in all.
fn padded(kind: DiffType, widest: usize) -> String {
    format!("{}{}", " ".repeat(widest.saturating_sub(width(kind))), marker(kind))
}

fn marker(kind: DiffType) -> String {
    match kind {
        DiffType::None => String::new(),
        DiffType::Added => color(Color::Green, "+ "),
        DiffType::Deleted => color(Color::Red, "- "),
        DiffType::Edited => color(Color::Yellow, "+/- "),
    }
}

fn width(kind: DiffType) -> usize {
    match kind {
        DiffType::None => 0,
        DiffType::Added | DiffType::Deleted => 2,
        DiffType::Edited => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: DiffType, name: &str, old: &str, new: &str) -> FieldDiff {
        FieldDiff { kind, name: name.to_owned(), old: old.to_owned(), new: new.to_owned(), annotations: Vec::new() }
    }

    fn check(diff: &JobDiff, verbose: bool, expected: &str) {
        assert_eq!(job_diff(diff, verbose), expected);
    }

    /// An edited job: names and values stand under each other whatever their markers, also in neighbours that did not change.
    #[test]
    fn edited() {
        let config = ObjectDiff {
            kind: DiffType::Edited,
            name: "Config".to_owned(),
            fields: vec![
                field(DiffType::None, "args[0]", "-c", "-c"),
                field(DiffType::Edited, "args[1]", "echo \"1\"", "echo 2"),
                field(DiffType::Added, "cwd", "", "/"),
                field(DiffType::None, "longer_name", "/bin/sh", "/bin/sh"),
            ],
            objects: Vec::new(),
        };
        let task = TaskDiff {
            kind: DiffType::Edited,
            name: "server".to_owned(),
            objects: vec![config],
            annotations: vec!["forces create/destroy update".to_owned()],
            ..Default::default()
        };
        let mut count = field(DiffType::Edited, "Count", "2", "3");
        count.annotations.push("forces create".to_owned());
        let group = TaskGroupDiff {
            kind: DiffType::Edited,
            name: "app".to_owned(),
            fields: vec![count],
            tasks: vec![task],
            updates: [("create".to_owned(), 1), ("ignore".to_owned(), 2)].into(),
            ..Default::default()
        };
        let unchanged = TaskGroupDiff {
            name: "db".to_owned(),
            tasks: vec![TaskDiff { name: "t".to_owned(), ..Default::default() }],
            updates: [("ignore".to_owned(), 1)].into(),
            ..Default::default()
        };
        let diff = JobDiff {
            kind: DiffType::Edited,
            id: "web".to_owned(),
            fields: vec![field(DiffType::Deleted, "Meta[k]", "v", "")],
            task_groups: vec![group, unchanged],
            ..Default::default()
        };
        check(
            &diff,
            false,
            r#"+/- Job: "web"
  - Meta[k]: "v"
+/- Task Group: "app" (1 create, 2 ignore)
  +/- Count: "2" => "3" (forces create)
  +/- Task: "server" (forces create/destroy update)
    +/- Config {
          args[0]:     "-c"
      +/- args[1]:     "echo \"1\"" => "echo 2"
        + cwd:         "/"
          longer_name: "/bin/sh"
        }
    Task Group: "db" (1 ignore)
  Task: "t"
"#,
        );
    }

    /// A job that is new shows its groups and tasks, and its fields only when asked.
    #[test]
    fn added() {
        let task = TaskDiff {
            kind: DiffType::Added,
            name: "server".to_owned(),
            fields: vec![field(DiffType::Added, "Driver", "", "raw_exec")],
            annotations: vec!["forces create".to_owned()],
            ..Default::default()
        };
        let group = TaskGroupDiff {
            kind: DiffType::Added,
            name: "app".to_owned(),
            tasks: vec![task],
            updates: [("create".to_owned(), 2)].into(),
            ..Default::default()
        };
        let diff = JobDiff { kind: DiffType::Added, id: "web".to_owned(), task_groups: vec![group], ..Default::default() };
        check(&diff, false, "+ Job: \"web\"\n+ Task Group: \"app\" (2 create)\n  + Task: \"server\" (forces create)\n");
        check(
            &diff,
            true,
            "+ Job: \"web\"\n+ Task Group: \"app\" (2 create)\n  + Task: \"server\" (forces create)\n    + Driver: \"raw_exec\"\n",
        );
    }

    /// Nothing changes: no markers, no indentation for them.
    #[test]
    fn unchanged() {
        let group = TaskGroupDiff {
            name: "app".to_owned(),
            tasks: vec![TaskDiff { name: "server".to_owned(), ..Default::default() }],
            updates: [("ignore".to_owned(), 2)].into(),
            ..Default::default()
        };
        let diff = JobDiff { id: "web".to_owned(), task_groups: vec![group], ..Default::default() };
        check(&diff, false, "Job: \"web\"\nTask Group: \"app\" (2 ignore)\n  Task: \"server\"\n");
    }
}
