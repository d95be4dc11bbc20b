//! Files and flags to a configuration or to problems with their places, as a person sees them.

use std::fs;
use std::time::Duration;

use agent::config::{self, Config, Loaded, LogLevel};
use agent::flags::{self, Flags, Parsed};

/// Loads `files` (name and text, given as `-config` one by one) with extra arguments.
fn load(files: &[(&str, &str)], arguments: &[&str]) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut all: Vec<String> = Vec::new();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("inside the folder")).expect("created");
        fs::write(&path, text).expect("written");
        let given = if name.contains('/') { path.parent().expect("inside").to_owned() } else { path };
        let given = format!("-config={}", given.display());
        if !all.contains(&given) {
            all.push(given);
        }
    }
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let flags = match flags::parse(all).map_err(|problems| problems.to_string())? {
        Parsed::Run(flags) => flags,
        Parsed::Help => panic!("no help was asked for"),
    };
    config::load(&flags).map_err(|problems| problems.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn good(files: &[(&str, &str)], arguments: &[&str]) -> Config {
    load(files, arguments).unwrap_or_else(|problems| panic!("{files:?} {arguments:?}: {problems}")).config
}

/// A server that is complete but for what the test adds.
const SERVER: (&str, &str) = ("base.hcl", "data_dir = \"/var/lib/steppe\"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\n");

#[test]
fn every_key_in_effect_is_read_from_hcl() {
    // one file with all of them, then a look at what a person would rely on
    let config = good(
        &[(
            "all.hcl",
            r#"
            name       = "n1"
            region     = "west"
            datacenter = "west-1"
            data_dir   = "/var/lib/steppe"
            bind_addr  = "127.0.0.1"
            addresses {
              http = "127.0.0.1 ::1"
              rpc  = "127.0.0.2"
              serf = "127.0.0.3"
            }
            advertise {
              http = "10.0.0.1"
              rpc  = "10.0.0.2:5000"
              serf = "[::1]:5001"
            }
            ports {
              http = 1
              rpc  = 2
              serf = 0
            }
            leave_on_interrupt   = true
            leave_on_terminate   = true
            log_level            = "debug"
            log_json             = true
            log_file             = "/var/log/steppe/"
            log_rotate_duration  = "1h30m"
            log_rotate_bytes     = 1000000
            log_rotate_max_files = -1
            server {
              enabled                   = true
              bootstrap_expect          = 3
              data_dir                  = "/srv/server"
              heartbeat_grace           = "1s"
              min_heartbeat_ttl         = "500ms"
              max_heartbeats_per_second = 12.5
              failover_heartbeat_ttl    = "2m"
              enable_event_broker       = false
              event_buffer_size         = 7
              job_default_priority      = 20
              job_max_priority          = 300
              job_tracked_versions      = 3
              job_max_source_size       = "2MiB"
              num_schedulers            = 1
              enabled_schedulers        = ["batch", "system"]
              search {
                fuzzy_enabled   = false
                limit_query     = 4
                limit_results   = 5
                min_term_length = 6
              }
              raft_snapshot_threshold   = 8
              raft_trailing_logs        = 9
              job_gc_interval           = "1s"
              job_gc_threshold          = "2s"
              eval_gc_threshold         = "3s"
              batch_eval_gc_threshold   = "4s"
              deployment_gc_threshold   = "5s"
              node_gc_threshold         = "6s"
              authoritative_region      = "east"
              default_scheduler_config {
                scheduler_algorithm               = "spread"
                memory_oversubscription_enabled   = true
                reject_job_registration           = true
                pause_eval_broker                 = true
                node_limit_for_feasibility_checks = 7
                preemption_config {
                  system_scheduler_enabled   = false
                  sysbatch_scheduler_enabled = true
                  batch_scheduler_enabled    = true
                  service_scheduler_enabled  = true
                }
              }
              server_join {
                start_join     = ["10.0.0.1"]
                retry_join     = ["10.0.0.1:4648", "server.example", "[::1]:4648"]
                retry_max      = 3
                retry_interval = "15s"
              }
            }
            autopilot {
              cleanup_dead_servers      = false
              server_stabilization_time = "3s"
              last_contact_threshold    = "1s"
              max_trailing_logs         = 9
              min_quorum                = 5
            }
            client {
              enabled           = true
              servers           = ["10.0.0.1", "10.0.0.2:4647"]
              node_class        = "large"
              node_pool         = "gpu"
              meta { rack = "r1" }
              options           = { "driver.raw_exec.enable" = "1" }
              alloc_dir         = "/srv/alloc"
              state_dir         = "/srv/state"
              network_interface = "lo"
              min_dynamic_port  = 30000
              max_dynamic_port  = 30100
              max_kill_timeout  = "10s"
              cpu_total_compute = 4000
              memory_total_mb   = 2048
              disk_total_mb     = 10000
              disk_free_mb      = 9000
              node_max_allocs   = 20
              gc_interval       = "30s"
              gc_max_allocs     = 10
              gc_disk_usage_threshold  = 90
              gc_inode_usage_threshold = 91.5
              reserved {
                cpu            = 100
                memory         = 64
                disk           = 10
                reserved_ports = "22,8500-8600"
              }
              server_join {
                retry_join = ["10.0.0.3:4647"]
              }
            }
            telemetry {
              collection_interval           = "5s"
              in_memory_collection_interval = "2s"
              in_memory_retention_period    = "20s"
              prometheus_metrics            = true
              disable_hostname              = true
              use_node_name                 = true
              publish_allocation_metrics    = true
              publish_node_metrics          = true
              prefix_filter                 = ["+nomad.raft", "-nomad.raft.apply"]
              filter_default                = false
            }
            plugin "raw_exec" {
              config {
                enabled          = true
                denied_envvars   = ["AWS_SECRET"]
                denied_host_uids = "0"
                denied_host_gids = "0-99"
              }
            }
            plugin "mock_driver" {
              config { enabled = true }
            }
            "#,
        )],
        &[],
    );
    assert_eq!((config.name.as_deref(), config.region.as_str(), config.datacenter.as_str()), (Some("n1"), "west", "west-1"));
    assert_eq!(config.addresses.http.len(), 2);
    assert_eq!(config.advertise.rpc.as_ref().and_then(|a| a.port), Some(5000));
    assert_eq!(config.advertise.http.as_ref().and_then(|a| a.port), None);
    assert_eq!((config.ports.http, config.ports.rpc, config.ports.gossip), (1, 2, 0));
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.log.rotate_after, Duration::from_secs(5400));
    assert_eq!(config.server.bootstrap_expect, 3);
    assert_eq!(config.server.min_heartbeat_ttl, Duration::from_millis(500));
    assert_eq!((config.server.enable_event_broker, config.server.event_buffer_size), (false, 7));
    assert_eq!((config.server.raft_snapshot_threshold, config.server.raft_trailing_logs), (8, 9));
    let jobs = config.limits.server(&config.server).jobs;
    assert_eq!((jobs.priority_default, jobs.priority_max, jobs.tracked_versions, jobs.source_bytes_max), (20, 300, 3, 2 << 20));
    let search = config.limits.server(&config.server).search;
    assert_eq!((search.is_fuzzy_enabled, search.things_max, search.matches_max, search.characters_min), (false, 4, 5, 6));
    assert_eq!(config.server.enabled_schedulers, [model::JobType::Batch, model::JobType::System]);
    let autopilot = &config.server.autopilot;
    assert_eq!((autopilot.cleanup_dead_servers, autopilot.max_trailing_logs, autopilot.min_quorum), (false, 9, 5));
    assert_eq!(autopilot.server_stabilization_time, Duration::from_secs(3));
    assert_eq!(autopilot.last_contact_threshold, Duration::from_secs(1));
    assert_eq!(config.server.gc.node, Duration::from_secs(6));
    assert_eq!(config.server.authoritative_region, "east");
    let scheduler = &config.server.scheduler;
    assert_eq!((scheduler.algorithm.as_str(), scheduler.node_limit), ("spread", 7));
    assert!(scheduler.memory_oversubscription && scheduler.reject_job_registration && scheduler.pause_eval_broker);
    let preemption = &scheduler.preemption;
    assert_eq!((preemption.system, preemption.sysbatch, preemption.batch, preemption.service), (false, true, true, true));
    assert_eq!(config.server.join.retry_join.len(), 3);
    assert_eq!(config.client.servers, ["10.0.0.1", "10.0.0.2:4647"]);
    assert_eq!(config.client.meta.get("rack").map(String::as_str), Some("r1"));
    assert_eq!(config.client.reserved.ports, "22,8500-8600");
    let telemetry = &config.telemetry;
    assert!(telemetry.prometheus_metrics && telemetry.disable_hostname && telemetry.use_node_name && !telemetry.filter_default);
    assert!(telemetry.publish_allocation_metrics && telemetry.publish_node_metrics);
    assert_eq!((telemetry.collection_interval.as_secs(), telemetry.in_memory_retention_period.as_secs()), (5, 20));
    assert_eq!(telemetry.prefix_filter, ["+nomad.raft", "-nomad.raft.apply"]);
    assert!(config.plugins.raw_exec.enabled && config.plugins.mock_driver);
    assert!(config.leave_on_interrupt && config.leave_on_terminate && config.log.json);
}

