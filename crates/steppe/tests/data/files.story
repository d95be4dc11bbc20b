GET /v1/operator/snapshot
what a region is

PUT /v1/operator/snapshot

PUT /v1/operator/snapshot?region=east -> 500
no leader

=== transcript
### A region's state, kept and brought back.

$ steppe operator snapshot save $TMP/region.snap
State file written to $TMP/region.snap
--- exit code: 0

$ show $TMP/region.snap
what a region is

$ steppe operator snapshot save -stale $TMP/region.snap
--- stderr:
Destination file already exists: $TMP/region.snap
--- exit code: 1

$ steppe operator snapshot inspect region.snap
Created = <now>
ID      = 1-6-1795858683700
Size    = 2.3 KiB
Index   = 6
Term    = 1
Version = 1
Region  = west

Type           Count  Size
Eval           3      630 B
Job            1      374 B
JobVersion     1      374 B
JobSubmission  1      334 B
Deployment     1      115 B
GroupIndex     4      112 B
TableIndex     5      80 B
JobSummary     1      44 B
Head           1      39 B
Total          18     2.1 KiB
--- exit code: 0

$ steppe operator snapshot inspect -json region.snap
{
    "Created": "<now>",
    "Meta": {
        "Cluster": "4f138792-0d0e-4b53-a476-997c7f6de9f3",
        "ID": "1-6-1795858683700",
        "Index": 6,
        "Region": "west",
        "Size": 2332,
        "Term": 1,
        "Version": 1
    },
    "Stats": [
        {
            "Count": 3,
            "Name": "Eval",
            "Size": 630
        },
        {
            "Count": 1,
            "Name": "Job",
            "Size": 374
        },
        {
            "Count": 1,
            "Name": "JobVersion",
            "Size": 374
        },
        {
            "Count": 1,
            "Name": "JobSubmission",
            "Size": 334
        },
        {
            "Count": 1,
            "Name": "Deployment",
            "Size": 115
        },
        {
            "Count": 4,
            "Name": "GroupIndex",
            "Size": 112
        },
        {
            "Count": 5,
            "Name": "TableIndex",
            "Size": 80
        },
        {
            "Count": 1,
            "Name": "JobSummary",
            "Size": 44
        },
        {
            "Count": 1,
            "Name": "Head",
            "Size": 39
        }
    ],
    "TotalSize": 2102
}
--- exit code: 0

$ steppe operator snapshot inspect $TMP/region.snap
--- stderr:
Error reading snapshot $TMP/region.snap: this is no snapshot of a region: invalid gzip header
--- exit code: 1

$ steppe operator snapshot restore region.snap
Snapshot Restored
>>> PUT /v1/operator/snapshot
--- exit code: 0

$ steppe operator snapshot restore -region=east region.snap
--- stderr:
Error restoring snapshot: Unexpected response code: 500 (no leader)
>>> PUT /v1/operator/snapshot?region=east
--- exit code: 1

$ steppe operator snapshot restore $TMP/region.snap
--- stderr:
Error reading snapshot $TMP/region.snap: this is no snapshot of a region: invalid gzip header
--- exit code: 1

### Examples.

$ steppe job init -short $TMP/example.nomad.hcl
Example job file written to $TMP/example.nomad.hcl
--- exit code: 0

