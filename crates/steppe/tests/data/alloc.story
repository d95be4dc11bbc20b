GET /v1/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee"}, {"ID": "1811cffd-0b86-e5c0-b0c9-e79d646ee2ee"}]

GET /v1/allocations?prefix=0711cffd
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee"}]

GET /v1/allocations?prefix=ab
[{"ID": "ab11cffd-0b86-e5c0-b0c9-e79d646ee2ee", "TaskGroup": "app", "ClientStatus": "running", "CreateTime": "@ago 3690", "ModifyTime": "@ago 3690"}, {"ID": "ab22cffd-0b86-e5c0-b0c9-e79d646ee2ee", "TaskGroup": "app", "CreateTime": "@ago 3690", "ModifyTime": "@ago 3690"}]

GET /v1/allocations?prefix=dead
[]

GET /v1/allocations?prefix=22
[{"ID": "2211cffd-0b86-e5c0-b0c9-e79d646ee2ee"}]

GET /v1/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee
{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "Namespace": "default", "EvalID": "766205e0-e9f9-662a-c196-a58fdcbe4ba7", "Name": "web.app[2]", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodeName": "west-c1", "JobID": "web", "TaskGroup": "app",
 "Job": {"ID": "web", "Version": 1, "TaskGroups": [{"Name": "app", "Tasks": [{"Name": "server", "Driver": "raw_exec"}]}]},
 "DesiredStatus": "run", "ClientStatus": "running", "ClientDescription": "Tasks are running", "DeploymentID": "fbceae35-6298-1ea4-6b49-376abab5eab9", "DeploymentStatus": {"Healthy": true, "Canary": true}, "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430",
 "AllocatedResources": {"Tasks": {"server": {"Cpu": {"CpuShares": 20}, "Memory": {"MemoryMB": 16, "MemoryMaxMB": 32}}}, "Shared": {"DiskMB": 300, "Networks": [{"Mode": "bridge", "DynamicPorts": [{"Label": "http", "Value": 23456}]}], "Ports": [{"Label": "http", "Value": 23456, "To": 80, "HostIP": "10.0.0.1"}, {"Label": "admin", "Value": 9000, "HostIP": "10.0.0.1"}]}},
 "Metrics": {"NodesEvaluated": 3, "NodesFiltered": 1, "ConstraintFiltered": {"${attr.kernel.name} = plan9": 1}, "AllocationTime": 75710, "ScoreMetaData": [{"NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Scores": {"binpack": 0.019, "job-anti-affinity": -1}, "NormScore": -0.4905}]},
 "TaskStates": {"server": {"State": "running", "Restarts": 2, "LastRestart": "2006-01-02T15:04:06Z", "StartedAt": "2006-01-02T15:04:05Z", "Events": [
  {"Type": "Received", "Time": 1136214245000000000}, {"Type": "Task Setup", "Time": 1136214246000000000, "Message": "Building Task Directory"}, {"Type": "Terminated", "Time": 1136214247000000000, "DisplayMessage": "Exit Code: 1", "Details": {"exit_code": "1"}}]}}}

GET /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/stats
{"Tasks": {"server": {"ResourceUsage": {"MemoryStats": {"RSS": 39845888, "Swap": 0, "Measured": ["RSS", "Swap"]}, "CpuStats": {"TotalTicks": 3.6, "Percent": 1.5, "SystemMode": 0.5, "UserMode": 1, "Measured": ["Percent", "System Mode", "User Mode"]}}}}}

# Several tasks, one of which failed; placed again later.

GET /v1/allocation/2211cffd-0b86-e5c0-b0c9-e79d646ee2ee
{"ID": "2211cffd-0b86-e5c0-b0c9-e79d646ee2ee", "Namespace": "default", "EvalID": "766205e0-e9f9-662a-c196-a58fdcbe4ba7", "Name": "etl.app[0]", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodeName": "west-c1", "JobID": "etl", "TaskGroup": "app",
 "Job": {"ID": "etl", "TaskGroups": [{"Name": "app", "ReschedulePolicy": {"Attempts": 3, "Interval": 86400000000000}, "Tasks": [{"Name": "main"}, {"Name": "fetch", "Lifecycle": {"Hook": "prestart"}}, {"Name": "clean", "Lifecycle": {"Hook": "poststop"}}, {"Name": "proxy", "Lifecycle": {"Hook": "prestart", "Sidecar": true}}]}]},
 "DesiredStatus": "run", "ClientStatus": "failed", "ClientDescription": "Failed tasks", "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430", "NextAllocation": "3311cffd-0b86-e5c0-b0c9-e79d646ee2ee", "FollowupEvalID": "4879839c-5f9e-945e-e9a5-47748c1e6afd",
 "RescheduleTracker": {"Events": [{"RescheduleTime": "@ago 7230"}, {"RescheduleTime": 1136214245000000000}]},
 "TaskStates": {"main": {"State": "dead", "Failed": true, "StartedAt": "2006-01-02T15:04:05Z", "FinishedAt": "2006-01-02T15:05:05Z"}, "fetch": {"State": "dead"}, "proxy": {"State": "dead"}}}

