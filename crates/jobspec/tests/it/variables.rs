//! Variables and local values.

use std::collections::BTreeMap;

use jobspec::{ParseInput, VariableFile};

use crate::{bad, good};

const FILE: &str = r#"
variable "a" {
  type    = string
  default = "default"
}
job "web" {
  meta { a = var.a }
}
"#;

/// Whoever speaks last wins: default, environment, files in order, flags in order.
#[test]
fn precedence() {
    let environment: BTreeMap<String, String> =
        [("NOMAD_VAR_a".to_owned(), "environment".to_owned()), ("NOMAD_VAR_other".to_owned(), "x".to_owned())].into();
    let files = [
        VariableFile { name: "one.hcl".to_owned(), text: "a = \"file 1\"".to_owned() },
        VariableFile { name: "two.json".to_owned(), text: "{\"a\": \"file 2\"}".to_owned() },
    ];
    let flags = [("a".to_owned(), "flag 1".to_owned()), ("a".to_owned(), "flag 2".to_owned())];
    let none = BTreeMap::new();
    let rows = [
        (&none, 0, 0, "default"),
        (&environment, 0, 0, "environment"),
        (&environment, 1, 0, "file 1"),
        (&environment, 2, 0, "file 2"),
        (&none, 2, 1, "flag 1"),
        (&environment, 2, 2, "flag 2"),
    ];
    for (environment, n_files, n_flags, expected) in rows {
        let input = ParseInput {
            environment,
            variable_files: &files[..n_files],
            variables: &flags[..n_flags],
            ..ParseInput::new("web.nomad.hcl", FILE)
        };
        let parsed = jobspec::parse(&input).expect("a job");
        assert_eq!(parsed.job.meta["a"], expected);
        assert_eq!(parsed.variables["a"], expected);
    }
}

/// A flag for a variable of this type, and what becomes of it: its JSON, or a part of the error.
#[test]
fn flags_by_type() {
    let rows = [
        ("string", "5", "\"5\""),
        ("string", "[\"x\"]", "\"[\\\"x\\\"]\""),
        ("any", "true", "\"true\""),
        ("number", "5", "5"),
        ("number", "five", "! -var x: wrong value for the variable \"x\": a number is required, not the string \"five\""),
        ("bool", "true", "true"),
        ("bool", "yes", "! wrong value for the variable \"x\": a bool is required, not a string"),
        ("list(string)", "[\"a\", 2]", "[\"a\",\"2\"]"),
        ("list(string)", "a,b", "! syntax error"),
        ("list(string)", "[a]", "! \"a\" cannot be used here: the value of a variable is a constant; a text goes in quotes"),
        ("set(number)", "[2, 1, 2]", "[1,2]"),
        ("map(number)", "{ a = \"1\" }", "{\"a\":1}"),
        ("map(number)", "{ a = \"x\" }", "! key \"a\": a number is required"),
        ("object({ a = string, b = optional(number, 3) })", "{ a = 1 }", "{\"a\":\"1\",\"b\":3}"),
        ("object({ a = string })", "{}", "! attribute \"a\" is required"),
        ("tuple([string, number])", "[1, \"2\"]", "[\"1\",2]"),
        ("list(string)", "null", "null"),
    ];
    for (of, flag, expected) in rows {
        let text = format!("variable \"x\" {{\n  type = {of}\n}}\njob \"web\" {{\n}}\n");
        let flags = [("x".to_owned(), flag.to_owned())];
        match jobspec::parse(&ParseInput { variables: &flags, ..ParseInput::new("web.nomad.hcl", &text) }) {
            Ok(parsed) => assert_eq!(parsed.variables["x"].to_string(), expected, "{of} {flag}"),
            Err(diagnostics) => {
                let wanted = expected.strip_prefix("! ").unwrap_or_else(|| panic!("{of} {flag}: {diagnostics}"));
                assert!(diagnostics.to_string().contains(wanted), "{of} {flag}: {diagnostics}");
            }
        }
    }
}

/// Declarations that are wrong, and variables without values; what uses them makes no further noise.
#[test]
fn wrong_declarations() {
    let uses = "job \"web\" {\n  meta { x = var.x }\n}\n";
    let rows = [
        (
            "variable \"x\" {\n}\n",
            "web.nomad.hcl:1,10: unset variable \"x\": give it a value with -var 'x=…', -var-file or the environment variable NOMAD_VAR_x, or give it a default",
        ),
        ("variable \"x\" {\n  type = strng\n}\n", "web.nomad.hcl:2,10: there is no type \"strng\": did you mean \"string\"?"),
        (
            "variable \"x\" {\n  type = number\n  default = \"a\"\n}\n",
            "web.nomad.hcl:3,13: the default of the variable \"x\" has the wrong type: a number is required",
        ),
        ("variable \"x\" {\n  default = var.y\n}\n", "web.nomad.hcl:2,13: \"var\" cannot be used here"),
        ("variable \"x\" {\n  defalt = 1\n}\n", "web.nomad.hcl:2,3: unsupported argument \"defalt\": did you mean \"default\"?"),
        (
            "variable \"x\" {\n  default = 1\n}\nvariable \"x\" {\n  default = 2\n}\n",
            "web.nomad.hcl:4,10: the variable \"x\" is declared twice",
        ),
        (
            "variable \"x\" {\n  default = 1\n  validation {\n    condition = var.x > 5\n    error_message = \"More than 5, please.\"\n  }\n}\n",
            "web.nomad.hcl:3,3: invalid value for the variable \"x\": More than 5, please.",
        ),
        (
            "variable \"x\" {\n  default = 1\n  validation {\n    condition = var.y > 5\n    error_message = \"m\"\n  }\n}\n",
            "web.nomad.hcl:4,21: the variable \"y\" is not declared",
        ),
        (
            "variable \"x\" {\n  default = 1\n  validation {\n    condition = true\n  }\n}\n",
            "web.nomad.hcl:3,3: a validation block needs condition and error_message",
        ),
        ("variables {\n  x = var.y\n}\n", "web.nomad.hcl:2,7: \"var\" cannot be used here"),
    ];
    for (declaration, expected) in rows {
        let errors = bad(&format!("{declaration}{uses}"));
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:#?}\n{expected}");
    }
    let errors = bad("variable {\n}\nvariable \"1x\" {\n}\njob \"web\" {\n}\n");
    assert_eq!(errors[0], "web.nomad.hcl:1,1: a variable block has one label, the name: write variable \"name\" { … }");
    assert_eq!(errors[1], "web.nomad.hcl:3,10: \"1x\" cannot be the name of a variable");
}

