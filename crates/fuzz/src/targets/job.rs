//! Job files, in HCL and in JSON.

use jobspec::ParseInput;
use model::{Job, codec};

use super::files;
use crate::Target;

pub const TARGET: Target = Target {
    name: "job",
    run,
    // Of the values that expressions may make (16 MiB), the last one and what it is made of are there together; a few thousand blocks have
    // their defaults as a tree, as JSON and as a job.
    allowance: 128 << 20,
    input_max: 4096,
    seeds,
};

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let variables = [("given".to_owned(), text.chars().take(20).collect())];
    let input = ParseInput { variables: &variables, allow_undeclared_variables: true, ..ParseInput::new("fuzz.nomad.hcl", text) };
    match jobspec::parse(&input) {
        Ok(parsed) => {
            let _ = parsed.validate();
            let _ = parsed.uncanonical_json();
            goes_on(&parsed.job);
        }
        Err(diagnostics) => drop(diagnostics.to_string()),
    }
}

/// What follows when a job was read: it is validated, sent, stored and shown.
pub fn goes_on(job: &Job) {
    let _ = jobspec::validate(job);
    assert_eq!(jobspec::canonicalize(job).as_ref(), Ok(job), "a canonical job stays as it is");
    let bytes = codec::to_body(job).expect("a job has bytes");
    assert_eq!(codec::from_body::<Job>(&bytes).as_ref().ok(), Some(job), "what is stored is read again");
    let json = serde_json::to_value(job).expect("a job has JSON");
    assert_eq!(jobspec::from_api(&json).as_ref(), Ok(job), "what is shown can be sent back");
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = files(&["config/jobs", "tests/acceptance/jobs", "tests/data/jobs"], &[".hcl"]);
    seeds.extend(
        EXPRESSIONS
            .iter()
            .map(|expression| format!("locals {{ x = {expression} }}\njob \"a\" {{ meta = {{ k = local.x }} }}").into_bytes()),
    );
    seeds.extend(TEXTS.iter().map(|text| text.as_bytes().to_vec()));
    seeds
}

const EXPRESSIONS: [&str; 40] = [
    "1 + 2 * -3 / 4 % 5",
    "!true && false || 1 <= 2 ? \"a\" : \"b\"",
    "[for i, x in [1, 2] : x * i if x > 1]",
    "{for k, v in {a = 1} : k => v...}",
    "join(\",\", [for x in range(5) : format(\"%03d-%s-%v\", x, \"y\", x)])",
    "setproduct([1, 2], [\"a\", \"b\"])",
    "regex_replace(\"abc\", \"(a|b)+\", \"x$1\")",
    "regexall(\"[a-z]+\", \"ab cd\")",
    "formatlist(\"%s=%q\", [\"a\"], [\"b\"])",
    "format(\"%5.2f %x %o %b %e %t %c\", 1.5, 10, 8, 2, 1e9, true, 65)",
    "timeadd(\"2020-01-01T00:00:00Z\", \"1h\")",
    "formatdate(\"YYYY-MM-DD hh:mm:ss\", \"2020-01-01T00:00:00Z\")",
    "cidrsubnet(\"10.0.0.0/8\", 8, 2)",
    "cidrhost(\"10.0.0.0/8\", 2)",
    "cidrsubnets(\"fe80::/48\", 4, 4, 8)",
    "jsonencode({a = [1, null, true]})",
    "jsondecode(\"{\\\"a\\\": [1, 2.5, null]}\")",
    "yamldecode(\"a: [1, &x 2, *x]\\nb: |\\n  c\")",
    "yamlencode({a = [1]})",
    "base64decode(base64encode(\"abc\"))",
    "csvdecode(\"a,b\\n1,2\")",
    "chunklist([1, 2, 3], 2)",
    "concat(flatten([[1], [[2]]]), reverse([3]))",
    "merge({a = 1}, {b = 2})",
    "zipmap([\"a\"], [1])",
    "substr(\"hello\", -3, 2)",
    "strrev(title(upper(trimspace(\" a b \"))))",
    "replace(\"a.b\", \"/\\\\./\", \"-\")",
    "parseint(\"zz\", 36)",
    "pow(2, 10) + log(8, 2) + ceil(1.2) + floor(1.8) + abs(-1) + signum(-2)",
    "md5(sha1(sha256(sha512(\"a\"))))",
    "uuidv5(\"dns\", \"a\")",
    "lookup({a = 1}, \"b\", 2)",
    "element([1, 2], 5)",
    "slice([1, 2, 3], 1, 2)",
    "coalesce(\"\", \"a\")",
    "\"${1}%{ for x in [1] }${x}%{ endfor }%{ if true }a%{ else }b%{ endif ~}\"",
    "try(tonumber(\"x\"), 1)",
    "[{a = 1}][*].a",
    "indent(2, \"a\\nb\")",
];