GET /v1/evaluation/4879839c-5f9e-945e-e9a5-47748c1e6afd
{"ID": "4879839c-5f9e-945e-e9a5-47748c1e6afd", "WaitUntil": "2006-01-02T15:14:05Z"}

# It may run for ten minutes, was placed while others of its group were not, and is tried again later. Its tasks have ports of their own.

GET /v1/allocations?prefix=44
[{"ID": "4411cffd-0b86-e5c0-b0c9-e79d646ee2ee"}]

GET /v1/allocation/4411cffd-0b86-e5c0-b0c9-e79d646ee2ee
{"ID": "4411cffd-0b86-e5c0-b0c9-e79d646ee2ee", "Namespace": "default", "EvalID": "766205e0-e9f9-662a-c196-a58fdcbe4ba7", "Name": "once.app[0]", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodeName": "west-c1", "JobID": "once", "TaskGroup": "app",
 "Job": {"ID": "once", "TaskGroups": [{"Name": "app", "MaxRunDuration": 600000000000, "ReschedulePolicy": {"Attempts": 3, "Interval": 86400000000000}, "Tasks": [{"Name": "main"}, {"Name": "warm", "Lifecycle": {"Hook": "poststart"}}, {"Name": "watch", "Lifecycle": {"Hook": "poststart", "Sidecar": true}}, {"Name": "clean", "Lifecycle": {"Hook": "poststop"}}]}]},
 "DesiredStatus": "run", "ClientStatus": "failed", "ClientDescription": "Failed tasks", "DeploymentID": "fbceae35-6298-1ea4-6b49-376abab5eab9", "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430", "FollowupEvalID": "5879839c-5f9e-945e-e9a5-47748c1e6afd", "RescheduleTracker": {"Events": [{"RescheduleTime": "@ago 7230"}]},
 "AllocatedResources": {"Tasks": {"main": {"Cpu": {"CpuShares": 20}, "Memory": {"MemoryMB": 16}, "Networks": [{"IP": "10.0.0.1", "ReservedPorts": [{"Label": "admin", "Value": 9000}], "DynamicPorts": [{"Label": "http", "Value": 23456}]}]}}, "Shared": {"DiskMB": 300}},
 "Metrics": {"NodesEvaluated": 3, "NodesExhausted": 2, "DimensionExhausted": {"memory": 2}, "CoalescedFailures": 1, "ScoreMetaData": [{"NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Scores": {"binpack": 0.5}, "NormScore": 0.5}]},
 "TaskStates": {"main": {"State": "dead", "Failed": true, "Events": [{"Type": "Terminated", "Time": 1136214247000000000, "DisplayMessage": "Exit Code: 1"}]}, "warm": {"State": "dead"}, "watch": {"State": "dead"}, "clean": {"State": "dead"}}}

GET /v1/evaluation/5879839c-5f9e-945e-e9a5-47748c1e6afd
{"ID": "5879839c-5f9e-945e-e9a5-47748c1e6afd", "WaitUntil": "@date-in 3750"}

# Logs and files.

GET /v1/client/fs/logs/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?type=stdout
{"Offset":6,"Data":"aGVsbG8K","File":"alloc/logs/server.stdout.0"}{}{"Offset":12,"Data":"d29ybGQK","File":"alloc/logs/server.stdout.0"}

GET /v1/client/fs/logs/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?type=stderr
{"Offset":5,"Data":"d2Fybgo=","File":"alloc/logs/server.stderr.0"}

GET /v1/client/fs/logs/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?region=broken
{"Offset":5,"Data":"d2Fybgo=","File":"alloc/logs/server.stderr.0"}no such file

GET /v1/client/fs/logs/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?region=away -> 500
No path to node