/// Values for variables that are not declared are errors, or warnings for who says so.
#[test]
fn undeclared() {
    let files = [VariableFile { name: "v.hcl".to_owned(), text: "\nb = 1\n".to_owned() }];
    let flags = [("aa".to_owned(), "x".to_owned())];
    let input = ParseInput { variable_files: &files, variables: &flags, ..ParseInput::new("web.nomad.hcl", FILE) };
    let errors: Vec<String> = jobspec::parse(&input).expect_err("errors").iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2);
    assert!(errors.contains(&"v.hcl:2,1: undeclared variable \"b\": the job file does not declare it".to_owned()), "{errors:?}");
    assert!(errors.contains(&"-var aa: undeclared variable \"aa\": did you mean \"a\"?".to_owned()), "{errors:?}");
    let parsed = jobspec::parse(&ParseInput { allow_undeclared_variables: true, ..input }).expect("a job");
    assert_eq!(parsed.warnings.len(), 2);
}

/// Files of values hold values.
#[test]
fn wrong_files() {
    for (text, expected) in [
        ("variable \"a\" {\n}\n", "v.hcl:1,1: unsupported block \"variable\": a file of values has lines such as name = \"value\""),
        ("a = b\n", "v.hcl:1,5: \"b\" cannot be used here"),
        ("a = \n", "v.hcl:1,5: syntax error"),
        ("{\"a\": }\n", "v.hcl:1,7: not JSON"),
        ("a = [1]\n", "v.hcl:1,1: wrong value for the variable \"a\": a string is required, not a list"),
    ] {
        let files = [VariableFile { name: "v.hcl".to_owned(), text: text.to_owned() }];
        let diagnostics = jobspec::parse(&ParseInput { variable_files: &files, ..ParseInput::new("web.nomad.hcl", FILE) }).expect_err(text);
        assert!(diagnostics.0.len() == 1 && diagnostics.to_string().starts_with(expected), "{diagnostics}");
    }
}

/// The short form, in which types are those of the defaults.
#[test]
fn variables_block() {
    let flags = [("n".to_owned(), "7".to_owned()), ("l".to_owned(), "[1]".to_owned())];
    let text = "variables {\n  n = 1\n  l = []\n  s = \"x\"\n}\njob \"web\" {\n}\n";
    let parsed = jobspec::parse(&ParseInput { variables: &flags, ..ParseInput::new("web.nomad.hcl", text) }).expect("a job");
    assert_eq!(serde_json::to_string(&parsed.variables).expect("json"), r#"{"l":[1],"n":7,"s":"x"}"#);
}

/// Local values in any order and in several blocks.
#[test]
fn locals() {
    let text = "locals {\n  c = \"${local.b}!\"\n}\nvariable \"v\" {\n  default = \"x\"\n}\nlocals {\n  b = upper(local.a)\n  a = var.v\n  d = [for local in [1] : local]\n}\njob \"web\" {\n  meta { c = local.c }\n}\n";
    assert_eq!(bad(text), ["web.nomad.hcl:10,27: a local value can only name other local values one by one: write local.name"]);
    let text = text.replace("for local in [1] : local", "for x in [1] : x");
    assert_eq!(good(&text).job.meta["c"], "X!");
}

/// Circles are named once, and what stands on them makes no further noise.
#[test]
fn wrong_locals() {
    let rows = [
        (
            "a = local.b\nb = local.c\nc = local.a\nd = local.a",
            "local.a",
            "web.nomad.hcl:2,1: local values need each other in a circle: local.a -> local.b -> local.c -> local.a",
        ),
        ("a = local.a", "local.a", "web.nomad.hcl:2,1: local values need each other in a circle: local.a -> local.a"),
        ("a = 1 / 0\nb = local.a", "local.b", "web.nomad.hcl:2,5: division by zero"),
        ("a = 1", "local.b", "web.nomad.hcl:5,20: the local value \"b\" is not declared"),
        ("a = 1\n}\nlocals {\na = 2", "local.a", "web.nomad.hcl:5,1: the local value \"a\" is set twice"),
    ];
    for (lines, used, expected) in rows {
        let errors = bad(&format!("locals {{\n{lines}\n}}\njob \"web\" {{\n  meta {{ x = {used} }}\n}}\n"));
        assert_eq!(errors, [expected]);
    }
}

/// Files are read only where somebody hands in how.
#[test]
fn files_are_refused_without_a_reader() {
    let errors = bad("job \"web\" {\n  meta { x = file(\"/etc/passwd\") }\n}\n");
    assert_eq!(errors, ["web.nomad.hcl:2,14: file: filesystem function disabled: files can be read where the job file is, not over HTTP"]);
}
