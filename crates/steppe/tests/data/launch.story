GET /v1/jobs
[{"ID": "nightly", "Namespace": "default", "Type": "batch", "Periodic": true, "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000},
 {"ID": "nightly/periodic-1136214000", "ParentID": "nightly", "Namespace": "default", "Type": "batch", "Priority": 50, "Status": "dead", "SubmitTime": 1136214245000000000},
 {"ID": "work", "Namespace": "default", "Type": "batch", "ParameterizedJob": true, "Priority": 50, "Status": "dead", "Stop": true, "SubmitTime": 1136214245000000000}]

GET /v1/jobs?prefix=nightly
[{"ID": "nightly", "Namespace": "default", "Periodic": true}, {"ID": "nightly/periodic-1136214000", "ParentID": "nightly", "Namespace": "default"}]

GET /v1/jobs?prefix=ni
[{"ID": "nightly", "Namespace": "default", "Periodic": true}, {"ID": "nightly/periodic-1136214000", "ParentID": "nightly", "Namespace": "default"}]

GET /v1/jobs?prefix=nightly/
[{"ID": "nightly/periodic-1136214000", "ParentID": "nightly", "Namespace": "default", "Status": "dead"},
 {"ID": "nightly/periodic-1136217600", "ParentID": "nightly", "Namespace": "default", "Status": "dead", "Stop": true},
 {"ID": "nightly/other", "ParentID": "", "Namespace": "default", "Status": "running"}]

GET /v1/jobs?prefix=work
[{"ID": "work", "Namespace": "default", "ParameterizedJob": true}]

GET /v1/jobs?prefix=wo
[{"ID": "work", "Namespace": "default", "ParameterizedJob": true}, {"ID": "world", "Namespace": "default"}]

GET /v1/jobs?prefix=work/
[]

GET /v1/jobs?prefix=world
[{"ID": "world", "Namespace": "default"}]

GET /v1/job/nightly
{"ID": "nightly", "Name": "nightly", "Namespace": "default", "Type": "batch", "Priority": 50, "Datacenters": ["west-1"], "NodePool": "default", "Status": "running", "SubmitTime": 1136214245000000000,
 "Periodic": {"Enabled": false, "Specs": ["0 3 * * *"], "SpecType": "cron", "TimeZone": "UTC"}}

GET /v1/job/nightly/summary
{"JobID": "nightly", "Summary": {"app": {}}, "Children": {"Pending": 1, "Running": 2, "Dead": 3}}

GET /v1/job/work
{"ID": "work", "Name": "work", "Namespace": "default", "Type": "batch", "Priority": 50, "Datacenters": ["west-1"], "NodePool": "default", "Status": "dead", "Stop": true, "SubmitTime": 1136214245000000000,
 "ParameterizedJob": {"Payload": "required", "MetaRequired": ["who", "where"]}}

GET /v1/job/work/summary
{"JobID": "work", "Summary": {"app": {}}, "Children": {"Pending": 0, "Running": 0, "Dead": 0}}

GET /v1/job/world
{"ID": "world", "Name": "world", "Namespace": "default", "Version": 4}

PUT /v1/jobs
{"EvalID": ""}

PUT /v1/job/nightly/plan
{"JobModifyIndex": 7, "NextPeriodicLaunch": "@date-in 3750", "Diff": {"Type": "None", "ID": "nightly"}}

PUT /v1/job/nightly/periodic/force
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

PUT /v1/job/nightly/periodic/force?region=east -> 500
job "nightly" is stopped and cannot be launched: start it first

PUT /v1/job/work/dispatch
{"DispatchedJobID": "work/dispatch-1136214245-8484aff3", "EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

PUT /v1/job/work/dispatch?region=east -> 500
job "work" requires a payload

PUT /v1/job/world/dispatch -> 500
job "world" is not parameterized: only jobs with a parameterized block are dispatched

GET /v1/job/work%2Fdispatch-1136214245-8484aff3
{"ID": "work/dispatch-1136214245-8484aff3", "Status": "dead"}

GET /v1/job/work%2Fdispatch-1136214245-8484aff3/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "ClientStatus": "complete"}, {"ID": "28011418-c581-3938-4ff6-df36bc691165", "ClientStatus": "failed"}]

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "nightly/periodic-1136214000", "Status": "complete"}

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

