GET /v1/jobs
[{"ID": "nope", "Namespace": "default", "Type": "service", "Priority": 50, "Status": "pending", "SubmitTime": 1136214245000000000},
 {"ID": "once", "Namespace": "default", "Type": "batch", "Priority": 70, "Status": "dead", "SubmitTime": 1136214305000000000},
 {"ID": "web", "Namespace": "default", "Type": "service", "Priority": 50, "Status": "dead", "Stop": true, "SubmitTime": 1136217845000000000}]

GET /v1/jobs?namespace=empty
[]

GET /v1/jobs?namespace=*
[{"ID": "a", "Namespace": "other", "Type": "service", "Periodic": true, "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000}]

GET /v1/jobs?prefix=web
[{"ID": "web", "Namespace": "default"}, {"ID": "website", "Namespace": "default"}]

GET /v1/jobs?prefix=webs
[{"ID": "website", "Namespace": "default"}]

GET /v1/jobs?prefix=w
[{"ID": "web", "Namespace": "default", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000},
 {"ID": "website", "Namespace": "default", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000}]

GET /v1/jobs?prefix=nosuch
[]

GET /v1/jobs?prefix=nope
[{"ID": "nope", "Namespace": "default"}]

GET /v1/jobs?prefix=new&region=mars -> 500
No path to region "mars"; known regions: east, west

# A job in the middle of an update.

GET /v1/job/web
{"ID": "web", "Name": "web", "Namespace": "default", "Type": "service", "Priority": 50, "Datacenters": ["west-1", "west-2"], "NodePool": "default", "Status": "running", "SubmitTime": 1136214245000000000,
 "TaskGroups": [{"Name": "app"}, {"Name": "db", "ReschedulePolicy": {"Unlimited": true, "Delay": 30000000000, "DelayFunction": "exponential", "MaxDelay": 3600000000000}}]}

GET /v1/job/web/summary
{"JobID": "web", "Summary": {"app": {"Running": 3, "Complete": 2}, "db": {"Queued": 1, "Starting": 2, "Failed": 3, "Lost": 4, "Unknown": 5}}}

GET /v1/job/web/evaluations
[{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "Priority": 50, "TriggeredBy": "job-register", "Status": "complete", "CreateIndex": 10},
 {"ID": "4879839c-5f9e-945e-e9a5-47748c1e6afd", "Priority": 50, "TriggeredBy": "alloc-failure", "Status": "pending", "WaitUntil": "@date-in 3750", "CreateIndex": 20}]

GET /v1/job/web/deployments
[{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "successful", "StatusDescription": "Deployment completed successfully", "CreateIndex": 10},
 {"ID": "fbceae35-6298-1ea4-6b49-376abab5eab9", "JobID": "web", "JobVersion": 1, "Status": "running", "StatusDescription": "Deployment is running", "CreateIndex": 20,
  "TaskGroups": {"app": {"DesiredTotal": 3, "PlacedAllocs": 1, "HealthyAllocs": 0, "ProgressDeadline": 600000000000, "RequireProgressBy": "2006-01-02T15:14:05Z"},
   "db": {"AutoRevert": true, "DesiredCanaries": 1, "DesiredTotal": 8, "PlacedAllocs": 1, "UnhealthyAllocs": 1, "ProgressDeadline": 600000000000}}}]

GET /v1/job/web/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "EvalID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodeName": "west-c1", "Name": "web.app[0]", "TaskGroup": "app", "DesiredStatus": "stop", "ClientStatus": "complete", "CreateIndex": 10, "CreateTime": "@ago 7230", "ModifyTime": "@ago 5430"},
 {"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "EvalID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodeName": "west-c1", "Name": "web.app[1]", "TaskGroup": "app", "JobVersion": 1, "DesiredStatus": "run", "ClientStatus": "running", "CreateIndex": 20, "CreateTime": "@ago 3810", "ModifyTime": "@ago 91830"},
 {"ID": "5d63e123-2120-d95f-b64a-688dc9f9a72a", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "web.db[0]", "TaskGroup": "db", "JobVersion": 1, "DesiredStatus": "run", "ClientStatus": "failed", "FollowupEvalID": "4879839c-5f9e-945e-e9a5-47748c1e6afd", "CreateIndex": 20, "CreateTime": "@ago 33000000", "ModifyTime": 0}]

GET /v1/job/website
{"ID": "website", "Name": "website", "Namespace": "default", "Type": "service", "Priority": 50, "Datacenters": ["*"], "NodePool": "edge", "Status": "dead", "Stop": true, "SubmitTime": 1136214245000000000}

# A job that finds no place.

GET /v1/job/nope
{"ID": "nope", "Name": "nope", "Namespace": "default", "Type": "service", "Priority": 50, "Datacenters": ["*"], "NodePool": "default", "Status": "pending", "SubmitTime": 1136214245000000000}

GET /v1/job/nope/summary
{"JobID": "nope", "Summary": {"app": {"Queued": 2}}}

GET /v1/job/nope/evaluations
[{"ID": "a4bf4c1c-f707-186d-a9c6-28d128843d4e", "Priority": 50, "TriggeredBy": "job-register", "Status": "complete", "CreateIndex": 10, "BlockedEval": "52905f7e-9967-c53b-9da7-6a97e4699842",
  "FailedTGAllocs": {"app": {"NodesEvaluated": 2, "NodesExhausted": 1, "CoalescedFailures": 1, "ConstraintFiltered": {"${attr.kernel.name} = plan9": 1}, "DimensionExhausted": {"memory": 1},
   "ScoreMetaData": [{"NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Scores": {"binpack": 0.8}, "NormScore": 0.8}]}}},
 {"ID": "52905f7e-9967-c53b-9da7-6a97e4699842", "Priority": 50, "TriggeredBy": "queued-allocs", "Status": "blocked", "CreateIndex": 11}]

GET /v1/job/nope/deployments
[]

# A job whose allocations may run for ten minutes.

GET /v1/jobs?prefix=once
[{"ID": "once", "Namespace": "default"}]

GET /v1/job/once
{"ID": "once", "Name": "once", "Namespace": "default", "Type": "batch", "Priority": 70, "Datacenters": ["*"], "NodePool": "default", "Status": "running", "Version": 1, "SubmitTime": 1136214245000000000, "DispatchIdempotencyToken": "the-first",
 "TaskGroups": [{"Name": "short", "MaxRunDuration": 600000000000, "ReschedulePolicy": {"Attempts": 1, "Interval": 86400000000000, "Delay": 5000000000}}, {"Name": "long"}]}

GET /v1/job/once/summary
{"JobID": "once", "Summary": {"short": {"Failed": 1}, "long": {"Running": 1}}, "Children": {"Pending": 1}}

GET /v1/job/once/evaluations
[{"ID": "4879839c-5f9e-945e-e9a5-47748c1e6afd", "Priority": 70, "TriggeredBy": "alloc-failure", "Status": "pending", "WaitUntil": "@date-in 3750", "CreateIndex": 20}]

GET /v1/job/once/deployments
[]

GET /v1/job/once/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "short", "JobVersion": 1, "DesiredStatus": "run", "ClientStatus": "failed", "FollowupEvalID": "4879839c-5f9e-945e-e9a5-47748c1e6afd", "CreateIndex": 10, "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430"},
 {"ID": "28011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "long", "JobVersion": 1, "DesiredStatus": "run", "ClientStatus": "running", "CreateIndex": 9, "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430"},
 {"ID": "38011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "short", "JobVersion": 0, "DesiredStatus": "stop", "ClientStatus": "complete", "CreateIndex": 8, "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430"}]

GET /v1/job/once/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "short", "JobVersion": 1, "DesiredStatus": "run", "ClientStatus": "failed", "FollowupEvalID": "4879839c-5f9e-945e-e9a5-47748c1e6afd", "CreateIndex": 10, "CreateTime": 1136214245000000000, "ModifyTime": "@ago 5430"},
 {"ID": "28011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "long", "JobVersion": 1, "DesiredStatus": "run", "ClientStatus": "running", "CreateIndex": 9, "CreateTime": 1136214245000000000, "ModifyTime": "@ago 5430"},
 {"ID": "38011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "short", "JobVersion": 0, "DesiredStatus": "stop", "ClientStatus": "complete", "CreateIndex": 8, "CreateTime": 1136214245000000000, "ModifyTime": "@ago 5430"}]

GET /v1/job/nope/allocations
[]

=== transcript
### Lists.

$ steppe job status
ID    Type     Priority  Status          Submit Date
nope  service  50        pending         2006-01-02T15:04:05Z
once  batch    70        dead            2006-01-02T15:05:05Z
web   service  50        dead (stopped)  2006-01-02T16:04:05Z
--- exit code: 0

$ steppe job status -namespace=empty
No running jobs
--- exit code: 0

$ steppe job status -namespace='*'
ID  Namespace  Type              Priority  Status   Submit Date
a   other      service/periodic  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ steppe job status -t '{{range .}}{{.ID}} is {{.Status}}{{if .Stop}}, stopped{{end}}{{"\n"}}{{end}}'
nope is pending
once is dead
web is dead, stopped

--- exit code: 0

$ steppe job status -t '{{.ID.Deeper'
--- stderr:
Error formatting the data using the template: "{{" is not closed by "}}"
--- exit code: 1

$ steppe job status -t '{{range .}}{{nosuch .ID}}{{end}}'
--- stderr:
Error formatting the data using the template: function "nosuch" is not supported; there are and, eq, ge, gt, html, index, js, le, len, lt, ne, not, or, print, printf, println, slice, urlquery
--- exit code: 1

### One job.

$ steppe job status web
ID            = web
Name          = web
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = west-1,west-2
Namespace     = default
Node Pool     = default
Status        = running
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         0       0         3        0       2         0     0
db          1       2         0        3       0         4     5

Future Rescheduling Attempts
Task Group  Eval ID   Eval Time
db          4879839c  1h2m from now

Latest Deployment
ID          = fbceae35
Status      = running
Description = Deployment is running

Deployed
Task Group  Auto Revert  Promoted  Desired  Canaries  Placed  Healthy  Unhealthy  Progress Deadline
app         false        N/A       3        N/A       1       0        0          2006-01-02T15:14:05Z
db          true         false     8        1         1       0        1          N/A

Allocations
ID        Node ID   Task Group  Version  Desired  Status    Created   Modified
0711cffd  a3c94b28  app         1        run      running   1h3m ago  1d1h ago
5d63e123  a3c94b28  db          1        run      failed    1y ago    <none>
18011418  a3c94b28  app         0        stop     complete  2h ago    1h30m ago
--- exit code: 0

$ steppe job status -verbose web
ID            = web
Name          = web
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = west-1,west-2
Namespace     = default
Node Pool     = default
Status        = running
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         0       0         3        0       2         0     0
db          1       2         0        3       0         4     5

Evaluations
ID                                    Priority  Triggered By   Status    Placement Failures
4879839c-5f9e-945e-e9a5-47748c1e6afd  50        alloc-failure  pending   N/A - In Progress
93eecff7-2c2e-6526-3d4b-d870ce50fb3f  50        job-register   complete  false

Future Rescheduling Attempts
Task Group  Reschedule Policy                                 Eval ID                               Eval Time
db          unlimited, exponential delay of 30s up to 1h0m0s  4879839c-5f9e-945e-e9a5-47748c1e6afd  1h2m from now

Latest Deployment
ID          = fbceae35-6298-1ea4-6b49-376abab5eab9
Status      = running
Description = Deployment is running

Deployed
Task Group  Auto Revert  Promoted  Desired  Canaries  Placed  Healthy  Unhealthy  Progress Deadline
app         false        N/A       3        N/A       1       0        0          2006-01-02T15:14:05Z
db          true         false     8        1         1       0        1          N/A

Allocations
ID                                    Eval ID                               Node ID                               Node Name  Task Group  Version  Desired  Status    Created               Modified
0711cffd-0b86-e5c0-b0c9-e79d646ee2ee  93eecff7-2c2e-6526-3d4b-d870ce50fb3f  a3c94b28-f11c-2f2a-f70b-328d55fa9027  west-c1    app         1        run      running   <now>  <now>
5d63e123-2120-d95f-b64a-688dc9f9a72a  <none>                                a3c94b28-f11c-2f2a-f70b-328d55fa9027  <none>     db          1        run      failed    <now>  <none>
18011418-c581-3938-4ff6-df36bc691165  93eecff7-2c2e-6526-3d4b-d870ce50fb3f  a3c94b28-f11c-2f2a-f70b-328d55fa9027  west-c1    app         0        stop     complete  <now>  <now>
--- exit code: 0

$ steppe job status -evals -short=false web
ID            = web
Name          = web
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = west-1,west-2
Namespace     = default
Node Pool     = default
Status        = running
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         0       0         3        0       2         0     0
db          1       2         0        3       0         4     5

Evaluations
ID        Priority  Triggered By   Status    Placement Failures
4879839c  50        alloc-failure  pending   N/A - In Progress
93eecff7  50        job-register   complete  false

Future Rescheduling Attempts
Task Group  Eval ID   Eval Time
db          4879839c  1h2m from now

Latest Deployment
ID          = fbceae35
Status      = running
Description = Deployment is running

Deployed
Task Group  Auto Revert  Promoted  Desired  Canaries  Placed  Healthy  Unhealthy  Progress Deadline
app         false        N/A       3        N/A       1       0        0          2006-01-02T15:14:05Z
db          true         false     8        1         1       0        1          N/A

Allocations
ID        Node ID   Task Group  Version  Desired  Status    Created   Modified
0711cffd  a3c94b28  app         1        run      running   1h3m ago  1d1h ago
5d63e123  a3c94b28  db          1        run      failed    1y ago    <none>
18011418  a3c94b28  app         0        stop     complete  2h ago    1h30m ago
--- exit code: 0

$ steppe job status -short webs
ID            = website
Name          = website
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = *
Namespace     = default
Node Pool     = edge
Status        = dead (stopped)
Periodic      = false
Parameterized = false
--- exit code: 0

$ steppe job status -t '{{.ID}} {{len .Datacenters}} {{.SubmitTime}}' web
web 2 1136214245000000000
--- exit code: 0

$ steppe job status -json -short webs
{
    "Affinities": null,
    "AllAtOnce": false,
    "Constraints": null,
    "ConsulNamespace": "",
    "CreateIndex": 0,
    "Datacenters": [
        "*"
    ],
    "DispatchIdempotencyToken": "",
    "Dispatched": false,
    "ID": "website",
    "JobModifyIndex": 0,
    "Meta": null,
    "ModifyIndex": 0,
    "Multiregion": null,
    "Name": "website",
    "Namespace": "default",
    "NodePool": "edge",
    "NomadTokenID": "",
    "ParameterizedJob": null,
    "ParentID": "",
    "Payload": null,
    "Periodic": null,
    "Priority": 50,
    "Region": "",
    "Spreads": null,
    "Stable": false,
    "Status": "dead",
    "StatusDescription": "",
    "Stop": true,
    "SubmitTime": 1136214245000000000,
    "TaskGroups": null,
    "Type": "service",
    "UI": null,
    "Update": {
        "AutoPromote": false,
        "AutoRevert": false,
        "Canary": 0,
        "HealthCheck": "",
        "HealthyDeadline": 0,
        "MaxParallel": 0,
        "MinHealthyTime": 0,
        "ProgressDeadline": 0,
        "Stagger": 0
    },
    "VaultNamespace": "",
    "Version": 0,
    "VersionTag": null
}
--- exit code: 0

$ steppe job status nope
ID            = nope
Name          = nope
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = *
Namespace     = default
Node Pool     = default
Status        = pending
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         2       0         0        0       0         0     0

Placement Failure
Task Group "app":
  * Constraint "${attr.kernel.name} = plan9": 1 nodes excluded by filter
  * Resources exhausted on 1 nodes
  * Dimension "memory" exhausted on 1 nodes

Allocations
No allocations placed
--- exit code: 0

$ steppe job status -verbose nope
ID            = nope
Name          = nope
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = *
Namespace     = default
Node Pool     = default
Status        = pending
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         2       0         0        0       0         0     0

Evaluations
ID                                    Priority  Triggered By   Status    Placement Failures
52905f7e-9967-c53b-9da7-6a97e4699842  50        queued-allocs  blocked   N/A - In Progress
a4bf4c1c-f707-186d-a9c6-28d128843d4e  50        job-register   complete  true

Placement Failure
Task Group "app":
  * Constraint "${attr.kernel.name} = plan9": 1 nodes excluded by filter
  * Resources exhausted on 1 nodes
  * Dimension "memory" exhausted on 1 nodes
  Node                                  binpack  final score
  a3c94b28-f11c-2f2a-f70b-328d55fa9027  0.8      0.8

Allocations
No allocations placed
--- exit code: 0

$ steppe job status once
ID                = once
Name              = once
Submit Date       = 2006-01-02T15:04:05Z
Type              = batch
Priority          = 70
Datacenters       = *
Namespace         = default
Node Pool         = default
Status            = running
Periodic          = false
Parameterized     = false
Idempotency Token = the-first

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
long        0       0         1        0       0         0     0
short       0       0         0        1       0         0     0

Children Job Summary
Pending  Running  Dead
1        0        0

Future Rescheduling Attempts
Task Group  Eval ID   Eval Time
short       4879839c  1h2m from now

Allocations
ID        Node ID   Task Group  Version  Desired  Status    Created   Modified   Max Run Deadline
18011418  a3c94b28  short       1        run      failed    1h3m ago  1h30m ago  <now>
28011418  a3c94b28  long        1        run      running   1h3m ago  1h30m ago  <none>
38011418  a3c94b28  short       0        stop     complete  1h3m ago  1h30m ago  <none>
--- exit code: 0

$ steppe job status -verbose once
ID                = once
Name              = once
Submit Date       = 2006-01-02T15:04:05Z
Type              = batch
Priority          = 70
Datacenters       = *
Namespace         = default
Node Pool         = default
Status            = running
Periodic          = false
Parameterized     = false
Idempotency Token = the-first

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
long        0       0         1        0       0         0     0
short       0       0         0        1       0         0     0

Children Job Summary
Pending  Running  Dead
1        0        0

Evaluations
ID                                    Priority  Triggered By   Status   Placement Failures
4879839c-5f9e-945e-e9a5-47748c1e6afd  70        alloc-failure  pending  N/A - In Progress

Future Rescheduling Attempts
Task Group  Reschedule Policy                   Eval ID                               Eval Time
short       1 in 24h0m0s, constant delay of 5s  4879839c-5f9e-945e-e9a5-47748c1e6afd  1h2m from now

Allocations
ID                                    Eval ID  Node ID                               Node Name  Task Group  Version  Desired  Status    Created               Modified              Max Run Deadline
18011418-c581-3938-4ff6-df36bc691165  <none>   a3c94b28-f11c-2f2a-f70b-328d55fa9027  <none>     short       1        run      failed    2006-01-02T15:04:05Z  <now>  2006-01-02T15:14:05Z
28011418-c581-3938-4ff6-df36bc691165  <none>   a3c94b28-f11c-2f2a-f70b-328d55fa9027  <none>     long        1        run      running   2006-01-02T15:04:05Z  <now>  <none>
38011418-c581-3938-4ff6-df36bc691165  <none>   a3c94b28-f11c-2f2a-f70b-328d55fa9027  <none>     short       0        stop     complete  2006-01-02T15:04:05Z  <now>  <none>
--- exit code: 0

### Prefixes.

$ steppe job status w
--- stderr:
Prefix matched multiple jobs

ID       Type     Priority  Status   Submit Date
web      service  50        running  2006-01-02T15:04:05Z
website  service  50        running  2006-01-02T15:04:05Z
--- exit code: 1

$ steppe job status nosuch
--- stderr:
No job(s) with prefix or ID "nosuch" found
--- exit code: 1

### A server that refuses.

$ steppe job status -region=mars new
--- stderr:
Error querying job prefix: Unexpected response code: 500 (No path to region "mars"; known regions: east, west)
--- exit code: 1

