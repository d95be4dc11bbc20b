//! Rows of expressions and what they are.

use std::collections::BTreeMap;

use super::{Evaluator, Files, Scope, UnknownNames, Value, World};

/// A few files in memory.
struct Memory;

impl Files for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "a.txt" | "/home/me/a.txt" => Ok(b"content of a\n".to_vec()),
            "bytes" => Ok(vec![0xff, 0xfe]),
            _ => Err("no such file".to_owned()),
        }
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        if path == "dir" { Err("it is a directory".to_owned()) } else { Ok(self.read(path).is_ok()) }
    }

    fn files_below(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(["b.txt", "a.txt", "sub/c.txt", "sub/deep/d.txt", "a.hcl"].map(str::to_owned).to_vec())
    }

    fn absolute(&self, path: &str) -> String {
        format!("/base/{path}")
    }

    fn home(&self) -> Option<String> {
        Some("/home/me".to_owned())
    }
}

fn variables() -> Value {
    Value::from_json(&serde_json::json!({
        "name": "web",
        "count": 3,
        "yes": true,
        "nothing": null,
        "list": ["a", "b", "c"],
        "ports": {"http": 80, "https": 443},
        "objects": [{"name": "x", "tags": ["p", "q"]}, {"name": "y", "tags": []}],
    }))
}

fn evaluate(text: &str, files: Option<&dyn Files>) -> Result<serde_json::Value, String> {
    let world = World::new(files, [7; 32], 0);
    let evaluator = Evaluator::new(&world, text, UnknownNames::ForTheNode);
    let expression = hcl_edit::parser::parse_expr(text).map_err(|error| format!("syntax: {}", error.message()))?;
    let scope = Scope::root(vec![("var".to_owned(), variables()), ("local".to_owned(), Value::Object(BTreeMap::new()))]);
    let value = evaluator.evaluate(&expression, &scope).map_err(|fault| format!("{}: {}", fault.summary, fault.detail))?;
    Ok(value.to_json())
}

fn check_with(text: &str, expected: &str, files: Option<&dyn Files>) {
    match evaluate(text, files) {
        Ok(value) => assert_eq!(value.to_string(), expected, "{text}"),
        Err(error) => {
            let wanted = expected.strip_prefix("! ").unwrap_or_else(|| panic!("{text}: unexpected error: {error}"));
            assert!(error.contains(wanted), "{text}: {error:?} does not contain {wanted:?}");
        }
    }
}

/// `expected` is JSON, or `! ` and a part of the error.
fn check(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        check_with(text, expected, Some(&Memory));
    }
}