# Names of versions.

PUT /v1/job/world/versions/gold/tag
{"Name": "gold"}

PUT /v1/job/world/versions/gold/tag?region=east -> 500
tag "gold" already exists on a different version of job "world"

DELETE /v1/job/world/versions/gold/tag
{}

DELETE /v1/job/world/versions/nosuch/tag -> 404
tag "nosuch" not found on job "world"

GET /v1/job/world/versions
{"Versions": [{"ID": "world", "Version": 4, "Stable": true, "SubmitTime": 1136214245000000000, "Priority": 60},
 {"ID": "world", "Version": 2, "SubmitTime": 1136214145000000000, "Priority": 50, "VersionTag": {"Name": "gold", "Description": "before the move", "TaggedTime": 1136214145000000000}}]}

PUT /v1/job/world/revert
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

# Scaling.

GET /v1/job/world/scale
{"JobID": "world", "TaskGroups": {"app": {"Events": [{"Time": 1136214145000000000, "Count": 3, "PreviousCount": 2, "Message": "more", "EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}]},
 "db": {"Events": [{"Time": 1136214245000000000, "Count": null, "PreviousCount": 1, "Message": "no metrics", "Error": true}]}}}

GET /v1/job/work/scale
{"JobID": "work", "TaskGroups": {"app": {"Events": null}}}

GET /v1/scaling/policies
[{"ID": "91a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d", "Enabled": true, "Type": "horizontal", "Target": {"Namespace": "default", "Job": "world", "Group": "app"}},
 {"ID": "21a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d", "Enabled": false, "Type": "vertical_mem", "Target": {"Namespace": "default", "Job": "world", "Group": "app", "Task": "server"}}]

GET /v1/scaling/policies?job=none
[]

GET /v1/scaling/policies?prefix=91a1&namespace=*
[{"ID": "91a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d"}]

GET /v1/scaling/policies?prefix=ffff&namespace=*
[]

GET /v1/scaling/policy/91a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d
{"ID": "91a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d", "Enabled": true, "Type": "horizontal", "Target": {"Namespace": "default", "Job": "world", "Group": "app"}, "Min": 1, "Max": 9, "Policy": {"cooldown": "1m"}}

GET /v1/jobs?prefix=work/&region=east
[{"ID": "work/dispatch-1136214245-8484aff3", "ParentID": "work", "Namespace": "default", "Status": "running"}]

GET /v1/jobs?prefix=nightly/&region=east
[]

=== transcript
### Jobs that launch others.

$ steppe job status
ID                           Type                 Priority  Status          Submit Date
nightly                      batch/periodic       50        running         2006-01-02T15:04:05Z
nightly/periodic-1136214000  batch                50        dead            2006-01-02T15:04:05Z
work                         batch/parameterized  50        dead (stopped)  2006-01-02T15:04:05Z
--- exit code: 0

$ steppe job status nightly
ID                   = nightly
Name                 = nightly
Submit Date          = 2006-01-02T15:04:05Z
Type                 = batch
Priority             = 50
Datacenters          = west-1
Namespace            = default
Node Pool            = default
Status               = running
Periodic             = true
Parameterized        = false
Next Periodic Launch = none

Children Job Summary
Pending  Running  Dead
1        2        3

Previously Launched Jobs
ID                           Status
nightly/periodic-1136214000  dead
nightly/periodic-1136217600  dead (stopped)
--- exit code: 0

$ steppe job status -short nightly
ID                   = nightly
Name                 = nightly
Submit Date          = 2006-01-02T15:04:05Z
Type                 = batch
Priority             = 50
Datacenters          = west-1
Namespace            = default
Node Pool            = default
Status               = running
Periodic             = true
Parameterized        = false
Next Periodic Launch = none
--- exit code: 0

$ steppe job status work
ID            = work
Name          = work
Submit Date   = 2006-01-02T15:04:05Z
Type          = batch
Priority      = 50
Datacenters   = west-1
Namespace     = default
Node Pool     = default
Status        = dead (stopped)
Periodic      = false
Parameterized = true

Parameterized Job
Payload           = required
Required Metadata = who, where
Optional Metadata = <none>

Parameterized Job Summary
Pending  Running  Dead
0        0        0

No dispatched instances of parameterized job found
--- exit code: 0

$ steppe job status -region=east work
ID            = work
Name          = work
Submit Date   = 2006-01-02T15:04:05Z
Type          = batch
Priority      = 50
Datacenters   = west-1
Namespace     = default
Node Pool     = default
Status        = dead (stopped)
Periodic      = false
Parameterized = true

Parameterized Job
Payload           = required
Required Metadata = who, where
Optional Metadata = <none>

Parameterized Job Summary
Pending  Running  Dead
0        0        0

Dispatched Jobs
ID                                 Status
work/dispatch-1136214245-8484aff3  running
--- exit code: 0

$ steppe job status -region=east nightly
ID                   = nightly
Name                 = nightly
Submit Date          = 2006-01-02T15:04:05Z
Type                 = batch
Priority             = 50
Datacenters          = west-1
Namespace            = default
Node Pool            = default
Status               = running
Periodic             = true
Parameterized        = false
Next Periodic Launch = none

Children Job Summary
Pending  Running  Dead
1        2        3

No instances of periodic job found
--- exit code: 0

$ steppe job run jobs/nightly.nomad.hcl
Job registration successful
>>> PUT /v1/jobs?namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ steppe job plan jobs/nightly.nomad.hcl
Job: "nightly"

Scheduler dry-run:
- All tasks successfully allocated.
- If submitted now, next periodic launch would be at <now> (1h2m from now).

Job Modify Index: 7
To submit the job with version verification run:

steppe job run -check-index 7 jobs/nightly.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/nightly/plan?namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 0

### By hand.

$ steppe job periodic force ni
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "nightly/periodic-1136214000"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/job/nightly/periodic/force?namespace=default
--- exit code: 0

$ steppe job periodic force -detach nightly
Force periodic successful
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/job/nightly/periodic/force?namespace=default
--- exit code: 0

$ steppe job periodic force -region=east nightly
--- stderr:
Error forcing periodic job: Unexpected response code: 500 (job "nightly" is stopped and cannot be launched: start it first)
>>> PUT /v1/job/nightly/periodic/force?region=east&namespace=default
--- exit code: 1

$ steppe job periodic
Usage: steppe job periodic <subcommand> [options] [args]

  Act on jobs that are launched by the clock

Subcommands:
    force    Launch a periodic job now
--- exit code: 1

### Dispatch.

$ steppe job dispatch -detach -meta who=ann -meta where=here=there -idempotency-token t -id-prefix-template blue -priority 70 wo - <<< the payload
Dispatched Job ID = work/dispatch-1136214245-8484aff3
Evaluation ID     = 8484aff3
>>> PUT /v1/job/work/dispatch?namespace=default {"IdPrefixTemplate":"blue","IdempotencyToken":"t","JobID":"work","Meta":{"where":"here=there","who":"ann"},"Namespace":"","Payload":"dGhlIHBheWxvYWQ=","Priority":70,"Region":""}
--- exit code: 0

$ steppe job dispatch work jobs/wrong.nomad.hcl
Dispatched Job ID = work/dispatch-1136214245-8484aff3
Evaluation ID     = 8484aff3

==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "nightly/periodic-1136214000"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/job/work/dispatch?namespace=default {"IdPrefixTemplate":"","IdempotencyToken":"","JobID":"work","Meta":null,"Namespace":"","Payload":"am9iICJ3cm9uZyIgewogIGRhdGFjZW50ZXJzID0gWyJ3ZXN0LTEiXQogIGdydXAgImFwcCIgewogIH0KCiAgZ3JvdXAgImFwcCIgewogICAgY250ID0gMQoKICAgIHRhc2sgInNlcnZlciIgewogICAgICBkcml2ZXIgPSAicmF3X2V4ZWMiCiAgICB9CiAgfQp9Cg==","Priority":0,"Region":""}
--- exit code: 0

$ steppe job dispatch -detach -wait work
Dispatched Job ID = work/dispatch-1136214245-8484aff3
Evaluation ID     = 8484aff3
Job "work/dispatch-1136214245-8484aff3" has ended, 1 of its allocations failed
>>> PUT /v1/job/work/dispatch?namespace=default {"IdPrefixTemplate":"","IdempotencyToken":"","JobID":"work","Meta":null,"Namespace":"","Payload":null,"Priority":0,"Region":""}
--- exit code: 1

$ steppe job dispatch -detach -region=east work
--- stderr:
Error dispatching job: Unexpected response code: 500 (job "work" requires a payload)
>>> PUT /v1/job/work/dispatch?region=east&namespace=default {"IdPrefixTemplate":"","IdempotencyToken":"","JobID":"work","Meta":null,"Namespace":"","Payload":null,"Priority":0,"Region":""}
--- exit code: 1

$ steppe job dispatch world
--- stderr:
Error dispatching job: Unexpected response code: 500 (job "world" is not parameterized: only jobs with a parameterized block are dispatched)
>>> PUT /v1/job/world/dispatch?namespace=default {"IdPrefixTemplate":"","IdempotencyToken":"","JobID":"world","Meta":null,"Namespace":"","Payload":null,"Priority":0,"Region":""}
--- exit code: 1

$ steppe job dispatch -meta who work
--- stderr:
-meta "who" is no key=value
For additional help try 'steppe job dispatch -help'
--- exit code: 1

$ steppe job dispatch work nosuch-file
--- stderr:
Error reading input data from nosuch-file: No such file or directory (os error 2)
--- exit code: 1

### Names of versions.

$ steppe job tag apply -name gold -description 'before the move' -version 2 world
Job version 2 tagged with name "gold"
>>> PUT /v1/job/world/versions/gold/tag?namespace=default {"Description":"before the move","Latest":false,"Namespace":"","Region":"","Version":2}
--- exit code: 0

$ steppe job tag apply -name gold world
Job version 4 tagged with name "gold"
>>> PUT /v1/job/world/versions/gold/tag?namespace=default {"Description":"","Latest":false,"Namespace":"","Region":"","Version":4}
--- exit code: 0

$ steppe job tag apply -region=east -name gold world
--- stderr:
Error tagging job version: Unexpected response code: 500 (tag "gold" already exists on a different version of job "world")
>>> PUT /v1/job/world/versions/gold/tag?region=east&namespace=default {"Description":"","Latest":false,"Namespace":"","Region":"","Version":4}
--- exit code: 1

$ steppe job tag apply world
--- stderr:
The name of a tag is needed: -name
For additional help try 'steppe job tag apply -help'
--- exit code: 1

$ steppe job tag unset -name gold world
Tag "gold" removed from job "world"
>>> DELETE /v1/job/world/versions/gold/tag?namespace=default
--- exit code: 0

$ steppe job tag unset -name nosuch world
--- stderr:
Error untagging job version: Unexpected response code: 404 (tag "nosuch" not found on job "world")
>>> DELETE /v1/job/world/versions/nosuch/tag?namespace=default
--- exit code: 1

$ steppe job history world
Version     = 4
Stable      = true
Submit Date = 2006-01-02T15:04:05Z

Version         = 2
Stable          = false
Submit Date     = 2006-01-02T15:02:25Z
Tag Name        = gold
Tag Description = before the move
--- exit code: 0

$ steppe job history -diff-tag gold world
Version     = 4
Stable      = true
Submit Date = 2006-01-02T15:04:05Z
Diff        = 
+/- Job: "world"
+/- Priority: "50" => "60"

Version         = 2
Stable          = false
Submit Date     = 2006-01-02T15:02:25Z
Tag Name        = gold
Tag Description = before the move
--- exit code: 0

$ steppe job history -diff-tag nosuch world
--- stderr:
Job "world" has no version with the tag "nosuch"
--- exit code: 1

$ steppe job revert -detach world gold
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/job/world/revert?namespace=default {"EnforcePriorVersion":null,"JobID":"world","JobVersion":2,"Namespace":"","Region":""}
--- exit code: 0

$ steppe job revert -detach world silver
--- stderr:
Job "world" has no version with the tag "silver"; its tags: gold
--- exit code: 1

### Scaling.

$ steppe job scaling-events world
Task Group  Count   PrevCount  Date
db          <none>  1          2006-01-02T15:04:05Z
app         3       2          2006-01-02T15:02:25Z
--- exit code: 0

$ steppe job scaling-events -verbose world
Task Group  Count   PrevCount  Error  Message     Eval ID                               Date
db          <none>  1          true   no metrics  <none>                                2006-01-02T15:04:05Z
app         3       2          false  more        8484aff3-2c2e-6526-3d4b-d870ce50fb3f  2006-01-02T15:02:25Z
--- exit code: 0

$ steppe job scaling-events work
No events found
--- exit code: 0

$ steppe scaling policy list
ID        Enabled  Type          Target
91a1e1ae  true     horizontal    Namespace:default,Job:world,Group:app
21a1e1ae  false    vertical_mem  Namespace:default,Job:world,Group:app,Task:server
--- exit code: 0

$ steppe scaling policy list -verbose
ID                                    Enabled  Type          Target
91a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d  true     horizontal    Namespace:default,Job:world,Group:app
21a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d  false    vertical_mem  Namespace:default,Job:world,Group:app,Task:server
--- exit code: 0

$ steppe scaling policy list -job none
No policies found
--- exit code: 0

$ steppe scaling policy list -json -job none
[]
--- exit code: 0

$ steppe scaling policy list -t '{{range .}}{{.Type}} {{end}}'
horizontal vertical_mem 
--- exit code: 0

$ steppe scaling policy info 91a1
ID      = 91a1e1ae
Enabled = true
Target  = Namespace:default,Job:world,Group:app
Min     = 1
Max     = 9

Policy:
{
    "cooldown": "1m"
}
--- exit code: 0

$ steppe scaling policy info -verbose 91a1
ID      = 91a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d
Enabled = true
Target  = Namespace:default,Job:world,Group:app
Min     = 1
Max     = 9

Policy:
{
    "cooldown": "1m"
}
--- exit code: 0

$ steppe scaling policy info -json 91a1
{
    "CreateIndex": 0,
    "Enabled": true,
    "ID": "91a1e1ae-0e79-5d4b-9d0c-0d2b3f4a5c6d",
    "Max": 9,
    "Min": 1,
    "ModifyIndex": 0,
    "Policy": {
        "cooldown": "1m"
    },
    "Target": {
        "Group": "app",
        "Job": "world",
        "Namespace": "default"
    },
    "Type": "horizontal"
}
--- exit code: 0

$ steppe scaling policy info -t '{{.Min}} to {{.Max}}' 91a1
1 to 9
--- exit code: 0

$ steppe scaling policy info ffff
--- stderr:
No scaling policies with prefix or ID "ffff" found
--- exit code: 1