#[test]
fn json_means_the_same_as_hcl() {
    // the same configuration in both syntaxes, also with blocks as lists of objects
    let hcl = r#"
        region = "west"
        data_dir = "/d"
        server {
          enabled = true
          bootstrap_expect = 3
          server_join {
            retry_join = ["a:1", "b"]
            retry_interval = "1s"
          }
        }
        client {
          enabled = true
          meta {
            a = "1"
          }
        }
        plugin "raw_exec" {
          config {
            enabled = true
          }
        }
    "#;
    let objects = r#"{"region": "west", "data_dir": "/d", "server": {"enabled": true, "bootstrap_expect": 3,
        "server_join": {"retry_join": ["a:1", "b"], "retry_interval": "1s"}}, "client": {"enabled": true, "meta": {"a": "1"}},
        "plugin": {"raw_exec": {"config": {"enabled": true}}}}"#;
    let lists = r#"{"region": "west", "data_dir": "/d", "server": [{"enabled": true, "bootstrap_expect": 3,
        "server_join": [{"retry_join": ["a:1", "b"], "retry_interval": "1s"}]}], "client": [{"enabled": true, "meta": [{"a": "1"}]}],
        "plugin": [{"raw_exec": [{"config": [{"enabled": true}]}]}]}"#;
    let expected = good(&[("a.hcl", hcl)], &[]);
    assert_eq!(good(&[("a.json", objects)], &[]), expected);
    assert_eq!(good(&[("a.json", lists)], &[]), expected);
}

