GET /v1/jobs
[]

GET /v1/jobs?region=east
[{"ID": "of-the-east", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000}]

GET /v1/jobs?namespace=n
[{"ID": "of-n", "Namespace": "n", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000}]

PUT /v1/system/gc

=== transcript
### Flags, and variables of the environment, which are weaker.

$ steppe job status
No running jobs
--- exit code: 0

$ steppe job status -region=east
ID           Type     Priority  Status   Submit Date
of-the-east  service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ steppe job status --region east
ID           Type     Priority  Status   Submit Date
of-the-east  service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ NOMAD_REGION=east steppe job status
ID           Type     Priority  Status   Submit Date
of-the-east  service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ NOMAD_REGION=west NOMAD_NAMESPACE=n steppe job status -region east -namespace=
ID           Type     Priority  Status   Submit Date
of-the-east  service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ NOMAD_NAMESPACE=n steppe job status
ID    Type     Priority  Status   Submit Date
of-n  service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ NOMAD_ADDR=http://127.0.0.1:1/v1 steppe job status
--- stderr:
invalid address "http://127.0.0.1:1/v1": it must be http://host:port, without a path
--- exit code: 1

$ NOMAD_ADDR=https://127.0.0.1:1 steppe job status
--- stderr:
invalid address "https://127.0.0.1:1": TLS is not supported yet, use an address that begins with http://
--- exit code: 1

$ NOMAD_TOKEN=secret steppe system gc -region=east
>>> PUT /v1/system/gc?region=east (token secret)
--- exit code: 0

$ NOMAD_TOKEN=secret steppe system gc -token=other
>>> PUT /v1/system/gc (token other)
--- exit code: 0

$ NOMAD_CLI_FORCE_COLOR=1 steppe job status -verbose=false -nosuch
--- stderr:
flag -nosuch does not exist
For additional help try 'steppe job status -help'
--- exit code: 1

$ steppe job status -json -t '{{.}}'
--- stderr:
Both json and template formatting are not allowed
--- exit code: 1

### Wrong arguments.

$ steppe job status a b
--- stderr:
This command takes at most one argument: [<job>]
For additional help try 'steppe job status -help'
--- exit code: 1

$ steppe job run
--- stderr:
This command takes one argument: <path>
For additional help try 'steppe job run -help'
--- exit code: 1

$ steppe job run -chek-index=1 jobs/web.nomad.hcl
--- stderr:
flag -chek-index does not exist; did you mean -check-index?
For additional help try 'steppe job run -help'
--- exit code: 1

$ steppe job run -check-index
--- stderr:
flag -check-index needs a value
For additional help try 'steppe job run -help'
--- exit code: 1

$ steppe job run -check-index=many jobs/web.nomad.hcl
--- stderr:
flag -check-index: invalid value "many": a whole number is expected
For additional help try 'steppe job run -help'
--- exit code: 1

$ steppe job run -detach=perhaps jobs/web.nomad.hcl
--- stderr:
flag -detach: invalid value "perhaps": it is true or false
For additional help try 'steppe job run -help'
--- exit code: 1

$ steppe job plan
--- stderr:
This command takes one argument: <path>
For additional help try 'steppe job plan -help'
--- exit code: 255

$ steppe job validate -nosuch x
--- stderr:
flag -nosuch does not exist
For additional help try 'steppe job validate -help'
--- exit code: 255

$ steppe system gc now
--- stderr:
This command takes no arguments
For additional help try 'steppe system gc -help'
--- exit code: 1

$ steppe job scale web
--- stderr:
This command takes these arguments: <job> [<group>] <count>
For additional help try 'steppe job scale -help'
--- exit code: 1

$ steppe job stop
--- stderr:
This command takes these arguments: <job>...
For additional help try 'steppe job stop -help'
--- exit code: 1

$ steppe server join
--- stderr:
This command takes these arguments: <gossip-address>...
For additional help try 'steppe server join -help'
--- exit code: 1

$ steppe alloc logs
--- stderr:
This command takes these arguments: <allocation> [<task>]
For additional help try 'steppe alloc logs -help'
--- exit code: 1

### Help.

$ steppe job rollout
Usage: steppe job rollout <subcommand> [options] [args]

  Look at the rollout of a multi-region job, or decide about it

Subcommands:
    abort      Let a rollout fail wherever it has not ended
    exclude    Let a rollout go on without a region: -region names it
    pause      Pause all regions of a rollout, or the one that -region names
    release    Let nobody wait for a region's turn to end: -region names it
    resume     Resume all regions of a rollout, or the one that -region names
    status     Show where each region stands, and what it waits for
