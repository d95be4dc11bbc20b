GET /v1/metrics
{"Timestamp": "2026-01-02 03:04:05 +0000 UTC", "Gauges": [{"Name": "nomad.nomad.heartbeat.active", "Value": 2, "Labels": {"host": "h"}}], "Points": [], "Counters": [{"Name": "nomad.raft.apply", "Count": 7, "Rate": 0.7, "Sum": 7, "Min": 1, "Max": 1, "Mean": 1, "Stddev": 0, "Labels": {}}], "Samples": []}

GET /v1/metrics?pretty=true
{
    "Timestamp": "2026-01-02 03:04:05 +0000 UTC"
}

GET /v1/metrics?format=prometheus
# TYPE nomad_raft_apply counter
nomad_raft_apply{host="h"} 7

GET /v1/metrics?format=xml -> 400
unknown format "xml": it is prometheus, or left out for JSON

GET /v1/agent/monitor?log_level=INFO
{"Data":"b25lCg=="}{}{"Data":"dHdvCg=="}

GET /v1/agent/monitor?log_include_location=true&log_json=true&log_level=debug&server_id=west-s2
{"Data":"eyJsZXZlbCI6IkRFQlVHIn0K"}

GET /v1/nodes?prefix=a3c94b28
[{"ID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "west-c1"}]

GET /v1/agent/monitor?log_level=WARN&node_id=a3c94b28-f11c-2f2a-f70b-328d55fa9027
{"Data":"b2YgYSBub2RlCg=="}No path to node

GET /v1/agent/monitor?log_level=loud -> 400
"loud" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR

GET /v1/agent/monitor?log_level=INFO&server_id=nobody -> 400
unknown server "nobody"; region "west" has west-s1.west

=== transcript
### Figures.

$ steppe operator metrics
{"Timestamp": "2026-01-02 03:04:05 +0000 UTC", "Gauges": [{"Name": "nomad.nomad.heartbeat.active", "Value": 2, "Labels": {"host": "h"}}], "Points": [], "Counters": [{"Name": "nomad.raft.apply", "Count": 7, "Rate": 0.7, "Sum": 7, "Min": 1, "Max": 1, "Mean": 1, "Stddev": 0, "Labels": {}}], "Samples": []}
--- exit code: 0

$ steppe operator metrics -pretty
{
    "Timestamp": "2026-01-02 03:04:05 +0000 UTC"
}
--- exit code: 0

$ steppe operator metrics -json
{
    "Counters": [
        {
            "Count": 7,
            "Labels": {},
            "Max": 1.0,
            "Mean": 1.0,
            "Min": 1.0,
            "Name": "nomad.raft.apply",
            "Rate": 0.7,
            "Stddev": 0.0,
            "Sum": 7.0
        }
    ],
    "Gauges": [
        {
            "Labels": {
                "host": "h"
            },
            "Name": "nomad.nomad.heartbeat.active",
            "Value": 2.0
        }
    ],
    "Points": [],
    "Samples": [],
    "Timestamp": "2026-01-02 03:04:05 +0000 UTC"
}
--- exit code: 0

$ steppe operator metrics -t '{{range .Counters}}{{.Name}} {{.Sum}}{{end}}'
nomad.raft.apply 7
--- exit code: 0

$ steppe operator metrics -format prometheus
nomad_raft_apply{host="h"} 7
--- exit code: 0

$ steppe operator metrics -format xml
--- stderr:
Error getting metrics: Unexpected response code: 400 (unknown format "xml": it is prometheus, or left out for JSON)
--- exit code: 1

$ steppe operator metrics now
--- stderr:
This command takes no arguments
For additional help try 'steppe operator metrics -help'
--- exit code: 1

### The log.

$ steppe monitor
one
two
--- exit code: 0

$ steppe monitor -log-level debug -log-include-location -json -server-id west-s2
{"level":"DEBUG"}
--- exit code: 0

$ steppe monitor -log-level=WARN -node-id a3c94b28
of a node
--- stderr:
Error reading the log: the stream broke off: No path to node
--- exit code: 1

$ steppe monitor -log-level loud
--- stderr:
Error starting monitor: Unexpected response code: 400 ("loud" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR)
--- exit code: 1

$ steppe monitor -server-id nobody
--- stderr:
Error starting monitor: Unexpected response code: 400 (unknown server "nobody"; region "west" has west-s1.west)
--- exit code: 1

$ steppe monitor -server-id a -node-id b
--- stderr:
-node-id and -server-id exclude each other
For additional help try 'steppe monitor -help'
--- exit code: 1