$ show $TMP/example.nomad.hcl
job "example" {
  group "app" {
    count = 2

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo \"hello from $NOMAD_ALLOC_NAME\"; exec sleep 3600"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}

$ steppe init $TMP/example.nomad.hcl
--- stderr:
Job file "$TMP/example.nomad.hcl" already exists: it is left as it is
--- exit code: 1

$ steppe job init -connect
--- stderr:
-connect is not supported yet
--- exit code: 1

$ steppe node pool init $TMP/pool.nomad.hcl
Example node pool specification written to $TMP/pool.nomad.hcl
--- exit code: 0

$ show $TMP/pool.nomad.hcl
node_pool "example" {
  description = "Example node pool"

  # Whatever others shall know about the pool.
  meta {
    environment = "test"
    owner       = "sre"
  }

  # What differs in this pool from how the region schedules.
  # scheduler_config {
  #   scheduler_algorithm             = "spread"
  #   memory_oversubscription_enabled = true
  # }
}

$ steppe node pool init -out=json -quiet $TMP/pool.nomad.json
--- exit code: 0

$ show $TMP/pool.nomad.json
{
  "Name": "example",
  "Description": "Example node pool",
  "Meta": {
    "environment": "test",
    "owner": "sre"
  }
}

$ steppe node pool init -out=xml
--- stderr:
-out is hcl or json, not "xml"
For additional help try 'steppe node pool init -help'
--- exit code: 1

### Files are put in place.

$ write $TMP/web.nomad.hcl <<< job "web"{\ngroup "app"{ # all of it\ncount=2\n      max_run_duration  = "10m"\ntask "server"{\nconfig{\nargs=[\n"-c","echo ${NOMAD_ALLOC_ID}"\n]\n}\ntemplate{\ndata=<<EOF\n   as it is\nEOF\n}\n}\n}\n}\n

$ steppe fmt -check $TMP/web.nomad.hcl
$TMP/web.nomad.hcl
--- exit code: 1

$ steppe fmt -write=false $TMP/web.nomad.hcl
$TMP/web.nomad.hcl
--- exit code: 0

$ steppe fmt $TMP/web.nomad.hcl
$TMP/web.nomad.hcl
--- exit code: 0

$ show $TMP/web.nomad.hcl
job "web" {
  group "app" { # all of it
    count            = 2
    max_run_duration = "10m"
    task "server" {
      config {
        args = [
          "-c", "echo ${NOMAD_ALLOC_ID}"
        ]
      }
      template {
        data = <<EOF
   as it is
EOF
      }
    }
  }
}

$ steppe fmt $TMP/web.nomad.hcl
--- exit code: 0

$ steppe fmt -check $TMP
--- exit code: 0

$ steppe fmt -recursive -check -list=false jobs
--- exit code: 0

$ steppe fmt - <<< a=1\nlong=2\n
a    = 1
long = 2
--- exit code: 0

$ steppe fmt -check - <<< a=1\n
stdin
--- exit code: 1

$ write $TMP/wrong.nomad.hcl <<< job "wrong {\n

$ steppe fmt $TMP/nosuch.nomad.hcl $TMP/wrong.nomad.hcl $TMP/web.nomad.hcl
--- stderr:
Error reading $TMP/nosuch.nomad.hcl: No such file or directory (os error 2)
$TMP/wrong.nomad.hcl:1:5: syntax error: expected `{`
--- exit code: 1

$ steppe fmt
--- stderr:
This command takes these arguments: <paths>...
For additional help try 'steppe fmt -help'
--- exit code: 1

### Configurations are checked before an agent has them.

$ write $TMP/agent.hcl <<< data_dir = "/var/lib/steppe"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\n

$ steppe config validate $TMP/agent.hcl
Configuration is valid!
--- exit code: 0

$ steppe config validate ../../../../config/regions/west ../../../../config/regions/east/server.hcl
Configuration is valid!
--- exit code: 0

$ steppe config validate jobs/web.nomad.hcl
--- stderr:
jobs/web.nomad.hcl:16:26: `${…}` is not evaluated in the agent's configuration; write `$${` for a literal `${`
--- exit code: 1

$ write $TMP/wrong.hcl <<< data_dir = "here"\nserver {\n  enabeld = true\n}\n

$ steppe config validate $TMP/agent.hcl $TMP/wrong.hcl
--- stderr:
$TMP/wrong.hcl:3:3: unknown key "enabeld" in server; did you mean "enabled"?
--- exit code: 1

$ steppe config validate $TMP/nosuch.hcl
--- stderr:
Error reading $TMP/nosuch.hcl: No such file or directory (os error 2)
--- exit code: 1

$ steppe config validate ..
--- stderr:
No configuration loaded from ..
--- exit code: 1

$ steppe config validate
--- stderr:
This command takes these arguments: <config-path>...
For additional help try 'steppe config validate -help'
--- exit code: 1