GET /v1/jobs?prefix=web
[{"ID": "web", "Namespace": "default"}]

GET /v1/job/web/allocations
[{"ID": "99999999-0b86-e5c0-b0c9-e79d646ee2ee", "TaskGroup": "app", "ClientStatus": "complete", "CreateIndex": 20}, {"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "TaskGroup": "app", "ClientStatus": "running", "CreateIndex": 10}]

GET /v1/client/fs/stat/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?path=/
{"Name": "0711cffd", "IsDir": true, "Size": 4096, "FileMode": "drwxrwxrwx", "ModTime": "2006-01-02T15:04:05Z"}

GET /v1/client/fs/ls/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?path=/
[{"Name": "alloc", "IsDir": true, "Size": 4096, "FileMode": "drwxrwxrwx", "ModTime": "2006-01-02T15:04:05Z"}, {"Name": "x.txt", "Size": 16, "FileMode": "-rw-r--r--", "ModTime": "2006-01-02T15:04:05Z"}]

GET /v1/client/fs/stat/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?path=x.txt
{"Name": "x.txt", "Size": 10500, "FileMode": "-rw-r--r--", "ModTime": "2006-01-02T15:04:05Z", "ContentType": "text/plain"}

GET /v1/client/fs/cat/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?path=x.txt
what is in the file

GET /v1/client/fs/stream/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?path=x.txt&origin=end
{"Offset":12,"Data":"aGVsbG8Kd29ybGQK","File":"x.txt"}

GET /v1/client/fs/stat/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee?path=nosuch -> 404
file does not exist

# Acts.

PUT /v1/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/stop
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/restart
{"Index": 0}

PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/signal
{"Index": 0}

PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/signal?region=east -> 500
unknown signal "NOPE"

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete"}

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

=== transcript
$ steppe alloc status 0711cffd
ID                  = 0711cffd-0b86-e5c0-b0c9-e79d646ee2ee
Eval ID             = 766205e0
Name                = web.app[2]
Node ID             = a3c94b28
Node Name           = west-c1
Job ID              = web
Job Version         = 1
Client Status       = running
Client Description  = Tasks are running
Desired Status      = run
Desired Description = <none>
Created             = 1h3m ago
Modified            = 1h30m ago
Deployment ID       = fbceae35
Deployment Health   = healthy
Canary              = true

Allocation Addresses (mode = "bridge"):
Label   Dynamic  Address
*http   yes      10.0.0.1:23456 -> 80
*admin  no       10.0.0.1:9000

Task "server" is "running"
Task Resources:
CPU       Memory                      Disk     Addresses
4/20 MHz  38 MiB/16 MiB (max 32 MiB)  300 MiB

Task Events:
Started At     = 2006-01-02T15:04:05Z
Finished At    = N/A
Total Restarts = 2
Last Restart   = 2006-01-02T15:04:06Z

Recent Events:
Time                  Type        Description
2006-01-02T15:04:07Z  Terminated  Exit Code: 1
2006-01-02T15:04:06Z  Task Setup  Building Task Directory
2006-01-02T15:04:05Z  Received    Task received by client
--- exit code: 0

$ steppe alloc status -verbose -stats 0711cffd
ID                  = 0711cffd-0b86-e5c0-b0c9-e79d646ee2ee
Eval ID             = 766205e0-e9f9-662a-c196-a58fdcbe4ba7
Name                = web.app[2]
Node ID             = a3c94b28-f11c-2f2a-f70b-328d55fa9027
Node Name           = west-c1
Job ID              = web
Job Version         = 1
Client Status       = running
Client Description  = Tasks are running
Desired Status      = run
Desired Description = <none>
Created             = <now>
Modified            = <now>
Deployment ID       = fbceae35-6298-1ea4-6b49-376abab5eab9
Deployment Health   = healthy
Canary              = true
Evaluated Nodes     = 3
Filtered Nodes      = 1
Exhausted Nodes     = 0
Allocation Time     = 75.71µs
Failures            = 0

Allocation Addresses (mode = "bridge"):
Label   Dynamic  Address
*http   yes      10.0.0.1:23456 -> 80
*admin  no       10.0.0.1:9000

Task "server" is "running"
Task Resources:
CPU       Memory                      Disk     Addresses
4/20 MHz  38 MiB/16 MiB (max 32 MiB)  300 MiB

Memory Stats
RSS     Swap
38 MiB  0 B

CPU Stats
Percent  System Mode  User Mode
1.50%    0.50%        1.00%

Task Events:
Started At     = 2006-01-02T15:04:05Z
Finished At    = N/A
Total Restarts = 2
Last Restart   = 2006-01-02T15:04:06Z

Recent Events:
Time                  Type        Description
2006-01-02T15:04:07Z  Terminated  Exit Code: 1
2006-01-02T15:04:06Z  Task Setup  Building Task Directory
2006-01-02T15:04:05Z  Received    Task received by client

Placement Metrics
* Constraint "${attr.kernel.name} = plan9": 1 nodes excluded by filter

Node                                  binpack  job-anti-affinity  final score
a3c94b28-f11c-2f2a-f70b-328d55fa9027  0.019    -1                 -0.49
--- exit code: 0

$ steppe alloc status -short 0711cffd
ID       = 0711cffd-0b86-e5c0-b0c9-e79d646ee2ee
Name     = web.app[2]
Created  = 1h3m ago
Modified = 1h30m ago

Tasks
Name    State    Last Event  Time                  Lifecycle
server  running  Terminated  2006-01-02T15:04:07Z  main
--- exit code: 0

$ steppe alloc status 22
ID                   = 2211cffd-0b86-e5c0-b0c9-e79d646ee2ee
Eval ID              = 766205e0
Name                 = etl.app[0]
Node ID              = a3c94b28
Node Name            = west-c1
Job ID               = etl
Job Version          = 0
Client Status        = failed
Client Description   = Failed tasks
Desired Status       = run
Desired Description  = <none>
Created              = 1h3m ago
Modified             = 1h30m ago
Replacement Alloc ID = 3311cffd
Reschedule Attempts  = 1/3

Task "fetch" (prestart) is "dead"
Task Resources:
not known

Task Events:
Started At     = N/A
Finished At    = N/A
Total Restarts = 0
Last Restart   = N/A

Recent Events:
Time  Type  Description

Task "proxy" (prestart sidecar) is "dead"
Task Resources:
not known

Task Events:
Started At     = N/A
Finished At    = N/A
Total Restarts = 0
Last Restart   = N/A

Recent Events:
Time  Type  Description

Task "main" is "dead"
Task Resources:
not known

Task Events:
Started At     = 2006-01-02T15:04:05Z
Finished At    = 2006-01-02T15:05:05Z
Total Restarts = 0
Last Restart   = N/A

Recent Events:
Time  Type  Description
--- exit code: 0

$ steppe alloc status -short 22
ID       = 2211cffd-0b86-e5c0-b0c9-e79d646ee2ee
Name     = etl.app[0]
Created  = 1h3m ago
Modified = 1h30m ago

Tasks
Name   State  Last Event  Time    Lifecycle
fetch  dead   <none>      <none>  prestart
proxy  dead   <none>      <none>  prestart sidecar
main   dead   <none>      <none>  main
--- exit code: 0

$ steppe alloc status 44
ID                     = 4411cffd-0b86-e5c0-b0c9-e79d646ee2ee
Eval ID                = 766205e0
Name                   = once.app[0]
Node ID                = a3c94b28
Node Name              = west-c1
Job ID                 = once
Job Version            = 0
Client Status          = failed
Client Description     = Failed tasks
Desired Status         = run
Desired Description    = <none>
Created                = 1h3m ago
Modified               = 1h30m ago
Max Run Deadline       = <now>
Deployment ID          = fbceae35
Deployment Health      = unset
Reschedule Attempts    = 1/3
Reschedule Eligibility = 1h2m from now

Task "main" is "dead"
Task Resources:
CPU     Memory  Disk     Addresses
20 MHz  16 MiB  300 MiB  admin: 10.0.0.1:9000
                         http: 10.0.0.1:23456

Task Events:
Started At     = N/A
Finished At    = N/A
Total Restarts = 0
Last Restart   = N/A

Recent Events:
Time                  Type        Description
2006-01-02T15:04:07Z  Terminated  Exit Code: 1

Task "warm" (poststart) is "dead"
Task Resources:
not known

Task Events:
Started At     = N/A
Finished At    = N/A
Total Restarts = 0
Last Restart   = N/A

Recent Events:
Time  Type  Description

Task "watch" (poststart sidecar) is "dead"
Task Resources:
not known

Task Events:
Started At     = N/A
Finished At    = N/A
Total Restarts = 0
Last Restart   = N/A

Recent Events:
Time  Type  Description

Task "clean" (poststop) is "dead"
Task Resources:
not known

Task Events:
Started At     = N/A
Finished At    = N/A
Total Restarts = 0
Last Restart   = N/A

Recent Events:
Time  Type  Description

Placement Metrics
* Resources exhausted on 2 nodes
* Dimension "memory" exhausted on 2 nodes

Node      binpack  final score
a3c94b28  0.5      0.5
--- exit code: 0

$ steppe alloc status -short 44
ID       = 4411cffd-0b86-e5c0-b0c9-e79d646ee2ee
Name     = once.app[0]
Created  = 1h3m ago
Modified = 1h30m ago

Tasks
Name   State  Last Event  Time                  Lifecycle
main   dead   Terminated  2006-01-02T15:04:07Z  main
warm   dead   <none>      <none>                poststart
watch  dead   <none>      <none>                poststart sidecar
clean  dead   <none>      <none>                poststop
--- exit code: 0

$ steppe alloc status -json
[
    {
        "ClientDescription": "",
        "ClientStatus": "pending",
        "CreateIndex": 0,
        "CreateTime": 0,
        "DeploymentStatus": null,
        "DesiredDescription": "",
        "DesiredStatus": "run",
        "DesiredTransition": {
            "ForceReschedule": null,
            "Migrate": null,
            "MigrateDisablePlacement": null,
            "NoShutdownDelay": null,
            "Reschedule": null
        },
        "EvalID": "",
        "FollowupEvalID": "",
        "ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee",
        "JobID": "",
        "JobType": "service",
        "JobVersion": 0,
        "ModifyIndex": 0,
        "ModifyTime": 0,
        "Name": "",
        "Namespace": "",
        "NextAllocation": "",
        "NodeID": "",
        "NodeName": "",
        "PreemptedAllocations": null,
        "PreemptedByAllocation": "",
        "RescheduleTracker": null,
        "TaskGroup": "",
        "TaskStates": null
    },
    {
        "ClientDescription": "",
        "ClientStatus": "pending",
        "CreateIndex": 0,
        "CreateTime": 0,
        "DeploymentStatus": null,
        "DesiredDescription": "",
        "DesiredStatus": "run",
        "DesiredTransition": {
            "ForceReschedule": null,
            "Migrate": null,
            "MigrateDisablePlacement": null,
            "NoShutdownDelay": null,
            "Reschedule": null
        },
        "EvalID": "",
        "FollowupEvalID": "",
        "ID": "1811cffd-0b86-e5c0-b0c9-e79d646ee2ee",
        "JobID": "",
        "JobType": "service",
        "JobVersion": 0,
        "ModifyIndex": 0,
        "ModifyTime": 0,
        "Name": "",
        "Namespace": "",
        "NextAllocation": "",
        "NodeID": "",
        "NodeName": "",
        "PreemptedAllocations": null,
        "PreemptedByAllocation": "",
        "RescheduleTracker": null,
        "TaskGroup": "",
        "TaskStates": null
    }
]
--- exit code: 0

$ steppe alloc-status -t '{{.Name}} {{.ClientStatus}}' 0711cffd
web.app[2] running
--- exit code: 0

$ steppe alloc status -t '{{len .}}'
2
--- exit code: 0

$ steppe alloc status
--- stderr:
This command takes one argument: <allocation>
For additional help try 'steppe alloc status -help'
--- exit code: 1

$ steppe alloc status ab
--- stderr:
Prefix matched multiple allocations

ID        Node ID  Task Group  Version  Desired  Status   Created   Modified
ab11cffd  <none>   app         0        run      running  1h1m ago  1h1m ago
ab22cffd  <none>   app         0        run      pending  1h1m ago  1h1m ago
--- exit code: 1

$ steppe alloc status deadb
--- stderr:
No allocation(s) with prefix or id "deadb" found
--- exit code: 1

$ steppe alloc status x
--- stderr:
Identifier must contain at least two characters.
--- exit code: 1

### Logs.

$ steppe alloc logs 0711cffd
hello
world
--- exit code: 0

$ steppe logs -stderr 0711cffd server
warn
--- exit code: 0

$ steppe alloc logs -f 0711cffd
hello
world
--- stderr:
warn
--- exit code: 0

$ steppe alloc logs -tail -n 1 0711cffd
world
--- exit code: 0

$ steppe alloc logs -c 3 -task server 0711cffd
hello
world
--- exit code: 0

$ steppe alloc logs -job web
hello
world
--- exit code: 0

$ steppe alloc logs -job -group=db web
--- stderr:
No allocations of job "web", group "db" found
--- exit code: 1

$ steppe alloc logs 0711cffd nosuch
--- stderr:
Failed to validate task: task "nosuch" not found in allocation "0711cffd"; its tasks are server
--- exit code: 1

$ steppe alloc logs 22
--- stderr:
Allocation "2211cffd" is running the following tasks:
  * main
  * fetch
  * clean
  * proxy

Please specify the task.
--- exit code: 1

$ steppe alloc logs -region=broken 0711cffd
warn
--- stderr:
Error reading file: the stream broke off: no such file
--- exit code: 1

$ steppe alloc logs -region=away 0711cffd
--- stderr:
Error reading file: Unexpected response code: 500 (No path to node)
--- exit code: 1

$ steppe alloc logs -stdout -stderr 0711cffd
--- stderr:
-stdout and -stderr exclude each other
For additional help try 'steppe alloc logs -help'
--- exit code: 1

### Files.

$ steppe alloc fs 0711cffd
Mode        Size     Modified Time         Name
drwxrwxrwx  4.0 KiB  2006-01-02T15:04:05Z  alloc/
-rw-r--r--  16 B     2006-01-02T15:04:05Z  x.txt
--- exit code: 0

$ steppe alloc fs 0711cffd x.txt
what is in the file
--- exit code: 0

$ steppe fs -stat 0711cffd x.txt
Mode        Size    Modified Time         Content Type  Name
-rw-r--r--  10 KiB  2006-01-02T15:04:05Z  text/plain    x.txt
--- exit code: 0

$ steppe alloc fs -stat -H 0711cffd x.txt
Mode        Size   Modified Time         Content Type  Name
-rw-r--r--  10500  2006-01-02T15:04:05Z  text/plain    x.txt
--- exit code: 0

$ steppe alloc fs -tail -n 1 0711cffd x.txt
world
--- exit code: 0

$ steppe alloc fs -tail 0711cffd
--- stderr:
"/" is a directory: it has no end to show or to follow
--- exit code: 1

$ steppe alloc fs 0711cffd nosuch
--- stderr:
Error getting file info: Unexpected response code: 404 (file does not exist)
--- exit code: 1

### Acts.

$ steppe alloc stop -detach -no-shutdown-delay 0711cffd
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/stop?namespace=default&no_shutdown_delay=true
--- exit code: 0

$ steppe alloc stop 0711cffd
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/stop?namespace=default
--- exit code: 0

$ steppe alloc restart 0711cffd
>>> PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/restart {"AllTasks":false,"TaskName":""}
--- exit code: 0

$ steppe alloc restart 0711cffd server
>>> PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/restart {"AllTasks":false,"TaskName":"server"}
--- exit code: 0

$ steppe alloc restart -all-tasks 0711cffd
>>> PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/restart {"AllTasks":true,"TaskName":""}
--- exit code: 0

$ steppe alloc restart -all-tasks 0711cffd server
--- stderr:
-all-tasks excludes the name of a task
For additional help try 'steppe alloc restart -help'
--- exit code: 1

$ steppe alloc restart 0711cffd nosuch
--- stderr:
Failed to validate task: task "nosuch" not found in allocation "0711cffd"; its tasks are server
--- exit code: 1

$ steppe alloc signal 0711cffd
>>> PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/signal {"AllocID":"0711cffd-0b86-e5c0-b0c9-e79d646ee2ee","Namespace":"","Region":"","Signal":"SIGKILL","Task":""}
--- exit code: 0

$ steppe alloc signal -s SIGUSR1 -task server 0711cffd
>>> PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/signal {"AllocID":"0711cffd-0b86-e5c0-b0c9-e79d646ee2ee","Namespace":"","Region":"","Signal":"SIGUSR1","Task":"server"}
--- exit code: 0

$ steppe alloc signal -region=east -s NOPE 0711cffd
--- stderr:
Error signalling allocation: Unexpected response code: 500 (unknown signal "NOPE")
>>> PUT /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/signal?region=east {"AllocID":"0711cffd-0b86-e5c0-b0c9-e79d646ee2ee","Namespace":"","Region":"","Signal":"NOPE","Task":""}
--- exit code: 1