const TEXTS: [&str; 6] = [
    "variable \"v\" {\n type = map(object({ a = list(number), b = optional(string, \"x\") }))\n default = { k = { a = [1] } }\n validation {\n condition = length(var.v) > 0\n error_message = \"no\"\n }\n}\njob \"a\" { meta = { x = var.v.k.b } }",
    "job \"d\" {\n group \"g\" {\n network {\n dynamic \"port\" {\n for_each = [\"a\", \"b\"]\n labels = [port.value]\n content { static = 80 }\n }\n }\n task \"t\" {\n driver = \"docker\"\n config { image = <<-EOT\n  x ${NOMAD_ALLOC_ID}\n  EOT\n }\n template { data = \"{{ env }}\" destination = \"local/x\" }\n resources { cpu = 100 memory = 64 }\n }\n }\n}",
    "job \"p\" {\n type = \"batch\"\n periodic { crons = [\"*/5 * * * *\"] time_zone = \"Europe/Berlin\" prohibit_overlap = true }\n parameterized { payload = \"optional\" meta_required = [\"a\"] }\n constraint { attribute = \"${attr.kernel.name}\" operator = \"regexp\" value = \"lin.*\" }\n affinity { attribute = \"${node.datacenter}\" value = \"dc1\" weight = 50 }\n spread { attribute = \"${node.datacenter}\" target \"dc1\" { percent = 70 } }\n}",
    "job \"m\" {\n multiregion {\n strategy { max_parallel = 1 on_failure = \"fail_all\" }\n region \"west\" { count = 2 datacenters = [\"dc1\"] meta { a = \"b\" } }\n region \"east\" { count = 1 }\n }\n update { max_parallel = 1 canary = 1 auto_revert = true min_healthy_time = \"10s\" healthy_deadline = \"5m\" progress_deadline = \"10m\" }\n group \"g\" {\n count = 3\n scaling { min = 1 max = 5 policy { x = 1 } }\n disconnect { lost_after = \"1h\" replace = true reconcile = \"best_score\" }\n reschedule { attempts = 3 interval = \"1h\" delay = \"5s\" delay_function = \"exponential\" max_delay = \"1m\" unlimited = false }\n restart { attempts = 2 interval = \"1m\" delay = \"1s\" mode = \"fail\" }\n ephemeral_disk { size = 300 sticky = true migrate = true }\n service { name = \"s\" port = \"http\" provider = \"nomad\" check { type = \"http\" path = \"/\" interval = \"5s\" timeout = \"2s\" } }\n task \"t\" { driver = \"raw_exec\" kill_timeout = \"5s\" lifecycle { hook = \"prestart\" sidecar = false } artifact { source = \"http://x/y\" } logs { max_files = 2 max_file_size = 1 } resources { cores = 1 memory = 10 memory_max = 20 device \"nvidia/gpu\" { count = 1 constraint { attribute = \"${device.attr.memory}\" operator = \">=\" value = \"2 GiB\" } } } }\n }\n}",
    "{\"job\": {\"a\": {\"datacenters\": [\"dc1\"], \"group\": [{\"g\": {\"count\": \"${1 + 1}\", \"task\": {\"t\": {\"driver\": \"mock_driver\", \"config\": {\"run_for\": \"1s\"}, \"env\": {\"A\": \"b\"}}}}}]}}, \"variable\": {\"x\": {\"type\": \"list(string)\", \"default\": [\"a\"]}}}",
    "{\"Job\": {\"ID\": \"a\", \"TaskGroups\": [{\"Name\": \"g\", \"Count\": 1, \"Tasks\": [{\"Name\": \"t\", \"Driver\": \"mock_driver\", \"Config\": {\"run_for\": \"1s\"}}]}]}}",
];
