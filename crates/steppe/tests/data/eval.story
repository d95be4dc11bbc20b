GET /v1/evaluations
[{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "Priority": 50, "TriggeredBy": "job-register", "JobID": "web", "Namespace": "default", "Status": "complete"},
 {"ID": "83eecff7-2c2e-6526-3d4b-d870ce50fb3f", "Priority": 50, "TriggeredBy": "node-update", "JobID": "web", "Namespace": "default", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Status": "complete", "FailedTGAllocs": {"app": {}}},
 {"ID": "73eecff7-2c2e-6526-3d4b-d870ce50fb3f", "Priority": 50, "TriggeredBy": "queued-allocs", "JobID": "web", "Namespace": "default", "Status": "blocked"}]

GET /v1/evaluations?per_page=1 -> 200 next
[{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "Priority": 50, "TriggeredBy": "job-register", "JobID": "web", "Status": "complete"}]

GET /v1/evaluations?job=none
[]

GET /v1/evaluations?prefix=a4bf4c1c
[{"ID": "a4bf4c1c-f707-186d-a9c6-28d128843d4e"}]

GET /v1/evaluations?prefix=93
[{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete"}, {"ID": "93fecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "db", "Status": "complete"}]

GET /v1/evaluations?prefix=dead
[]

GET /v1/evaluation/a4bf4c1c-f707-186d-a9c6-28d128843d4e
{"ID": "a4bf4c1c-f707-186d-a9c6-28d128843d4e", "Namespace": "default", "Priority": 50, "Type": "service", "TriggeredBy": "job-register", "JobID": "nope", "Status": "complete", "DeploymentID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430", "BlockedEval": "52905f7e-9967-c53b-9da7-6a97e4699842",
 "FailedTGAllocs": {"app": {"NodesEvaluated": 1, "CoalescedFailures": 1, "ConstraintFiltered": {"${attr.kernel.name} = plan9": 1}}}, "PlanAnnotations": {"PreemptedAllocs": [{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "JobID": "etl", "TaskGroup": "load"}], "DesiredTGUpdates": {"app": {"Place": 2, "Ignore": 1}}}}

GET /v1/evaluation/a4bf4c1c-f707-186d-a9c6-28d128843d4e?related=true
{"ID": "a4bf4c1c-f707-186d-a9c6-28d128843d4e", "RelatedEvals": [{"ID": "52905f7e-9967-c53b-9da7-6a97e4699842", "Priority": 50, "TriggeredBy": "queued-allocs", "Status": "blocked", "StatusDescription": "created to place remaining allocations"}]}

GET /v1/evaluation/a4bf4c1c-f707-186d-a9c6-28d128843d4e/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "EvalID": "a4bf4c1c-f707-186d-a9c6-28d128843d4e", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "ClientStatus": "running", "CreateTime": "@ago 5430", "ModifyTime": "@ago 5430"}]

# A short one.