#[test]
fn later_files_win_and_flags_win_over_files() {
    // three files of one folder in lexical order, a file after it, and flags
    let files = [
        ("d/30.hcl", "region = \"third\"\nclient {\n  meta {\n    b = \"3\"\n  }\n}\n"),
        (
            "d/10.hcl",
            "region = \"first\"\ndatacenter = \"first\"\nlog_level = \"DEBUG\"\nclient {\n  meta {\n    a = \"1\"\n    b = \"1\"\n  }\n}\n",
        ),
        ("d/20.json", "{\"region\": \"second\", \"datacenter\": \"second\"}"),
        ("d/ignored.txt", "nonsense"),
        SERVER,
    ];
    let config = good(&files, &["-dc=flag", "--meta", "c=4", "-meta=b=5"]);
    assert_eq!((config.region.as_str(), config.datacenter.as_str(), config.log.level), ("third", "flag", LogLevel::Debug));
    let meta: Vec<_> = config.client.meta.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(meta, ["a=1", "b=5", "c=4"]);
}

#[test]
fn every_flag_in_effect_sets_its_key() {
    // the keys are set by flags alone
    let config = good(
        &[],
        &[
            "-server",
            "--client=true",
            "-node=n",
            "-region",
            "r",
            "-dc",
            "d",
            "-data-dir=/data",
            "-bind=127.0.0.1",
            "-log-level=warn",
            "-log-json",
            "-bootstrap-expect=5",
            "-join=a:1",
            "-join=b:2",
            "-retry-join",
            "c:3",
            "-retry-max=2",
            "-retry-interval=3s",
            "-servers=x:1, y:2",
            "-node-class=c",
            "-node-pool=p",
            "-meta=k=v=w",
            "-state-dir=/s",
            "-alloc-dir=/a",
            "-network-interface=lo",
        ],
    );
    let mut expected = Config {
        name: Some("n".into()),
        region: "r".into(),
        datacenter: "d".into(),
        data_dir: Some("/data".into()),
        bind_addr: "127.0.0.1".parse().expect("an address"),
        ..Config::default()
    };
    (expected.log.level, expected.log.json) = (LogLevel::Warn, true);
    (expected.server.enabled, expected.server.bootstrap_expect) = (true, 5);
    expected.server.join.start_join = vec!["a:1".into(), "b:2".into()];
    expected.server.join.retry_join = vec!["c:3".into()];
    (expected.server.join.retry_max, expected.server.join.retry_interval) = (2, Duration::from_secs(3));
    expected.client.enabled = true;
    expected.client.servers = vec!["x:1".into(), "y:2".into()];
    (expected.client.node_class, expected.client.node_pool) = ("c".into(), "p".into());
    expected.client.meta.insert("k".into(), "v=w".into());
    (expected.client.state_dir, expected.client.alloc_dir) = (Some("/s".into()), Some("/a".into()));
    expected.client.network_interface = Some("lo".into());
    assert_eq!(config, expected);
}

