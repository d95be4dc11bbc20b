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

=== transcript
### Jobs that launch others.

$ steppe job status
$ steppe job status nightly
$ steppe job status -short nightly
$ steppe job status work
$ steppe job run jobs/nightly.nomad.hcl
$ steppe job plan jobs/nightly.nomad.hcl
### By hand.

$ steppe job periodic force ni
$ steppe job periodic force -detach nightly
$ steppe job periodic force -region=east nightly
$ steppe job periodic
### Dispatch.

$ steppe job dispatch -detach -meta who=ann -meta where=here=there -idempotency-token t -id-prefix-template blue -priority 70 wo - <<< the payload
$ steppe job dispatch work jobs/wrong.nomad.hcl
$ steppe job dispatch -detach -wait work
$ steppe job dispatch -detach -region=east work
$ steppe job dispatch world
$ steppe job dispatch -meta who work
$ steppe job dispatch work nosuch-file
### Names of versions.

$ steppe job tag apply -name gold -description 'before the move' -version 2 world
$ steppe job tag apply -name gold world
$ steppe job tag apply -region=east -name gold world
$ steppe job tag apply world
$ steppe job tag unset -name gold world
$ steppe job tag unset -name nosuch world
$ steppe job history world
$ steppe job history -diff-tag gold world
$ steppe job history -diff-tag nosuch world
$ steppe job revert -detach world gold
$ steppe job revert -detach world silver
### Scaling.

$ steppe job scaling-events world
$ steppe job scaling-events -verbose world
$ steppe job scaling-events work
$ steppe scaling policy list
$ steppe scaling policy list -verbose
$ steppe scaling policy list -job none
$ steppe scaling policy info 91a1
$ steppe scaling policy info ffff