/// Literals, operators and their precedence, conditionals and parentheses.
#[test]
fn operators() {
    check(&[
        ("null", "null"),
        ("true", "true"),
        ("12", "12"),
        ("-5", "-5"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        ("1.0", "1"),
        ("\"text\"", "\"text\""),
        (r#""a\tb\u00e9\"""#, r#""a\tbé\"""#),
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("10 / 4", "2.5"),
        ("10 / 5", "2"),
        ("7 % 4", "3"),
        ("-7 % 4", "-3"),
        ("0.1 + 0.2", "0.3"),
        ("1.5 * 2", "3"),
        ("9007199254740993 + 1", "9007199254740994"),
        ("\"5\" + 1", "6"),
        ("1 / 0", "! division by zero"),
        ("1 % 0", "! division by zero"),
        ("1e308 * 10", "! too large"),
        ("\"a\" + 1", "! expected number, got string \"a\""),
        ("null + 1", "! expected number, got null"),
        ("-\"3\"", "-3"),
        ("!true", "false"),
        ("!\"false\"", "true"),
        ("!1", "! expected bool"),
        ("1 == 1.0", "true"),
        ("1 == \"1\"", "false"),
        ("\"a\" != \"b\"", "true"),
        ("null == null", "true"),
        ("[1, 2] == [1, 2]", "true"),
        ("{a = 1} == {a = 2}", "false"),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3", "true"),
        ("\"a\" < \"b\"", "! expected number"),
        ("false || true", "true"),
        ("false && no_such_function()", "false"),
        ("true ? 1 : 2", "1"),
        ("var.yes ? \"a\" : \"b\"", "\"a\""),
        ("true ? 1 : \"x\"", "\"1\""),
        ("false ? \"x\" : true", "\"true\""),
        ("true ? [1] : null", "[1]"),
        ("1 ? 2 : 3", "! expected bool"),
        ("true ? 1 : no_such_function()", "1"),
        ("[1, 2, 3,]", "[1,2,3]"),
        ("{a = 1, \"b c\" = 2, (var.name) = 3, 4 = 5}", r#"{"4":5,"a":1,"b c":2,"web":3}"#),
        ("{[1] = 2}", "! a key must be a string"),
    ]);
}

/// References, indexes, splats, and for expressions.
#[test]
fn references() {
    check(&[
        ("var.name", "\"web\""),
        ("var[\"name\"]", "\"web\""),
        ("var.ports.http", "80"),
        ("var.ports[\"https\"]", "443"),
        ("var.list[0]", "\"a\""),
        ("var.list.1", "\"b\""),
        ("var.list[\"2\"]", "\"c\""),
        ("var.list[3]", "! the list has no item 3: it has 3"),
        ("var.list[-1]", "! no item -1"),
        ("var.list[0.5]", "! no item 0.5"),
        ("var.list.name", "! a list has no attribute \"name\""),
        ("var.ports.htp", "! did you mean \"http\"?"),
        ("var.nam", "! the variable \"nam\" is not declared: did you mean \"name\"?"),
        ("local.x", "! the local value \"x\" is not declared"),
        ("var.name.x", "! cannot take \"x\" from a string"),
        ("var.nothing.x", "! cannot take \"x\" from null"),
        ("{a = {b = [10, 20]}}.a.b[1]", "20"),
        ("[1, 2, 3][1]", "2"),
        ("var.objects[*].name", r#"["x","y"]"#),
        ("var.objects.*.name", r#"["x","y"]"#),
        ("var.objects[*].tags[0]", "! no item 0"),
        ("var.objects[0][*].tags[1]", r#"["q"]"#),
        ("var.objects.*.tags[0]", r#"["p","q"]"#),
        ("var.nothing[*].x", "[]"),
        ("var.name[*]", r#"["web"]"#),
        ("[for x in var.list : upper(x)]", r#"["A","B","C"]"#),
        ("[for i, x in var.list : \"${i}${x}\"]", r#"["0a","1b","2c"]"#),
        ("[for x in var.list : x if x != \"b\"]", r#"["a","c"]"#),
        ("[for k, v in var.ports : \"${k}=${v}\"]", r#"["http=80","https=443"]"#),
        ("{for k, v in var.ports : k => v + 1}", r#"{"http":81,"https":444}"#),
        ("{for x in [\"a\", \"b\", \"a\"] : x => 1}", "! two items have the key \"a\""),
        ("{for x in [\"a\", \"b\", \"a\"] : x => 1...}", r#"{"a":[1,1],"b":[1]}"#),
        ("[for k, v in setunion([\"b\", \"a\"], [\"b\"]) : \"${k}${v}\"]", r#"["aa","bb"]"#),
        ("[for x in 5 : x]", "! cannot loop over a number"),
        ("[for x in null : x]", "! cannot loop over null"),
        ("[for x in var.list : x if \"maybe\"]", "! expected bool"),
        ("[for var in [1] : var]", "[1]"),
    ]);
}

/// Names that nobody defined stay as they are written, alone and within larger texts.
#[test]
fn names_for_the_node() {
    check(&[
        ("attr.kernel.name", "\"${attr.kernel.name}\""),
        ("\"${attr.kernel.name}\"", "\"${attr.kernel.name}\""),
        ("\"${ attr.kernel.name }\"", "\"${attr.kernel.name}\""),
        ("\"${NOMAD_TASK_DIR}/x\"", "\"${NOMAD_TASK_DIR}/x\""),
        ("\"a ${node.unique.id} b ${var.name} c\"", "\"a ${node.unique.id} b web c\""),
        ("\"${meta.rack-1}\"", "\"${meta.rack-1}\""),
        (r#""${env["HOME"]}/x""#, r#""${env[\"HOME\"]}/x""#),
        ("\"${env[var.name]}\"", r#""${env[\"web\"]}""#),
        ("\"${x.0.y[1]}\"", "\"${x.0.y[1]}\""),
        ("upper(\"${NOMAD_x}\")", "\"${NOMAD_X}\""),
        ("\"$${literal} and %%{literal}\"", "\"${literal} and %{literal}\""),
        ("\"$5 100% {}\"", "\"$5 100% {}\""),
        ("meta.count + 1", "! known only on the node"),
        ("attr.list[*].x", "! known only on the node"),
        ("[for x in attr.list : x]", "! known only on the node"),
    ]);
}

/// Templates: conversions, conditions, loops, white space, heredocs.
#[test]
fn templates() {
    check(&[
        ("\"${1}\"", "1"),
        ("\"${var.list}\"", r#"["a","b","c"]"#),
        ("\"n=${1} b=${true}\"", "\"n=1 b=true\""),
        ("\"x${var.list}\"", "! a list cannot stand in a text"),
        ("\"x${null}\"", "! null cannot stand in a text"),
        ("\"%{ if var.yes }T%{ else }F%{ endif }\"", "\"T\""),
        ("\"%{ if !var.yes }T%{ else }F%{ endif }\"", "\"F\""),
        ("\"<%{ if false }T%{ endif }>\"", "\"<>\""),
        ("\"%{ for x in var.list }${x},%{ endfor }\"", "\"a,b,c,\""),
        ("\"%{ for i, x in var.list }${i}${x}%{ endfor }\"", "\"0a1b2c\""),
        ("\"a  ${~ 1 ~}  b\"", "\"a1b\""),
        ("\"a  ${~ 1}  b\"", "\"a1  b\""),
        ("\"a  ${1 ~}  b\"", "\"a  1b\""),
        ("\"a %{~ if true ~} x %{~ endif ~} b\"", "\"axb\""),
        ("\"a %{ if true ~} x %{ else ~} y %{~ endif } b\"", "\"a x  b\""),
        ("\"a %{ if false ~} x %{ else ~} y %{~ endif } b\"", "\"a y b\""),
        ("\"<%{ for x in [1, 2] ~}  ${x}  %{~ endfor }>\"", "\"<12>\""),
        ("<<EOF\nline 1\n  line ${1 + 1}\nEOF", "\"line 1\\n  line 2\\n\""),
        ("<<EOF\nEOF", "\"\""),
        ("<<-EOF\n    a\n      b\n    c\n    EOF", "\"a\\n  b\\nc\\n\""),
        ("<<-EOF\n    a\n\n    b\n    EOF", "\"a\\n\\nb\\n\""),
        ("<<-EOF\n  a ${1}\n      b\n  EOF", "\"a 1\\n    b\\n\""),
        // A line without indent keeps all lines where they are.
        ("<<-EOF\nkeep\n      b ${1}\n      c\nEOF", "\"keep\\n      b 1\\n      c\\n\""),
        ("<<-EOF\n    ${1}\n      x\n    EOF", "\"1\\n  x\\n\""),
        ("<<-EOF\n${1}\n      x\nEOF", "\"1\\n      x\\n\""),
        ("<<-EOF\n    %{ if true }\n    in\n    %{ endif }\n    out\n    EOF", "\"\\nin\\n\\nout\\n\""),
        ("<<-EOF\n    %{~ for x in [1, 2] ~}\n    ${x}\n    %{~ endfor ~}\n    EOF", "\"12\""),
        ("<<-EOF\n    $${x} %%{y}\n    EOF", "\"${x} %{y}\\n\""),
        ("<<EOF\n\"quoted\" \\n stays\nEOF", r#""\"quoted\" \\n stays\n""#),
    ]);
}

/// Numbers.
#[test]
fn number_functions() {
    check(&[
        ("abs(-5)", "5"),
        ("abs(-1.5)", "1.5"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("floor(\"1.9\")", "1"),
        ("log(8, 2)", "3"),
        ("log(1000, 10)", "3"),
        ("log(0, 10)", "! the result is not a number"),
        ("max(1, 5, 3)", "5"),
        ("max([1, 2]...)", "2"),
        ("min(2.5, 1)", "1"),
        ("max()", "! takes at least 1 argument"),
        ("parseint(\"ff\", 16)", "255"),
        ("parseint(\"-101\", 2)", "-5"),
        ("parseint(\"Z\", 62)", "61"),
        ("parseint(\"12\", 2)", "! not a number of base 2"),
        ("parseint(\"1\", 63)", "! between 2 and 62"),
        ("parseint(\"\", 10)", "! not a number of base 10"),
        ("pow(2, 10)", "1024"),
        ("pow(2, -1)", "0.5"),
        ("pow(2, 0.5)", "1.4142135623731"),
        ("pow(10, 400)", "! not a number"),
        ("signum(-3)", "-1"),
        ("signum(0)", "0"),
        ("signum(0.5)", "1"),
    ]);
}

/// Texts.
#[test]
fn text_functions() {
    check(&[
        (r#"chomp("a\r\n\n")"#, "\"a\""),
        (r#"indent(2, "a\nb\nc")"#, r#""a\n  b\n  c""#),
        ("join(\", \", [\"a\", \"b\"], [\"c\"])", "\"a, b, c\""),
        ("join(\"-\", [1, true])", "\"1-true\""),
        ("join(\",\", [[1]])", "! expected list of strings"),
        ("lower(\"ÄB\")", "\"äb\""),
        ("upper(\"äb\")", "\"ÄB\""),
        ("title(\"hello big-world\")", "\"Hello Big-World\""),
        ("replace(\"1 + 2\", \"+\", \"-\")", "\"1 - 2\""),
        ("replace(\"a.b.c\", \".\", \"\")", "\"abc\""),
        (r#"regex_replace("web-01", "([a-z]+)-(\\d+)", "$2/$1")"#, "\"01/web\""),
        (r#"regex_replace("a", "(", "")"#, "! not a pattern"),
        ("split(\",\", \"a,b,\")", r#"["a","b",""]"#),
        ("split(\",\", \"\")", r#"[""]"#),
        ("split(\"\", \"abc\")", r#"["a","b","c"]"#),
        ("strlen(\"äöü\")", "3"),
        ("strrev(\"äbc\")", "\"cbä\""),
        ("substr(\"hello\", 1, 3)", "\"ell\""),
        ("substr(\"hello\", -3, -1)", "\"llo\""),
        ("substr(\"hello\", 2, 100)", "\"llo\""),
        ("substr(\"hello\", 0, -2)", "! must be -1 or more"),
        ("trim(\"..a.b..\", \".\")", "\"a.b\""),
        ("trimprefix(\"v1.2\", \"v\")", "\"1.2\""),
        ("trimsuffix(\"a.hcl\", \".hcl\")", "\"a\""),
        (r#"trimspace("\t a \n")"#, "\"a\""),
        ("upper([])", "! upper: expected string, got list"),
        ("upper(null)", "! expected string, got null"),
        ("uper(\"a\")", "! there is no function \"uper\": did you mean \"upper\"?"),
        ("provider::upper(\"a\")", "! there is no function"),
        ("upper(\"a\", \"b\")", "! takes exactly 1 argument, not 2"),
        ("upper(\"a\"...)", "! must follow a list"),
    ]);
}

/// `format` and its verbs.
#[test]
fn formats() {
    check(&[
        ("format(\"Hello, %s!\", \"you\")", "\"Hello, you!\""),
        ("format(\"%d%%\", 42)", "\"42%\""),
        ("format(\"%v %v %v\", 1.5, true, null)", "\"1.5 true null\""),
        ("format(\"%v\", [1, \"a\"])", r#""[1,\"a\"]""#),
        ("format(\"%#v\", \"a\")", r#""\"a\"""#),
        ("format(\"%q\", \"a\\\"b\")", r#""\"a\\\"b\"""#),
        ("format(\"%05d|%+d|% d|%-4d|%4d\", 42, 42, 42, 42, 42)", "\"00042|+42| 42|42  |  42\""),
        ("format(\"%05d\", -42)", "\"-0042\""),
        ("format(\"%b %o %x %X\", 10, 8, 255, 255)", "\"1010 10 ff FF\""),
        ("format(\"%x\", \"hi\")", "\"6869\""),
        ("format(\"%.2f|%8.3f|%f\", 1.005, 3.14159, 1)", "\"1.00|   3.142|1.000000\""),
        ("format(\"%e\", 12345.678)", "\"1.234568e+04\""),
        ("format(\"%g %g %.3g\", 100000, 1e25, 1234.5)", "\"100000 1e+25 1.23e+03\""),
        ("format(\"%t\", \"true\")", "\"true\""),
        ("format(\"%5s|%-5s|%.2s\", \"ab\", \"ab\", \"abc\")", "\"   ab|ab   |ab\""),
        ("format(\"%[2]s %[1]s\", \"a\", \"b\")", "\"b a\""),
        ("format(\"%s\")", "! %s has no argument"),
        ("format(\"x\", 1)", "! does not use this argument"),
        ("format(\"%y\", 1)", "! there is no verb %y"),
        ("format(\"%\")", "! ends after %"),
        ("format(\"%d\", \"a\")", "! %d needs a number"),
        ("format(\"%99999d\", 1)", "! too large"),
        ("formatlist(\"%s-%s\", [\"a\", \"b\"], \"x\")", r#"["a-x","b-x"]"#),
        ("formatlist(\"%s%s\", [\"a\"], [\"b\", \"c\"])", "! the same length"),
        ("formatlist(\"%s\", \"a\")", r#"["a"]"#),
    ]);
}

/// Lists, objects and sets.
#[test]
fn collection_functions() {
    check(&[
        ("chunklist([1, 2, 3, 4, 5], 2)", "[[1,2],[3,4],[5]]"),
        ("chunklist([1, 2], 0)", "[[1,2]]"),
        ("coalesce(null, \"\", \"b\")", "\"\""),
        ("coalesce(null, null)", "! all arguments are null"),
        ("coalescelist([], [1], [2])", "[1]"),
        ("coalescelist([])", "! all lists are empty"),
        ("compact([\"a\", \"\", null, \"b\"])", r#"["a","b"]"#),
        ("concat([1], [], [2, 3])", "[1,2,3]"),
        ("contains([\"a\", \"b\"], \"b\")", "true"),
        ("contains([1], \"1\")", "false"),
        ("distinct([\"b\", \"a\", \"b\", \"a\", \"c\"])", r#"["b","a","c"]"#),
        ("element([\"a\", \"b\", \"c\"], 4)", "\"b\""),
        ("element([\"a\", \"b\", \"c\"], -1)", "\"c\""),
        ("element([], 0)", "! the list is empty"),
        ("flatten([[1, [2]], [], 3])", "[1,2,3]"),
        ("index([\"a\", \"b\"], \"b\")", "1"),
        ("index([\"a\"], \"z\")", "! no such item"),
        ("keys({b = 1, a = 2})", r#"["a","b"]"#),
        ("values({b = 1, a = 2})", "[2,1]"),
        ("length([1, 2])", "2"),
        ("length({a = 1})", "1"),
        ("length(\"äb\")", "2"),
        ("length(5)", "! expected list, object or string"),
        ("lookup({a = 1}, \"a\", 2)", "1"),
        ("lookup({a = 1}, \"b\", 2)", "2"),
        ("lookup({a = 1}, \"b\")", "! there is no key \"b\""),
        ("merge({a = 1, b = 2}, null, {b = 3})", r#"{"a":1,"b":3}"#),
        ("merge()", "{}"),
        ("range(3)", "[0,1,2]"),
        ("range(1, 4)", "[1,2,3]"),
        ("range(4, 0, -2)", "[4,2]"),
        ("range(3, 1)", "[3,2]"),
        ("range(0, 1, 0.25)", "[0,0.25,0.5,0.75]"),
        ("range(0, 5, -1)", "! must lead from start to end"),
        ("range(0, 5, 0)", "! must lead from start to end"),
        ("reverse([1, 2, 3])", "[3,2,1]"),
        ("slice([\"a\", \"b\", \"c\"], 1, 2)", r#"["b"]"#),
        ("slice([1], 1, 3)", "! there is no slice 1 to 3"),
        ("slice([1, 2], 2, 1)", "! there is no slice"),
        ("sort([\"b\", \"a\", \"C\"])", r#"["C","a","b"]"#),
        ("zipmap([\"a\", \"b\"], [1, 2])", r#"{"a":1,"b":2}"#),
        ("zipmap([\"a\"], [1, 2])", "! there are 1 keys and 2 values"),
        ("setunion([\"b\", \"a\"], [\"c\", \"a\"])", r#"["a","b","c"]"#),
        ("setintersection([1, 2, 3], [3, 2], [2])", "[2]"),
        ("setproduct([\"a\", \"b\"], [1, 2])", r#"[["a",1],["a",2],["b",1],["b",2]]"#),
        ("setproduct([\"a\"], [])", "[]"),
        ("try(var.ports.nope, var.name)", "\"web\""),
        ("try(1 / 0, [][0])", "! try: no argument has a value: division by zero"),
        ("can(var.ports.http)", "true"),
        ("can(var.ports.nope)", "false"),
        ("convert(\"5\", number)", "5"),
        ("convert([1, 2], list(string))", r#"["1","2"]"#),
        ("convert([\"b\", \"a\", \"b\"], set(string))", r#"["a","b"]"#),
        ("convert({a = 1}, map(string))", r#"{"a":"1"}"#),
        ("convert({a = 1, b = 2}, object({ a = string }))", r#"{"a":"1"}"#),
        ("convert({}, object({ a = optional(number, \"7\"), b = optional(string) }))", r#"{"a":7,"b":null}"#),
        ("convert({}, object({ a = string }))", "! attribute \"a\" is required"),
        ("convert([1, \"x\"], tuple([string, bool]))", "! item 1: a bool is required"),
        ("convert([1], tuple([string, bool]))", "! 2 items are required, not 1"),
        ("convert(\"x\", number)", "! a number is required, not the string \"x\""),
        ("convert(1, strng)", "! did you mean \"string\"?"),
        ("convert([[1]], list(list(any)))", "[[1]]"),
    ]);
}

/// Encodings, hashes, address ranges and times.
#[test]
fn encoding_functions() {
    check(&[
        ("base64encode(\"Hello\")", "\"SGVsbG8=\""),
        ("base64decode(\"SGVsbG8=\")", "\"Hello\""),
        ("base64decode(\"!\")", "! not base64"),
        ("base64decode(\"//79\")", "! not text in UTF-8"),
        ("urlencode(\"a b/ä&~\")", "\"a+b%2F%C3%A4%26~\""),
        ("jsonencode({a = [1, true, null, \"x\"]})", r#""{\"a\":[1,true,null,\"x\"]}""#),
        (r#"jsondecode("{\"a\": [1, 2.5, null]}")"#, r#"{"a":[1,2.5,null]}"#),
        ("jsondecode(\"{\")", "! not JSON"),
        (r#"csvdecode("a,b\n1,\"x, \"\"y\"\"\"\n\n2,z\r\n")"#, r#"[{"a":"1","b":"x, \"y\""},{"a":"2","b":"z"}]"#),
        (r#"csvdecode("a,b\n1")"#, "! line 2 has 1 fields, not 2"),
        (r#"csvdecode("a,a\n")"#, "! the same name"),
        (r#"csvdecode("")"#, "! must name the fields"),
        (r#"yamldecode("a: 1\nb: [x, 'y', 2.5, ~, true]\nc:\n  d: \"5\"\n")"#, r#"{"a":1,"b":["x","y",2.5,null,true],"c":{"d":"5"}}"#),
        (r#"yamldecode("x: &a {k: 1}\ny:\n  <<: *a\n  z: *a\n")"#, r#"{"x":{"k":1},"y":{"k":1,"z":{"k":1}}}"#),
        (r#"yamldecode("0x1f")"#, "31"),
        (r#"yamldecode("")"#, "null"),
        (r#"yamldecode("a: [1")"#, "! not YAML"),
        (r#"yamldecode("a: 1\n---\nb: 2\n")"#, "! only one document"),
        (
            "yamlencode({foo = [1, {a = \"b\", c = \"d\"}, [2]], bar = \"baz\", e = {}, n = {x = null}})",
            r#""\"bar\": \"baz\"\n\"e\": {}\n\"foo\":\n- 1\n- \"a\": \"b\"\n  \"c\": \"d\"\n- - 2\n\"n\":\n  \"x\": null\n""#,
        ),
        ("yamldecode(yamlencode({a = [{b = [1, {c = 2}]}, \"x: y\"]}))", r#"{"a":[{"b":[1,{"c":2}]},"x: y"]}"#),
        ("md5(\"abc\")", "\"900150983cd24fb0d6963f7d28e17f72\""),
        ("sha1(\"abc\")", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""),
        ("sha256(\"abc\")", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
        ("substr(sha512(\"abc\"), 0, 16)", "\"ddaf35a193617aba\""),
        ("uuidv5(\"dns\", \"www.example.com\")", "\"2ed6657d-e927-568b-95e1-2665a8aea6a2\""),
        ("uuidv5(\"x\", \"y\")", "! must be dns, url, oid, x500 or a UUID"),
        ("strlen(uuidv4())", "36"),
        ("uuidv4() == uuidv4()", "false"),
        ("substr(bcrypt(\"secret\", 4), 0, 7)", "\"$2a$04$\""),
        ("bcrypt(\"x\", 31)", "! between 4 and 14"),
        ("cidrhost(\"10.12.127.0/20\", 16)", "\"10.12.112.16\""),
        ("cidrhost(\"10.0.0.0/8\", -1)", "\"10.255.255.255\""),
        ("cidrhost(\"fd00:fd12:3456:7890::/72\", 34)", "\"fd00:fd12:3456:7890::22\""),
        ("cidrhost(\"10.0.0.0/30\", 4)", "! has no host 4"),
        ("cidrhost(\"10.0.0.0\", 4)", "! is not an address range"),
        ("cidrnetmask(\"172.16.0.0/12\")", "\"255.240.0.0\""),
        ("cidrnetmask(\"::/0\")", "! only IPv4"),
        ("cidrsubnet(\"172.16.0.0/12\", 4, 2)", "\"172.18.0.0/16\""),
        ("cidrsubnet(\"fd00::/56\", 8, 255)", "\"fd00:0:0:ff::/64\""),
        ("cidrsubnet(\"10.0.0.0/24\", 9, 0)", "! divided by 0 to 8 bits"),
        ("cidrsubnet(\"10.0.0.0/24\", 2, 4)", "! do not have a part 4"),
        ("cidrsubnets(\"10.1.0.0/16\", 4, 4, 8, 4)", r#"["10.1.0.0/20","10.1.16.0/20","10.1.32.0/24","10.1.48.0/20"]"#),
        ("cidrsubnets(\"10.0.0.0/31\", 1, 1, 1)", "! no room left"),
        ("cidrsubnets(\"::/0\", 1, 1)", r#"["::/1","8000::/1"]"#),
        ("timeadd(\"2017-11-22T00:00:00Z\", \"10m\")", "\"2017-11-22T00:10:00Z\""),
        ("timeadd(\"2017-11-22T00:00:00+02:00\", \"-1h30m\")", "\"2017-11-21T22:30:00+02:00\""),
        ("timeadd(\"now\", \"1h\")", "! is not a time"),
        ("timeadd(\"2017-11-22T00:00:00Z\", \"1 day\")", "! is not a duration"),
        ("formatdate(\"EEEE, DD-MMM-YY hh:mm:ss ZZZ\", \"2018-01-02T23:12:01Z\")", "\"Tuesday, 02-Jan-18 23:12:01 UTC\""),
        ("formatdate(\"H:mm AA 'o''clock' YYYY M D ZZZZZ\", \"2018-01-02T23:12:01-08:00\")", "\"11:12 PM o'clock 2018 1 2 -08:00\""),
        ("formatdate(\"YYY\", \"2018-01-02T23:12:01Z\")", "! does not stand for anything"),
    ]);
}

/// `rsadecrypt` reads both common forms of keys, and words for what is not for it.
#[test]
fn rsa() {
    const CIPHER: &str = include_str!("../../tests/data/rsa/cipher.base64");
    for key in [include_str!("../../tests/data/rsa/pkcs1.pem"), include_str!("../../tests/data/rsa/pkcs8.pem")] {
        check(&[(&format!("rsadecrypt({:?}, {key:?})", CIPHER.trim()), "\"the secret\"")]);
        check(&[(&format!("rsadecrypt(\"AAAA\", {key:?})"), "! not encrypted to this key")]);
    }
    check(&[(&format!("rsadecrypt({:?}, \"no key\")", CIPHER.trim()), "! not an RSA private key")]);
}

/// Files are read by what the caller hands in, and not at all where it hands in nothing.
#[test]
fn file_functions() {
    check(&[
        ("file(\"a.txt\")", "\"content of a\\n\""),
        ("file(\"~/a.txt\")", "\"content of a\\n\""),
        ("file(\"nope\")", "! cannot read \"nope\": no such file"),
        ("file(\"bytes\")", "! use filebase64"),
        ("filebase64(\"bytes\")", "\"//4=\""),
        ("fileexists(\"a.txt\")", "true"),
        ("fileexists(\"nope\")", "false"),
        ("fileexists(\"dir\")", "! it is a directory"),
        ("fileset(\".\", \"*.txt\")", r#"["a.txt","b.txt"]"#),
        ("fileset(\".\", \"**/*.txt\")", r#"["a.txt","b.txt","sub/c.txt","sub/deep/d.txt"]"#),
        ("fileset(\".\", \"{a,b}.{txt,hcl}\")", r#"["a.hcl","a.txt","b.txt"]"#),
        ("fileset(\".\", \"sub/?.txt\")", r#"["sub/c.txt"]"#),
        ("abspath(\"../x/./y\")", "\"/x/y\""),
        ("basename(\"/a/b.txt\")", "\"b.txt\""),
        ("basename(\"/a/b/\")", "\"b\""),
        ("basename(\"/\")", "\"/\""),
        ("basename(\"\")", "\".\""),
        ("dirname(\"/a/b.txt\")", "\"/a\""),
        ("dirname(\"b.txt\")", "\".\""),
        ("dirname(\"/b\")", "\"/\""),
        ("pathexpand(\"~/x\")", "\"/home/me/x\""),
        ("pathexpand(\"x~\")", "\"x~\""),
    ]);
    for function in ["abspath", "basename", "dirname", "file", "filebase64", "fileexists", "pathexpand"] {
        check_with(&format!("{function}(\"a.txt\")"), "! filesystem function disabled", None);
    }
    check_with("fileset(\".\", \"*\")", "! filesystem function disabled", None);
}

/// Every function of the interface is there, and none is there by accident.
#[test]
fn all_functions() {
    let mut wanted: Vec<&str> = include_str!("../../tests/data/functions.txt").lines().collect();
    let mut known: Vec<&str> = super::functions::names().collect();
    wanted.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, wanted);
}

/// Hostile expressions end soon, with a word and without a panic, also on the small stack of a worker thread.
#[test]
fn hostile_expressions() {
    let rows = [
        format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{}1", "-".repeat(20_000)),
        format!("{}1{}", "[".repeat(60), "]".repeat(60)),
        format!("1{}", " + 1".repeat(5_000)),
        format!("\"{}x{}\"", "${\"".repeat(40), "\"}".repeat(40)),
        format!("true{}", " ? 1 : true".repeat(500)),
        format!("{}x{}", "[for x in [1] : ".repeat(60), "]".repeat(60)),
        "range(0, 1e18)".to_owned(),
        "range(0, 1, 1e-300)".to_owned(),
        "range(9007199254740992, 9007199254740993.5, 0.1)".to_owned(),
        "[for a in range(10000) : [for b in range(10000) : a]]".to_owned(),
        "setproduct(range(1000), range(1000), range(1000))".to_owned(),
        "join(\"x\", [for i in range(3000) : join(\"yyyyyyyyyy\", range(3000))])".to_owned(),
        "indent(1000000000, \"a\\nb\")".to_owned(),
        "replace(replace(join(\"\", range(50000)), \"\", \"aaaaaaaaaaaaaaaa\"), \"\", \"bbbbbbbbbbbbbbbbbbbbbbbb\")".to_owned(),
        "regex_replace(join(\"\", range(50000)), \"\", join(\"\", range(50000)))".to_owned(),
        "regex_replace(\"a\", \"(((a{1000}){1000}){1000})\", \"\")".to_owned(),
        "format(\"%9999s%9999s\", \"a\", \"b\")".to_owned(),
        "[for i in range(100000) : format(\"%9999s\", \"a\")]".to_owned(),
        "[for i in range(100) : bcrypt(\"a\", 14)]".to_owned(),
        "pow(10, 1e18)".to_owned(),
        "170141183460469231731687303715884105727 + 1".to_owned(),
        "-(-170141183460469231731687303715884105727 - 1) * 1e300 * 1e300".to_owned(),
        "abs(-170141183460469231731687303715884105727 - 1)".to_owned(),
        "(-170141183460469231731687303715884105727 - 1) / -1".to_owned(),
        "(-170141183460469231731687303715884105727 - 1) % -1".to_owned(),
        "substr(\"abc\", -9223372036854775808, 9223372036854775807)".to_owned(),
        "element([1], -9223372036854775808)".to_owned(),
        "chunklist([1], 9223372036854775807)".to_owned(),
        "cidrhost(\"::/0\", -9223372036854775808)".to_owned(),
        "cidrsubnet(\"::/0\", 128, 9223372036854775807)".to_owned(),
        "timeadd(\"9999-12-31T23:59:59Z\", \"2540400h\")".to_owned(),
        "formatdate(\"YYYY\", \"0000-01-01T00:00:00Z\")".to_owned(),
        "formatdate(\"'\", \"2018-01-02T23:12:01+99:99\")".to_owned(),
        format!("jsondecode({:?})", "[".repeat(10_000)),
        format!("yamldecode({:?})", "[".repeat(1_000)),
        format!(
            "yamldecode({:?})",
            "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"
        ),
        "format(\"%[99999999999999999999]s\", 1)".to_owned(),
        "rsadecrypt(\"AAAA\", \"-----BEGIN PRIVATE KEY-----\\nMIIB\\n-----END\")".to_owned(),
    ];
    let started = std::time::Instant::now();
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for row in rows {
            println!("{row:.80}");
            // What matters is that it comes back.
            let _ = evaluate(&row, Some(&Memory)).map(|value| value.to_string().len());
        }
    });
    thread.expect("a thread").join().expect("no panic");
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// The limit of work cannot be caught.
#[test]
fn limit_is_final() {
    check(&[("try(range(0, 1e18), 1)", "! too large to evaluate"), ("can(range(0, 1e18))", "! too large to evaluate")]);
}
