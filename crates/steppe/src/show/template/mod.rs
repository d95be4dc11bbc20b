//! `-t`: Go templates over the JSON of an answer, as far as command lines use them.
//!
//! Fields, variables, `range` with `break` and `continue`, `if`, `with`, `else`, `define`, `template` and `block`, pipelines, parentheses,
//! trimmed blanks (`{{-`, `-}}`) and the functions that compare, count, index, escape and print. What is not among them is an error that
//! names it.

mod evaluate;
mod fields;
mod parse;

use serde_json::Value;

/// The text that the template makes of the value.
///
/// # Errors
/// What is wrong with the template, in words.
pub fn render(source: &str, value: &Value) -> Result<String, String> {
    evaluate::run(&parse::template(source)?, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Rows: a template; what it makes of two allocations.
    #[test]
    fn rendering() {
        let value = json!([
            {"ID": "a1", "Name": "web[0]", "N": 3, "F": 1.5, "Ok": true, "Tags": ["x", "y"], "Meta": {"k": "v", "a": "b"}, "Nested": {"Deep": {"Er": "!"}}},
            {"ID": "b2", "Name": "web[1]", "N": 0, "F": 2.0, "Ok": false, "Tags": [], "Meta": null},
        ]);
        for (source, expected) in [
            ("plain", "plain"),
            ("{{range .}}{{.ID}}{{\"\\n\"}}{{end}}", "a1\nb2\n"),
            ("{{range .}}{{.ID}} {{end}}", "a1 b2 "),
            ("{{range $i, $a := .}}{{$i}}={{$a.ID}};{{end}}", "0=a1;1=b2;"),
            ("{{range $a := .}}{{$a.Name}},{{end}}", "web[0],web[1],"),
            ("{{range .}}{{if .Ok}}{{.ID}} is ok{{else}}, {{.ID}} is not{{end}}{{end}}", "a1 is ok, b2 is not"),
            ("{{range .}}{{if eq .N 3}}three{{else if eq .N 0 1}}few{{else}}many{{end}} {{end}}", "three few "),
            ("{{range .}}{{range .Tags}}{{.}}{{else}}none{{end}} {{end}}", "xy none "),
            ("{{with index . 0}}{{.Nested.Deep.Er}}{{.Nothing}}{{end}}", "!"),
            ("{{len .}} {{len (index . 0).Tags}} {{(index . 0).ID | len}}", "2 2 2"),
            ("{{index . 0 \"Meta\" \"k\"}}", "v"),
            (
                "{{printf \"%s has %d, %q, %v and 100%%\" (index . 0).ID (index . 0).N \"q\" (index . 0).F}}",
                "a1 has 3, \"q\", 1.5 and 100%",
            ),
            ("{{printf \"%-5s|%5s|%05d\" \"ab\" \"cd\" 42}}", "ab   |   cd|00042"),
            ("{{$first := index . 0}}{{$first.ID}}{{$first = index . 1}}{{$first.ID}}", "a1b2"),
            ("{{range .}}{{if and .Ok (not (eq .ID \"b2\"))}}{{.ID}}{{end}}{{end}}", "a1"),
            ("{{range .}}{{or .Missing .ID}}{{end}}", "a1b2"),
            ("{{if gt (len .) 1}}many{{end}} {{if lt 1.5 2}}less{{end}} {{ne \"a\" \"b\"}}", "many less true"),
            ("a {{- \" b \" -}} c", "a b c"),
            ("{{/* said to nobody */}}{{`raw \\n`}}", "raw \\n"),
            ("{{range $k, $v := (index . 0).Meta}}{{$k}}:{{$v}} {{end}}", "a:b k:v "),
            ("{{(index . 0).Tags}} {{(index . 0).Meta}} {{(index . 1).Meta}}", "[x y] map[a:b k:v] "),
            ("{{println (len .) \"x\"}}{{print 1 2 \"a\" \"b\"}}", "2 x\n1 2ab"),
            ("{{range .}}{{if not .Ok}}{{continue}}{{end}}{{.ID}}{{end}}", "a1"),
            ("{{range .}}{{.ID}}{{with .N}}{{break}}{{end}}{{end}}!", "a1!"),
            ("{{range .}}{{range .Tags}}{{.}}{{break}}{{end}}{{.ID}} {{end}}", "xa1 b2 "),
            ("{{range .}}{{if and .Tags (eq (index .Tags 0) \"x\")}}{{.ID}}{{end}}{{end}}", "a1"),
            ("{{range .}}{{or (not .Tags) (index .Tags 1)}} {{end}}", "y true "),
            ("{{range .}}{{with .Meta}}{{.k}}{{else with .Name}}{{.}}{{end}} {{end}}", "v web[1] "),
            ("{{define \"row\"}}{{.ID}}={{.N}};{{end}}{{range .}}{{template \"row\" .}}{{end}}", "a1=3;b2=0;"),
            ("{{range .}}{{template \"tags\" .Tags}}{{end}}{{define \"tags\"}}<{{range .}}{{.}}{{end}}>{{end}}", "<xy><>"),
            ("{{block \"n\" len .}}{{.}}{{$}}{{end}}{{template \"n\"}}", "22"),
            (
                "{{html \"<a & 'b'>\"}} {{js `it's \"<`}} {{urlquery \"a b&c/ä\"}}",
                "&lt;a &amp; &#39;b&#39;&gt; it\\'s \\\"\\u003C a+b%26c%2F%C3%A4",
            ),
            ("{{range .}}{{.Meta.Team}}{{end}}", ""),
            ("{{(index . 0).Meta.Nobody}}{{(index . 0).NextAllocation}}", ""),
            (
                "{{slice (index . 0).Name 0 3}} {{slice (index . 0).Tags 1}} {{(index . 1).Name | printf \"%.3s|%s\" \"web\"}}",
                "web [y] web|web[1]",
            ),
        ] {
            assert_eq!(render(source, &value).as_deref(), Ok(expected), "{source}");
        }
    }

    /// Rows: a template that cannot be used; a part of what is said about it.
    #[test]
    fn problems() {
        let value = json!({"ID": "a1", "Tags": ["x"]});
        for (source, expected) in [
            ("{{.ID", "\"{{\" is not closed"),
            ("{{range .Tags}}", "{{range}} is not closed by {{end}}"),
            ("{{end}}", "unexpected {{end}}"),
            ("{{else}}", "unexpected {{else}}"),
            ("{{foo .ID}}", "function \"foo\" is not supported"),
            ("{{break}}", "{{break}} outside of {{range}}"),
            ("{{range .Tags}}{{end}}{{continue}}", "{{continue}} outside of {{range}}"),
            ("{{slice .ID 1 9}}", "slice from 1 to 9 is out of range: the length is 2"),
            ("{{slice .ID 1 2 3}}", "up to two whole numbers"),
            ("{{template \"x\"}}", "template \"x\" is not defined"),
            ("{{template .ID}}", "{{template}} takes the name of a template in quotes"),
            ("{{define \"x\"}}", "{{define}} is not closed by {{end}}"),
            ("{{if .ID}}{{define \"x\"}}{{end}}{{end}}", "{{define}} inside of another block"),
            ("{{block \"x\"}}{{end}}", "{{block \"x\"}} takes a value"),
            ("{{define \"x\"}}{{template \"x\" .}}{{template \"x\" .}}{{end}}{{template \"x\" .}}", "more than 100 deep"),
            ("{{range .Tags}}{{define \"x\"}}{{end}}{{end}}", "inside of another block"),
            ("{{define \"x\"}}{{break}}{{end}}", "{{break}} outside of {{range}}"),
            ("{{define \"x\"}}{{$}}{{$y}}{{end}}{{$y := 1}}{{template \"x\" .ID}}", "variable $y is not declared"),
            ("{{.Tgas}}", "there is no field \"Tgas\"; did you mean \"Tags\"?"),
            ("{{.id}}", "there is no field \"id\"; did you mean \"ID\"?"),
            ("{{.Nonsense}}", "there is no field \"Nonsense\"; there are ID, Tags"),
            ("{{.ID.Deeper}}", "\"Deeper\": a text has no fields"),
            ("{{range .ID}}{{end}}", "range over a text"),
            ("{{index .Tags 7}}", "index 7 is out of range"),
            ("{{len 5}}", "len of a number"),
            ("{{$x}}", "variable $x is not declared"),
            ("{{\"open}}", "the text is not closed"),
            ("{{}}", "an empty action"),
            ("{{.ID | }}", "nothing after |"),
            ("{{(.ID}}", "is not closed"),
            ("{{printf \"%s\"}}", "too few values"),
            ("{{lt \"a\" 1}}", "cannot be compared"),
        ] {
            let problem = render(source, &value).unwrap_err();
            assert!(problem.contains(expected), "{source}: {problem}");
        }
    }
}
