GET /v1/jobs?prefix=multi
[{"ID": "multi", "Namespace": "default"}]

GET /v1/job/multi
{"ID": "multi", "Name": "multi", "Namespace": "default", "Type": "service", "Priority": 50, "Datacenters": ["west-1"], "NodePool": "default", "Status": "running", "Version": 3, "SubmitTime": 1136214245000000000,
 "Multiregion": {"Strategy": {"MaxParallel": 1, "OnFailure": "fail_all"}, "Regions": [{"Name": "west", "Count": 1}, {"Name": "east", "Count": 2}, {"Name": "mid", "Count": 1}]}}

GET /v1/job/multi?region=mars
{"ID": "multi", "Name": "multi", "Namespace": "default", "Type": "service", "Priority": 50, "Datacenters": ["west-1"], "NodePool": "default", "Status": "running", "Version": 3, "SubmitTime": 1136214245000000000,
 "Multiregion": {"Regions": [{"Name": "west", "Count": 1}, {"Name": "gone", "Count": 2}]}}

GET /v1/job/multi/summary
{"JobID": "multi", "Summary": {"app": {"Running": 1}}}

GET /v1/job/multi/evaluations
[]

GET /v1/job/multi/allocations
[]

# In the west a local revert came after the rollout. The rollout is the deployment with the same version everywhere.

GET /v1/job/multi/deployments
[{"ID": "1f4d1f5a-0c0e-4d51-b8f8-000000000001", "JobID": "multi", "JobVersion": 2, "IsMultiregion": true, "Status": "blocked", "StatusDescription": "Deployment is complete but waiting for peer region", "CreateIndex": 20,
  "TaskGroups": {"app": {"AutoRevert": true, "DesiredTotal": 1, "PlacedAllocs": 1, "HealthyAllocs": 1}}},
 {"ID": "2e4d1f5a-0c0e-4d51-b8f8-000000000001", "JobID": "multi", "JobVersion": 1, "IsMultiregion": true, "Status": "successful", "CreateIndex": 10},
 {"ID": "3a4d1f5a-0c0e-4d51-b8f8-000000000001", "JobID": "multi", "JobVersion": 3, "Status": "running", "StatusDescription": "Deployment is running", "CreateIndex": 30,
  "TaskGroups": {"app": {"DesiredTotal": 1, "PlacedAllocs": 1, "HealthyAllocs": 1}}}]

GET /v1/job/multi/deployments?region=east
[{"ID": "8e3c2a77-0c0e-4d51-b8f8-000000000001", "JobID": "multi", "JobVersion": 2, "IsMultiregion": true, "Status": "running", "CreateIndex": 220},
 {"ID": "9e3c2a77-0c0e-4d51-b8f8-000000000001", "JobID": "multi", "JobVersion": 2, "Status": "running", "CreateIndex": 230}]

GET /v1/job/multi/deployments?region=mid
[{"ID": "7e3c2a77-0c0e-4d51-b8f8-000000000001", "JobID": "multi", "JobVersion": 1, "IsMultiregion": true, "Status": "successful", "CreateIndex": 220}]

GET /v1/job/multi/deployments?region=gone -> 500
No path to region "gone"; known regions: east, west

GET /v1/deployments?prefix=1f4d1f5a
[{"ID": "1f4d1f5a-0c0e-4d51-b8f8-000000000001", "JobID": "multi", "Namespace": "default", "JobVersion": 2, "IsMultiregion": true, "Status": "blocked", "StatusDescription": "Deployment is complete but waiting for peer region",
  "TaskGroups": {"app": {"AutoRevert": true, "DesiredTotal": 1, "PlacedAllocs": 1, "HealthyAllocs": 1}}}]

PUT /v1/deployment/unblock/1f4d1f5a-0c0e-4d51-b8f8-000000000001
{"EvalID": "", "DeploymentModifyIndex": 40}

PUT /v1/jobs
{"EvalID": "c6d4d8a2-3c1e-4a52-9a59-000000000003", "JobModifyIndex": 50}

# A rollout that goes on while it is watched.