--- exit code: 1

$ steppe job rollout status -h
Usage: steppe job rollout status [options] <job>

  Show where each region stands, and what it waits for

Options:

  -json
    Print JSON

  -t=<value>
    Print with a Go template, such as '{{range .}}{{.ID}}{{"\n"}}{{end}}'

  -verbose
    Ids in full

  -watch
    Show it again and again, until no region has anything left to do

  -wait=<value>
    With -watch: how often

General Options:

  -address=<value>
    Address of the agent's HTTP interface. Environment: NOMAD_ADDR

  -region=<value>
    The region that shall answer; the agent's own by default. Environment: NOMAD_REGION

  -namespace=<value>
    The namespace; "*" in lists means all of them. Environment: NOMAD_NAMESPACE

  -token=<value>
    The token that says who asks. Environment: NOMAD_TOKEN

  -no-color
    No colors. Environment: NOMAD_CLI_NO_COLOR

  -force-color
    Colors also where the output is no terminal. Environment: NOMAD_CLI_FORCE_COLOR

  With -watch the exit code is 0 when the rollout ended well in all regions, 1 when it did not, 2 when it goes no further without a person.
--- exit code: 0

$ steppe operator raft nosuch
Usage: steppe operator raft <subcommand> [options] [args]

  Look at the consensus of a region, and change who takes part

Subcommands:
    list-peers             List the servers that take part
    remove-peer            Take out a server that is gone for good
    transfer-leadership    Let another server lead
--- stderr:
There is no command "steppe operator raft nosuch".

--- exit code: 1

$ steppe version
Steppe v0.1.0
--- exit code: 0

$ steppe -version
Steppe v0.1.0
--- exit code: 0

### What there is not.

$ steppe nosuch
Usage: steppe <command> [args]

  An open federated workload orchestrator: the agent, and the command line to its regions

Commands:
    agent         Run an agent: a server, a client, or both
    agent-info    Show figures about the agent that answers
    alloc         Act on allocations
    config        Look at configurations of agents
    deployment    Act on deployments
    eval          Look at evaluations
    fmt           Put the lines of HCL files in place
    job           Act on jobs
    monitor       Follow the log of an agent
    namespace     Act on namespaces, in which jobs have their names
    node          Act on nodes
    operator      Look at the region's own workings
    scaling       Look at the bounds between which groups are scaled
    server        Act on servers and the pool they form
    status        List jobs, or show whatever an id stands for
    system        Act on the region as a whole
    version       Print the version
--- stderr:
There is no command "steppe nosuch".

--- exit code: 127

$ steppe job nosuch
Usage: steppe job <subcommand> [options] [args]

  Act on jobs

Subcommands:
    allocs            List a job's allocations
    deployments       List a job's deployments
    dispatch          Launch a parameterized job
    eval              Evaluate a job again
    history           List a job's versions
    init              Write an example job file
    inspect           Print a job in JSON, or the file it came from
    periodic          Act on jobs that are launched by the clock
    plan              Show what registering a job file would change
    promote           Promote the canaries of a job's latest deployment
    restart           Restart a job's allocations, a few at a time
    revert            Go back to an earlier version of a job
    rollout           Look at the rollout of a multi-region job, or decide about it
    run               Submit a job file, and follow the job until it is placed
    scale             Change the count of a group
    scaling-events    List what was said about the counts of a job's groups
    start             Start a stopped job
    status            List jobs, or show one
    stop              Stop a job
    tag               Give versions of a job names
    validate          Check a job file
--- stderr:
There is no command "steppe job nosuch".

--- exit code: 1

$ steppe volume status
--- stderr:
steppe volume is not supported yet
--- exit code: 1

$ steppe alloc exec 123 sh
--- stderr:
steppe alloc exec is not supported yet
--- exit code: 1

$ steppe job status -ca-cert=x
--- stderr:
-ca-cert is not supported yet: agents speak plain HTTP
--- exit code: 1

$ steppe job status -tls-skip-verify
--- stderr:
-tls-skip-verify is not supported yet: agents speak plain HTTP
--- exit code: 1

$ steppe job status -tls-skip-verify=false
No running jobs
--- exit code: 0

$ NOMAD_HTTP_AUTH=a:b steppe job status
--- stderr:
NOMAD_HTTP_AUTH is not supported yet: unset it
--- exit code: 1

$ steppe job status -ui web
--- stderr:
-ui is not supported yet: there is no web interface
--- exit code: 1

$ steppe job run -vault-namespace=x jobs/web.nomad.hcl
--- stderr:
-vault-namespace is not supported yet
--- exit code: 1