#[test]
fn dev_mode_is_complete_by_itself_and_can_be_changed() {
    // no file, then a file and a flag on top
    let config = good(&[], &["-dev"]);
    assert!(config.dev && config.server.enabled && config.client.enabled && config.plugins.raw_exec.enabled);
    assert_eq!((config.server.bootstrap_expect, config.region.as_str(), config.datacenter.as_str()), (1, "global", "dc1"));
    assert!(config.bind_addr.is_loopback());
    let config = good(&[("a.hcl", "region = \"west\"\n")], &["-dev", "-dc=west-1"]);
    assert_eq!((config.region.as_str(), config.datacenter.as_str()), ("west", "west-1"));
}

/// One file that is wrong, and all of what is said about it.
fn check(file: (&str, &str), expected: &[&str]) {
    let problems = load(&[SERVER, file], &[]).err().unwrap_or_else(|| panic!("accepted: {}", file.1));
    assert_eq!(problems.lines().collect::<Vec<_>>(), expected, "{}", file.1);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_the_nearest_right_key() {
    // a row per kind of mistake
    for (text, expected) in [
        ("regoin = \"x\"", "a.hcl:1:1: unknown key \"regoin\"; did you mean \"region\"?"),
        ("server {\n  bootstrap_expct = 3\n}", "a.hcl:2:3: unknown key \"bootstrap_expct\" in server; did you mean \"bootstrap_expect\"?"),
        ("bootstrap_expect = 3", "a.hcl:1:1: unknown key \"bootstrap_expect\"; it belongs in the block server"),
        ("ports {\n  udp = 3\n}", "a.hcl:2:3: unknown key \"udp\" in ports; it takes http, rpc, serf"),
        ("telemetry {\n  statsd_address = \"a:1\"\n}", "a.hcl:2:3: \"statsd_address\" in telemetry is not supported yet"),
        ("telemetry {\n  circonus_api_token = \"x\"\n}", "a.hcl:2:3: \"circonus_api_token\" in telemetry is not supported yet"),
        (
            "telemetry {\n  colection_interval = \"1s\"\n}",
            "a.hcl:2:3: unknown key \"colection_interval\" in telemetry; did you mean \"collection_interval\"?",
        ),
        ("telemetry {\n  collection_interval = \"0s\"\n}", "a.hcl:2:25: telemetry.collection_interval must be above zero"),
        (
            "telemetry {\n  in_memory_collection_interval = \"1ms\"\n}",
            "a.hcl:2:35: telemetry.in_memory_collection_interval must be at least 100ms",
        ),
        (
            "telemetry {\n  in_memory_retention_period = \"1s\"\n}",
            "a.hcl:2:32: telemetry.in_memory_retention_period must be 1 to 1000 times in_memory_collection_interval",
        ),
        (
            "telemetry {\n  prefix_filter = [\"nomad\"]\n}",
            "a.hcl:2:19: telemetry.prefix_filter: \"nomad\" is not a filter: write \"+prefix\" to show or \"-prefix\" to hide what begins with it",
        ),
        ("  acl {\n  enabled = true\n}", "a.hcl:1:3: \"acl\" is not supported yet"),
        ("server {\n  encrypt = \"abc\"\n}", "a.hcl:2:3: \"encrypt\" in server is not supported yet"),
        ("plugin \"docker\" {\n}", "a.hcl:1:8: plugin \"docker\" is not supported yet"),
        ("plugin \"raw_exce\" {\n}", "a.hcl:1:8: unknown key plugin \"raw_exce\"; did you mean \"raw_exec\"?"),
        ("client {\n  gc_parallel_destroys = 1\n}", "a.hcl:2:3: \"gc_parallel_destroys\" in client is not supported yet"),
        ("region = 7", "a.hcl:1:10: region: expected a string, found the number 7"),
        ("leave_on_terminate = \"maybe\"", "a.hcl:1:22: leave_on_terminate: expected true or false, found the string \"maybe\""),
        (
            "server {\n  num_schedulers = 4\n}",
            "a.hcl:2:20: num_schedulers is 4: a server has one scheduler, which plans many evaluations in a row: give 0 or 1",
        ),
        (
            "server {\n  enabled_schedulers = [\"fortune\"]\n}",
            "a.hcl:2:24: server.enabled_schedulers: unknown word \"fortune\"; known are: service, batch, system, sysbatch",
        ),
        ("server {\n  job_default_priority = 101\n}", "a.hcl:2:26: job_default_priority 101 is above job_max_priority 100"),
        (
            "server {\n  job_max_source_size = \"big\"\n}",
            "a.hcl:2:25: server.job_max_source_size: expected a size such as \"1M\" or \"512KiB\", found the string \"big\"",
        ),
        ("server = true", "a.hcl:1:10: server is a block: write server { … }"),
        ("ports {\n  http = 70000\n}", "a.hcl:2:10: ports.http: expected a whole number from 0 to 65535, found the number 70000"),
        ("ports {\n  http = 1.5\n}", "a.hcl:2:10: ports.http: expected a whole number from 0 to 65535, found the number 1.5"),
        (
            "bind_addr = \"{{ GetPrivateIP }}\"",
            "a.hcl:1:13: bind_addr: address templates are not supported yet: write an IP address in place of \"{{ GetPrivateIP }}\"",
        ),
        ("bind_addr = \"nowhere\"", "a.hcl:1:13: bind_addr: \"nowhere\" is not an IP address"),
        ("advertise {\n  rpc = \"10.0.0.1:x\"\n}", "a.hcl:2:9: advertise.rpc: \"x\" is not a port: write a number from 0 to 65535"),
        ("log_level = \"LOUD\"", "a.hcl:1:13: log_level: \"LOUD\" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR"),
        (
            "server {\n  heartbeat_grace = \"10 seconds\"\n}",
            "a.hcl:2:21: server.heartbeat_grace: \"10 seconds\" is not a duration: write numbers with units, such as \"300ms\", \"10s\", \"1m30s\" or \"2h\"",
        ),
        (
            "server {\n  heartbeat_grace = 10\n}",
            "a.hcl:2:21: server.heartbeat_grace: expected a duration such as \"30s\", found the number 10",
        ),
        (
            "server {\n  retry_join = [\"provider=aws tag_key=x\"]\n}",
            "a.hcl:2:16: server.retry_join: finding addresses by \"provider=aws tag_key=x\" is not supported yet: write host:port",
        ),
        ("server {\n  retry_join = [\"a:b\"]\n}", "a.hcl:2:16: server.retry_join: \"a:b\" is not an address: write host:port"),
        (
            "server {\n  retry_join = \"a\"\n}",
            "a.hcl:2:16: server.retry_join: expected a list of addresses, [\"host:port\", …], found the string \"a\"",
        ),
        ("region = var.x", "a.hcl:1:10: the agent's configuration takes literal values only: strings, numbers, booleans, lists and maps"),
        ("region = \"${x}\"", "a.hcl:1:10: `${…}` is not evaluated in the agent's configuration; write `$${` for a literal `${`"),
        // values that do not fit together
        ("server {\n  bootstrap_expect = 2\n}", "a.hcl:2:22: bootstrap_expect is 2; a region begins with 1, 3 or 5 servers"),
        (
            "server {\n  enabled = true\n  bootstrap_expect = 1\n}\nautopilot {\n  last_contact_threshold = \"0s\"\n}",
            "a.hcl:6:28: autopilot.last_contact_threshold must be above zero",
        ),
        ("region = \"a b\"", "a.hcl:1:10: region \"a b\" contains ' '; letters, digits, '-', '_' and '.' are possible"),
        ("region = \"\"", "a.hcl:1:10: region must have 1 to 128 characters"),
        ("data_dir = \"relative\"", "a.hcl:1:12: data_dir \"relative\" is not an absolute path"),
        ("ports {\n  rpc = 4648\n}", "ports.serf and ports.rpc are both 4648; each service needs a port of its own"),
        (
            "client {\n  enabled = true\n  max_dynamic_port = 100\n  min_dynamic_port = 200\n}",
            "a.hcl:4:22: the dynamic ports go from 200 to 100; the first must be above zero and not above the last",
        ),
        (
            "client {\n  enabled = true\n  node_pool = \"a.b\"\n}",
            "a.hcl:3:15: node pool \"a.b\": letters, digits, '-' and '_' are possible",
        ),
        (
            "client {\n  enabled = true\n  node_pool = \"all\"\n}",
            "a.hcl:3:15: the node pool \"all\" contains every node and cannot be joined; choose another name",
        ),
        (
            "client {\n  enabled = true\n  options = { \"driver.raw_exec.enabel\" = \"1\" }\n}",
            "a.hcl:3:13: client.options: \"driver.raw_exec.enabel\" is not supported yet; did you mean \"driver.raw_exec.enable\"?",
        ),
        (
            "client {\n  enabled = true\n  reserved {\n    reserved_ports = \"90-80\"\n  }\n}",
            "a.hcl:4:22: client.reserved.reserved_ports: the range \"90-80\" ends before it begins",
        ),
    ] {
        check(("a.hcl", text), &[expected]);
    }
}

#[test]
fn texts_that_cannot_be_read_in_time() {
    let many = format!("client {{\n  servers = [{}]\n}}", vec!["\"a\""; 20_000].join(","));
    check(("a.hcl", &many), &["a.hcl:1:1: too many values: about 20002, at most 10000 are read from one file"]);
    let deep = format!("region = {}", "1 + 2 * (".repeat(60));
    let expected =
        "a.hcl:1:1: too many operands in brackets lie within each other at line 1: at most 6 brackets behind two operators are read";
    check(("a.hcl", &deep), &[expected]);
}

#[test]
fn problems_are_reported_together() {
    // two files and a flag, several mistakes each
    let files = [SERVER, ("a.hcl", "regoin = \"x\"\nlog_json = 3\n"), ("b.json", "{\n  \"datacentre\": 1\n}")];
    let problems = load(&files, &["-log-level=LOUD"]).expect_err("four mistakes");
    assert_eq!(
        problems.lines().collect::<Vec<_>>(),
        [
            "a.hcl:1:1: unknown key \"regoin\"; did you mean \"region\"?",
            "a.hcl:2:12: log_json: expected true or false, found the number 3",
            "b.json:2:3: unknown key \"datacentre\"; did you mean \"datacenter\"?",
            "flag -log-level: \"LOUD\" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR",
        ]
    );
}

#[test]
fn syntax_errors_have_a_place() {
    // the wording is the parsers', the place and the file are ours
    for (name, text, place) in [
        ("a.hcl", "region = \"x\"\nserver {\n", "a.hcl:2:10: syntax error: "),
        ("a.hcl", "region = \n", "a.hcl:1:10: syntax error: "),
        ("a.hcl", "client { meta { \"a.b\" = }}", "a.hcl:1:15: syntax error: "),
        ("a.hcl", "client { meta { \"a.b\" = \"${x}\" }}", "a.hcl:1:15: syntax error: "),
        ("a.hcl", "server { enabled = true }}", "a.hcl:1:26: syntax error: "),
        ("a.json", "{\n  \"region\": \"x\",\n}", "a.json:3:1: syntax error: "),
        ("a.json", "[1]", "a.json:1:1: a configuration file in JSON is an object"),
        ("a.json", "{\"region\": \"${x}\"}", "a.json:1:12: `${…}` is not evaluated"),
    ] {
        let problems = load(&[SERVER, (name, text)], &[]).err().unwrap_or_else(|| panic!("accepted: {text}"));
        assert!(problems.starts_with(place), "{text}: {problems}");
    }
}

#[test]
fn the_first_version_of_hcl_is_read_as_well() {
    // blocks in blocks on one line, entries without a line break or with a comma between them, quoted keys; mistakes have their places
    let today = r#"
        region = "west"
        client {
          enabled = true
          servers = ["a:1"]
          meta = { "rack.row" = "1", size = "2" }
          options = { "driver.raw_exec.enable" = "1" }
          reserved {
            cpu = 100
          }
        }
        data_dir = "/d"
        plugin "raw_exec" {
          config {
            enabled = true
            denied_envvars = ["A\"B", "C"]
          }
        }
    "#;
    let first = r#"
        "region" = "west" // a comment
        client { enabled = true servers = ["a:1"], /* and
          one of two lines */ meta { "rack.row" = "1", size = 2 }
          options { "driver.raw_exec.enable" = "1" } reserved { cpu = 100 } }
        data_dir = "/d" # another
        plugin "raw_exec" { config { enabled = true, denied_envvars = ["A\"B", "C",] } }
    "#;
    assert_eq!(good(&[("a.hcl", first)], &[]), good(&[("a.hcl", today)], &[]));
    check(
        ("a.hcl", "plugin \"raw_exec\" { config { enabld = true } }\nclient { meta { \"a\" = [1] } }"),
        &[
            "a.hcl:1:30: unknown key \"enabld\" in plugin.raw_exec.config; did you mean \"enabled\"?",
            "a.hcl:2:10: client.meta: a: expected a string, found a list",
        ],
    );
}

#[test]
fn what_is_missing_is_said() {
    // configurations that lack something as a whole
    for (arguments, expected) in [
        (vec![], "the agent has nothing to be: set server.enabled or client.enabled, or start it with -dev"),
        (vec!["-server", "-bootstrap-expect=1"], "data_dir is not set: name an absolute folder in which the agent keeps its state"),
        (
            vec!["-server", "-data-dir=/d"],
            "bootstrap_expect is not set: write 1, 3 or 5, the number of servers that begin the region, or name servers of a region that exists in server_join",
        ),
        (
            vec!["-client", "-data-dir=/d"],
            "the client knows no server: name the RPC addresses of its region's servers in client.servers or in client.server_join.retry_join",
        ),
        (
            vec!["-client", "-data-dir=/d", "-servers=a", "-bootstrap-expect=1"],
            "flag -bootstrap-expect: bootstrap_expect needs a server: set server.enabled = true",
        ),
        (vec!["-config=/no/such/file.hcl", "-dev"], "flag -config: /no/such/file.hcl: No such file or directory (os error 2)"),
        (vec!["-boostrap-expect=1"], "flag -boostrap-expect does not exist; did you mean -bootstrap-expect?"),
        (vec!["-vault-address=x"], "flag -vault-address is not supported yet"),
        (vec!["-region"], "flag -region needs a value"),
        (vec!["stray"], "the command takes flags only, found \"stray\""),
    ] {
        assert_eq!(load(&[], &arguments).expect_err("incomplete"), expected, "{arguments:?}");
    }
}

#[test]
fn help_is_asked_for_in_two_ways() {
    // -h and --help win over everything else
    for help in ["-h", "--help"] {
        assert_eq!(flags::parse([help.to_owned()]), Ok(Parsed::Help));
    }
    assert!(flags::help().contains("-bootstrap-expect=<value>"));
    assert_eq!(flags::parse([]), Ok(Parsed::Run(Flags::default())));
}

#[test]
fn networks_cores_and_drains_of_a_node() {
    // blocks with names, in HCL and in JSON, over each other; a block that is empty means something
    let hcl = r#"
        client {
          reservable_cores   = "0-3"
          default_ineligible = true
          reserved {
            cores = "0,1"
          }
          host_network "public" {
            cidr           = "203.0.113.0/24"
            reserved_ports = "22,80"
          }
          host_network "lan" {
            interface = "eth1"
          }
          drain_on_shutdown {}
        }
    "#;
    let client = good(&[SERVER, ("a.hcl", hcl)], &[]).client;
    assert_eq!((client.reservable_cores.as_str(), client.reserved.cores.as_str(), client.default_ineligible), ("0-3", "0,1", true));
    let (public, lan) = (&client.host_networks["public"], &client.host_networks["lan"]);
    assert_eq!((public.cidr.as_str(), public.reserved_ports.as_str(), lan.interface.as_str()), ("203.0.113.0/24", "22,80", "eth1"));
    let drain = client.drain_on_shutdown.expect("it is there");
    assert_eq!((drain.deadline, drain.ignore_system_jobs, drain.force), (Duration::from_secs(3600), false, false));
    let json = r#"{"client": {"host_network": {"lan": {"cidr": "10.0.0.0/8"}, "wan": {"interface": "eth2"}},
        "drain_on_shutdown": {"deadline": "5m", "ignore_system_jobs": true, "force": true}}}"#;
    let client = good(&[SERVER, ("a.hcl", hcl), ("b.json", json)], &[]).client;
    assert_eq!(client.host_networks.len(), 3);
    assert_eq!((client.host_networks["lan"].cidr.as_str(), client.host_networks["lan"].interface.as_str()), ("10.0.0.0/8", "eth1"));
    let drain = client.drain_on_shutdown.expect("it is there");
    assert_eq!((drain.deadline, drain.ignore_system_jobs, drain.force), (Duration::from_secs(300), true, true));
    assert_eq!(good(&[SERVER], &[]).client.drain_on_shutdown, None);
}