GET /v1/evaluations?prefix=93ee
[{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f"}]

GET /v1/evaluation/93eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete"}

GET /v1/evaluation/93eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

# One about a node, and one that waits.

GET /v1/evaluations?prefix=83
[{"ID": "83eecff7-2c2e-6526-3d4b-d870ce50fb3f"}]

GET /v1/evaluation/83eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "83eecff7-2c2e-6526-3d4b-d870ce50fb3f", "Namespace": "dev", "Priority": 50, "Type": "system", "TriggeredBy": "node-update", "JobID": "log", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Status": "canceled", "StatusDescription": "canceled after more recent eval was processed", "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430"}

GET /v1/evaluation/83eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

GET /v1/evaluations?prefix=48
[{"ID": "4879839c-5f9e-945e-e9a5-47748c1e6afd"}]

GET /v1/evaluation/4879839c-5f9e-945e-e9a5-47748c1e6afd
{"ID": "4879839c-5f9e-945e-e9a5-47748c1e6afd", "Namespace": "default", "Priority": 50, "Type": "service", "TriggeredBy": "alloc-failure", "JobID": "web", "Status": "pending", "WaitUntil": "2106-01-02T15:14:05Z", "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430",
 "RelatedEvals": [{"ID": "4879839c-5f9e-945e-e9a5-47748c1e6afd"}]}

GET /v1/evaluation/4879839c-5f9e-945e-e9a5-47748c1e6afd/allocations
[]

=== transcript
$ steppe eval list
ID        Priority  Triggered By   Job ID  Node ID   Status    Placement Failures
93eecff7  50        job-register   web     <none>    complete  false
83eecff7  50        node-update    web     a3c94b28  complete  true
73eecff7  50        queued-allocs  web     <none>    blocked   N/A - In Progress
--- exit code: 0

$ steppe eval list -verbose -namespace='*'
ID                                    Priority  Triggered By   Job ID  Namespace  Node ID                               Status    Placement Failures
93eecff7-2c2e-6526-3d4b-d870ce50fb3f  50        job-register   web     default    <none>                                complete  false
83eecff7-2c2e-6526-3d4b-d870ce50fb3f  50        node-update    web     default    a3c94b28-f11c-2f2a-f70b-328d55fa9027  complete  true
73eecff7-2c2e-6526-3d4b-d870ce50fb3f  50        queued-allocs  web     default    <none>                                blocked   N/A - In Progress
--- exit code: 0

$ steppe eval list -per-page=1
ID        Priority  Triggered By  Job ID  Node ID  Status    Placement Failures
93eecff7  50        job-register  web     <none>   complete  false

Results have been paginated. To get the next page run:

steppe eval list -per-page=1 -page-token next-page
--- exit code: 0

$ steppe eval list -job=none
No evals found
--- exit code: 0

$ steppe eval list -job=none -json
[]
--- exit code: 0

$ steppe eval list -t '{{range .}}{{.TriggeredBy}} {{end}}'
job-register node-update queued-allocs 
--- exit code: 0

$ steppe eval list -per-page=1 -page-token=next-page -filter 'Status == complete'
ID        Priority  Triggered By  Job ID  Node ID  Status    Placement Failures
93eecff7  50        job-register  web     <none>   complete  false

Results have been paginated. To get the next page run:

steppe eval list -per-page=1 -filter 'Status == complete' -page-token next-page
--- exit code: 0

$ steppe eval status a4bf4c1c
ID                 = a4bf4c1c
Create Time        = 1h3m ago
Modify Time        = 1h30m ago
Status             = complete
Status Description = complete
Type               = service
TriggeredBy        = job-register
Job ID             = nope
Namespace          = default
Deployment ID      = a71cd600
Priority           = 50
Placement Failures = true

Related Evaluations
ID        Priority  Triggered By   Node ID  Status   Description
52905f7e  50        queued-allocs  <none>   blocked  created to place remaining allocations

Plan Annotations
Task Group  Ignore  Place  Stop  InPlace  Destructive  Migrate  Canary  Preemptions
app         1       2      0     0        0            0        0       0

Preempted Allocations
Alloc ID  Job ID  Task Group
0711cffd  etl     load

Placed Allocations
ID        Node ID   Task Group  Version  Desired  Status   Created    Modified
0711cffd  a3c94b28  app         0        run      running  1h30m ago  1h30m ago

Failed Placements
Task Group "app" (failed to place 2 allocations):
  * Constraint "${attr.kernel.name} = plan9": 1 nodes excluded by filter

Evaluation "52905f7e" waiting for additional capacity to place remainder
--- exit code: 0

$ steppe eval-status -verbose a4bf4c1c
ID                 = a4bf4c1c-f707-186d-a9c6-28d128843d4e
Create Time        = <now>
Modify Time        = <now>
Status             = complete
Status Description = complete
Type               = service
TriggeredBy        = job-register
Job ID             = nope
Namespace          = default
Deployment ID      = a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
Priority           = 50
Placement Failures = true
Previous Eval      = <none>
Next Eval          = <none>
Blocked Eval       = 52905f7e-9967-c53b-9da7-6a97e4699842

Related Evaluations
ID                                    Priority  Triggered By   Node ID  Status   Description
52905f7e-9967-c53b-9da7-6a97e4699842  50        queued-allocs  <none>   blocked  created to place remaining allocations

Plan Annotations
Task Group  Ignore  Place  Stop  InPlace  Destructive  Migrate  Canary  Preemptions
app         1       2      0     0        0            0        0       0

Preempted Allocations
Alloc ID                              Job ID  Task Group
0711cffd-0b86-e5c0-b0c9-e79d646ee2ee  etl     load

Placed Allocations
ID                                    Eval ID                               Node ID                               Node Name  Task Group  Version  Desired  Status   Created               Modified
0711cffd-0b86-e5c0-b0c9-e79d646ee2ee  a4bf4c1c-f707-186d-a9c6-28d128843d4e  a3c94b28-f11c-2f2a-f70b-328d55fa9027  <none>     app         0        run      running  <now>  <now>

Failed Placements
Task Group "app" (failed to place 2 allocations):
  * Constraint "${attr.kernel.name} = plan9": 1 nodes excluded by filter

Evaluation "52905f7e-9967-c53b-9da7-6a97e4699842" waiting for additional capacity to place remainder
--- exit code: 0

$ steppe eval status 83
ID                 = 83eecff7
Create Time        = 1h3m ago
Modify Time        = 1h30m ago
Status             = canceled
Status Description = canceled after more recent eval was processed
Type               = system
TriggeredBy        = node-update
Job ID             = log
Namespace          = dev
Node ID            = a3c94b28
Priority           = 50
Placement Failures = false
--- exit code: 0

$ steppe eval status 48
ID                 = 4879839c
Create Time        = 1h3m ago
Modify Time        = 1h30m ago
Status             = pending
Status Description = pending
Type               = service
TriggeredBy        = alloc-failure
Job ID             = web
Namespace          = default
Priority           = 50
Placement Failures = N/A - In Progress
Wait Until         = <now>
--- exit code: 0

$ steppe eval status -t '{{.JobID}}' a4bf4c1c
nope
--- exit code: 0

$ steppe eval status -json 93ee
{
    "ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f",
    "JobID": "web",
    "Status": "complete",
    "TriggeredBy": "job-register",
    "Type": "service"
}
--- exit code: 0

$ steppe eval status -monitor 93ee
==> <now>: Monitoring evaluation "93eecff7"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "93eecff7" finished with status "complete"
--- exit code: 0

$ steppe eval status 93
--- stderr:
Prefix matched multiple evaluations

ID        Priority  Triggered By  Job ID  Node ID  Status    Placement Failures
93eecff7  0         job-register  web     <none>   complete  false
93fecff7  0         job-register  db      <none>   complete  false
--- exit code: 1

$ steppe eval status dead
--- stderr:
No evaluation(s) with prefix or id "dead" found
--- exit code: 1

$ steppe eval status
--- stderr:
This command takes one argument: <evaluation>
For additional help try 'steppe eval status -help'
--- exit code: 1