GET /v1/job/multi/rollout
{"ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927", "Origin": "west", "JobID": "multi", "Kind": "run", "JobVersion": 2, "Strategy": {"MaxParallel": 1, "OnFailure": "fail_all"}, "SubmitTime": "@ago 3690",
 "Regions": [{"Region": "west", "Listed": true, "Known": true, "Phase": "running", "Status": "running", "DeploymentID": "1f4d1f5a-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 3, "Placed": 2, "Healthy": 1, "WaitingFor": "its own allocations"},
  {"Region": "east", "Listed": true, "Known": true, "Phase": "adopted", "Status": "pending", "DeploymentID": "8e3c2a77-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 2, "Age": 3000000000, "WaitingFor": "waiting for west (running, 1 of 3 healthy)"},
  {"Region": "mid", "Listed": true, "Deferred": true}]}

GET /v1/job/multi/rollout
{"ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927", "Origin": "west", "JobID": "multi", "Kind": "run", "JobVersion": 2, "Strategy": {"MaxParallel": 1, "OnFailure": "fail_all"}, "SubmitTime": "@ago 3690",
 "Regions": [{"Region": "west", "Listed": true, "Known": true, "Phase": "running", "Status": "running", "DeploymentID": "1f4d1f5a-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 3, "Placed": 2, "Healthy": 1, "WaitingFor": "its own allocations"},
  {"Region": "east", "Listed": true, "Known": true, "Phase": "adopted", "Status": "pending", "DeploymentID": "8e3c2a77-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 2, "Age": 3000000000, "WaitingFor": "waiting for west (running, 1 of 3 healthy)"},
  {"Region": "mid", "Listed": true, "Deferred": true}]}

GET /v1/job/multi/rollout
{"ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927", "Origin": "west", "JobID": "multi", "Kind": "run", "JobVersion": 2, "Strategy": {"MaxParallel": 1, "OnFailure": "fail_all"}, "SubmitTime": "@ago 3690",
 "Regions": [{"Region": "west", "Listed": true, "Known": true, "Phase": "running", "Status": "running", "DeploymentID": "1f4d1f5a-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 3, "Placed": 2, "Healthy": 1, "WaitingFor": "its own allocations"},
  {"Region": "east", "Listed": true, "Known": true, "Phase": "adopted", "Status": "pending", "DeploymentID": "8e3c2a77-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 2, "Age": 3000000000, "WaitingFor": "waiting for west (running, 1 of 3 healthy)"},
  {"Region": "mid", "Listed": true, "Deferred": true}]}

GET /v1/job/multi/rollout
{"ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927", "Origin": "west", "JobID": "multi", "Kind": "run", "JobVersion": 2, "Strategy": {"MaxParallel": 1, "OnFailure": "fail_all"}, "SubmitTime": "@ago 3690",
 "Regions": [{"Region": "west", "Listed": true, "Known": true, "Phase": "running", "DeploymentID": "1f4d1f5a-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 3, "Placed": 2, "Healthy": 1, "WaitingFor": "its own allocations"},
  {"Region": "east", "Listed": true, "Known": true, "Phase": "adopted", "DeploymentID": "8e3c2a77-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 2, "Age": 3000000000, "WaitingFor": "waiting for west (running, 1 of 3 healthy)"},
  {"Region": "mid", "Listed": true, "Deferred": true}]}

GET /v1/job/multi/rollout
{"ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927", "Origin": "west", "JobID": "multi", "Kind": "run", "JobVersion": 2, "Strategy": {"MaxParallel": 1, "OnFailure": ""}, "SubmitTime": "@ago 3690",
 "Regions": [{"Region": "west", "Listed": true, "Known": true, "Phase": "running", "JobVersion": 2, "Desired": 3, "Healthy": 2}]}

GET /v1/job/multi/rollout
{"ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927", "Origin": "west", "JobID": "multi", "Kind": "run", "JobVersion": 2, "Strategy": {"MaxParallel": 0, "OnFailure": "fail_local"}, "SubmitTime": "@ago 3690",
 "Regions": [{"Region": "west", "Listed": true, "Known": true, "Phase": "held", "DeploymentID": "1f4d1f5a-0c0e-4d51-b8f8-000000000001", "JobVersion": 2, "Desired": 1, "Healthy": 1, "Cause": "region east failed", "WaitingFor": "a person"},
  {"Region": "east", "Listed": true, "Known": true, "Phase": "failed", "JobVersion": 2, "Desired": 2, "Age": 65000000000, "Cause": "Failed due to progress deadline", "Forced": true},
  {"Region": "old", "Known": true, "Phase": "dropped", "Age": 1000000000}]}

GET /v1/job/multi/rollout
{"ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927", "Origin": "west", "JobID": "multi", "Kind": "stop", "JobVersion": 2, "SubmitTime": 1136214245000000000,
 "Regions": [{"Region": "west", "Listed": true, "Known": true, "Phase": "stopped", "JobVersion": 2}]}

=== transcript
$ steppe job status multi
ID            = multi
Name          = multi
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = west-1
Namespace     = default
Node Pool     = default
Status        = running
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         0       0         1        0       0         0     0

Latest Deployment
ID          = 3a4d1f5a
Status      = running
Description = Deployment is running

Multiregion Deployment
Region  ID        Status
east    8e3c2a77  running
mid     <none>    <none>
west    1f4d1f5a  blocked

east: pending, waiting for west (running, 1 of 3 healthy), as of 3s ago

Deployed
Task Group  Desired  Placed  Healthy  Unhealthy
app         1        1       1        0

Allocations
No allocations placed
--- exit code: 0

$ steppe job status -region mars multi
ID            = multi
Name          = multi
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = west-1
Namespace     = default
Node Pool     = default
Status        = running
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         0       0         1        0       0         0     0

Latest Deployment
ID          = 3a4d1f5a
Status      = running
Description = Deployment is running

Multiregion Deployment
Region        ID        Status
gone (error)  <none>    <none>
west          1f4d1f5a  blocked

east: pending, waiting for west (running, 1 of 3 healthy), as of 3s ago

Deployed
Task Group  Desired  Placed  Healthy  Unhealthy
app         1        1       1        0

Allocations
No allocations placed
--- exit code: 0

$ steppe deployment status 1f4d1f5a
ID          = 1f4d1f5a
Job ID      = multi
Job Version = 2
Status      = blocked
Description = Deployment is complete but waiting for peer region

Multiregion Deployment
Region  ID        Status
east    8e3c2a77  running
mid     <none>    <none>
west    1f4d1f5a  blocked

east: pending, waiting for west (running, 1 of 3 healthy), as of 3s ago

Deployed
Task Group  Auto Revert  Desired  Placed  Healthy  Unhealthy
app         true         1        1       1        0
--- exit code: 0

$ steppe deployment unblock -detach -region west 1f4d1f5a
Deployment "1f4d1f5a-0c0e-4d51-b8f8-000000000001" unblocked
>>> PUT /v1/deployment/unblock/1f4d1f5a-0c0e-4d51-b8f8-000000000001?region=west&namespace=default {"DeploymentID":"1f4d1f5a-0c0e-4d51-b8f8-000000000001","Namespace":"","Region":""}
--- exit code: 0

$ steppe job rollout status multi
Rollout ID   = 5.west.9124fa58-63e1-454d-9ee8-3edb64543927
Job ID       = multi
Job Version  = 2
Kind         = run
Origin       = west
Submitted    = 1h1m ago
Max Parallel = 1
On Failure   = fail_all

Regions
Region  Phase               Version  Deployment  Healthy  Seen    Waiting For
west    running             2        1f4d1f5a    1 of 3   here    its own allocations
east    adopted             2        8e3c2a77    0 of 2   3s ago  west (running, 1 of 3 healthy)
mid     unknown (deferred)  <none>   <none>      <none>   never   -
--- exit code: 0

$ steppe job run -monitor jobs/multi.nomad.hcl
Job registration successful
Evaluation ID: c6d4d8a2-3c1e-4a52-9a59-000000000003


<now>
Rollout ID   = 5.west.9124fa58-63e1-454d-9ee8-3edb64543927
Job ID       = multi
Job Version  = 2
Kind         = run
Origin       = west
Submitted    = 1h1m ago
Max Parallel = 1
On Failure   = fail the regions after it

Regions
Region  Phase    Version  Deployment  Healthy  Seen  Waiting For
west    running  2        <none>      2 of 3   here  -

<now>
Rollout ID   = 5.west.9124fa58-63e1-454d-9ee8-3edb64543927
Job ID       = multi
Job Version  = 2
Kind         = run
Origin       = west
Submitted    = 1h1m ago
Max Parallel = all at once
On Failure   = fail_local

Regions
Region  Phase            Version  Deployment  Healthy  Seen      Waiting For  Cause
west    held             2        1f4d1f5a    1 of 1   here      a person     region east failed
east    failed (forced)  2        <none>      0 of 2   1m5s ago  -            Failed due to progress deadline
old     dropped          0        <none>      0 of 0   1s ago    -            -
>>> PUT /v1/jobs?namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 1

$ steppe job rollout status -json -verbose multi
{
    "Aborted": false,
    "Author": "",
    "Base": null,
    "ID": "5.west.9124fa58-63e1-454d-9ee8-3edb64543927",
    "JobID": "multi",
    "JobVersion": 2,
    "Kind": "stop",
    "Namespace": "",
    "Origin": "west",
    "Regions": [
        {
            "Age": 0,
            "Cause": "",
            "CauseRegion": "",
            "Deferred": false,
            "DeploymentID": "",
            "Desired": 0,
            "Excluded": false,
            "Forced": false,
            "Healthy": 0,
            "Incarnation": 0,
            "JobVersion": 2,
            "Known": true,
            "Listed": true,
            "Phase": "stopped",
            "Placed": 0,
            "Region": "west",
            "Released": false,
            "Seq": 0,
            "Status": null,
            "WaitingFor": ""
        }
    ],
    "SpecHash": "",
    "Strategy": {
        "MaxParallel": 0,
        "OnFailure": ""
    },
    "SubmitTime": 1136214245000000000
}
--- exit code: 0