#[test]
fn networks_cores_and_drains_that_cannot_be() {
    for (inner, want) in [
        ("host_network \"a\" {\n}", "client.host_network \"a\": it needs a cidr, an interface, or both"),
        ("host_network \"a\" {\n  cidr = \"10.0.0.0\"\n}", "client.host_network \"a\": cidr: \"10.0.0.0\" is not a range of addresses"),
        (
            "host_network \"a\" {\n  interface = \"eth0\"\n  reserved_ports = \"x\"\n}",
            "client.host_network \"a\": reserved_ports: \"x\" is not a port",
        ),
        ("host_network \"a\" {\n  cdir = \"10.0.0.0/8\"\n}", "\"a\": unknown key \"cdir\"; it takes cidr, interface, reserved_ports"),
        ("host_network \"a\" {\n  cidr = 10\n}", "\"a\": cidr: expected a string, found the number 10"),
        ("host_network \"a\" {\n  cidr = \"{{ GetPrivateIP }}/8\"\n}", "\"a\": cidr: address templates are not supported yet"),
        ("host_network = \"a\"", "expected blocks with a name"),
        ("reservable_cores = \"3-1\"", "client.reservable_cores: the range \"3-1\" ends before it begins"),
        ("reserved {\n  cores = \"a\"\n}", "client.reserved.cores: \"a\" is not the number of a core"),
        ("drain_on_shutdown {\n  deadline = \"soon\"\n}", "client.drain_on_shutdown: deadline: \"soon\" is not a duration"),
        ("drain_on_shutdown {\n  deadlin = \"1s\"\n}", "unknown key \"deadlin\"; it takes deadline, ignore_system_jobs, force"),
        ("drain_on_shutdown = true", "expected a block, drain_on_shutdown { … }, found the boolean true"),
    ] {
        let text = format!("client {{\n  enabled = true\n{inner}\n}}\n");
        let problems = load(&[SERVER, ("a.hcl", &text)], &[]).map(|_| ()).expect_err(inner);
        assert!(problems.contains(want) && problems.contains("a.hcl:"), "{inner}: {problems}");
    }
}
