PUT /v1/job/web/plan
{"JobModifyIndex": 0, "Annotations": {"DesiredTGUpdates": {"app": {"Place": 2}}},
 "Diff": {"Type": "Added", "ID": "web", "TaskGroups": [{"Type": "Added", "Name": "app", "Updates": {"create": 2}, "Fields": [{"Type": "Added", "Name": "Count", "New": "2"}], "Tasks": [{"Type": "Added", "Name": "server", "Annotations": ["forces create"]}]}]}}

PUT /v1/job/web/plan?region=same
{"JobModifyIndex": 11, "Warnings": "1 warning:\n\n* think twice", "Annotations": {"DesiredTGUpdates": {"app": {"Ignore": 2, "InPlaceUpdate": 1}}},
 "Diff": {"Type": "None", "ID": "web", "TaskGroups": [{"Type": "None", "Name": "app", "Updates": {"ignore": 2}, "Tasks": [{"Type": "None", "Name": "server"}]}]}}

PUT /v1/job/web/plan?region=full
{"JobModifyIndex": 38, "Annotations": {"DesiredTGUpdates": {"app": {"DestructiveUpdate": 1}}},
 "FailedTGAllocs": {"app": {"NodesEvaluated": 1, "CoalescedFailures": 1, "ConstraintFiltered": {"${attr.kernel.name} = plan9": 1}}},
 "Diff": {"Type": "Edited", "ID": "web", "TaskGroups": [{"Type": "Edited", "Name": "app", "Updates": {"create/destroy update": 1}, "Fields": [{"Type": "Edited", "Name": "Count", "Old": "2", "New": "3", "Annotations": ["forces create"]}],
  "Tasks": [{"Type": "Edited", "Name": "server", "Annotations": ["forces create/destroy update"], "Objects": [{"Type": "Edited", "Name": "Config", "Fields": [{"Type": "None", "Name": "args[0]", "Old": "-c", "New": "-c"}, {"Type": "Edited", "Name": "args[1]", "Old": "a", "New": "b"}]}]}]}]}}

PUT /v1/job/web/plan?region=tight
{"JobModifyIndex": 39, "Annotations": {"DesiredTGUpdates": {"app": {"Place": 2, "Preemptions": 1}}, "PreemptedAllocs": [{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "JobID": "etl", "TaskGroup": "load", "Namespace": "default", "JobType": "batch"}]},
 "FailedTGAllocs": {"app": {"NodesEvaluated": 3, "NodesFiltered": 1, "NodesExhausted": 2, "ClassFiltered": {"small": 1}, "ConstraintFiltered": {"missing drivers": 1}, "ClassExhausted": {"large": 2}, "DimensionExhausted": {"memory": 1, "devices: no devices match request": 1},
  "ScoreMetaData": [{"NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Scores": {"binpack": 0.8, "allocation-spread": -0.25, "preemption": 0.9998}, "NormScore": 0.517}]}}}

PUT /v1/job/web/plan?region=mars -> 500
No path to region "mars"; known regions: east, west

PUT /v1/job/multi/plan?region=west
{"Annotations": {"DesiredTGUpdates": {"app": {"Ignore": 1}}}, "Diff": {"Type": "None", "ID": "multi", "TaskGroups": [{"Type": "None", "Name": "app", "Updates": {"ignore": 1}}]}}

PUT /v1/job/multi/plan?region=east
{"Annotations": {"DesiredTGUpdates": {"app": {"Place": 2}}}, "Diff": {"Type": "Added", "ID": "multi", "TaskGroups": [{"Type": "Added", "Name": "app", "Updates": {"create": 2}}]}}

PUT /v1/job/multi/plan?region=east&namespace=away -> 500
No path to region "east"; known regions: west

PUT /v1/job/everywhere/plan
{"JobModifyIndex": 40, "Annotations": {"DesiredTGUpdates": {"app": {"Place": 1}}}, "FailedTGAllocs": {"app": {"NodesEvaluated": 1, "NodesExhausted": 1, "DimensionExhausted": {"memory": 1}}}}

PUT /v1/job/web/plan?region=crowded
{"JobModifyIndex": 41, "Annotations": {"PreemptedAllocs": [{"JobID": "etl", "JobType": "batch", "Namespace": "default"}, {"JobID": "etl", "JobType": "batch", "Namespace": "default"}, {"JobID": "etl", "JobType": "batch", "Namespace": "default"}, {"JobID": "etl", "JobType": "batch", "Namespace": "default"}, {"JobID": "etl", "JobType": "batch", "Namespace": "default"}, {"JobID": "etl", "JobType": "batch", "Namespace": "default"},
 {"JobID": "log", "JobType": "system", "Namespace": "dev"}, {"JobID": "log", "JobType": "system", "Namespace": "dev"}, {"JobID": "log", "JobType": "system", "Namespace": "dev"}, {"JobID": "log", "JobType": "system", "Namespace": "dev"}, {"JobID": "log", "JobType": "system", "Namespace": "dev"}]}}

=== transcript
$ steppe job plan jobs/web.nomad.hcl
+ Job: "web"
+ Task Group: "app" (2 create)
  + Task: "server" (forces create)

Scheduler dry-run:
- All tasks successfully allocated.

Job Modify Index: 0
To submit the job with version verification run:

steppe job run -check-index 0 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

$ steppe job plan -verbose -var 'version=a b' jobs/web.nomad.hcl
+ Job: "web"
+ Task Group: "app" (2 create)
  + Count: "2"
  + Task: "server" (forces create)

Scheduler dry-run:
- All tasks successfully allocated.

Job Modify Index: 0
To submit the job with version verification run:

steppe job run -check-index 0 -var='version=a b' jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

$ steppe job plan -region=same jobs/web.nomad.hcl
Job: "web"
Task Group: "app" (2 ignore)
  Task: "server"

Scheduler dry-run:
- All tasks successfully allocated.

Job Warnings:
1 warning:

* think twice

Job Modify Index: 11
To submit the job with version verification run:

steppe job run -check-index 11 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?region=same&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 0

$ steppe plan -region=full jobs/web.nomad.hcl
+/- Job: "web"
+/- Task Group: "app" (1 create/destroy update)
  +/- Count: "2" => "3" (forces create)
  +/- Task: "server" (forces create/destroy update)
    +/- Config {
          args[0]: "-c"
      +/- args[1]: "a" => "b"
        }

Scheduler dry-run:
- WARNING: Failed to place all allocations.
  Task Group "app" (failed to place 2 allocations):
    * Constraint "${attr.kernel.name} = plan9": 1 nodes excluded by filter

Job Modify Index: 38
To submit the job with version verification run:

steppe job run -check-index 38 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?region=full&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

$ steppe job plan -region=same -diff=false jobs/web.nomad.hcl
Job: "web"
Task Group: "app" (2 ignore)
  Task: "server"

Scheduler dry-run:
- All tasks successfully allocated.

Job Warnings:
1 warning:

* think twice

Job Modify Index: 11
To submit the job with version verification run:

steppe job run -check-index 11 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?region=same&namespace=default {"Diff":false,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 0

$ steppe job plan -region=same -t '{{.JobModifyIndex}}' jobs/web.nomad.hcl
11
>>> PUT /v1/job/web/plan?region=same&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 0

$ NOMAD_CLI_FORCE_COLOR=1 steppe job plan -region=full jobs/web.nomad.hcl
[33m+/- [0m[1mJob: "web"[0m
[33m+/- [0m[1mTask Group: "app"[0m ([33m1 create/destroy update[0m)
  [33m+/- [0mCount: "2" => "3" (forces create)
  [33m+/- [0m[1mTask: "server"[0m (forces create/destroy update)
    [33m+/- [0mConfig {
          args[0]: "-c"
      [33m+/- [0margs[1]: "a" => "b"
        }

[1mScheduler dry-run:[0m
[33m- WARNING: Failed to place all allocations.[0m
  Task Group "app" (failed to place 2 allocations):
    * Constraint "${attr.kernel.name} = plan9": 1 nodes excluded by filter

[1mJob Modify Index: 38[0m
To submit the job with version verification run:

steppe job run -check-index 38 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?region=full&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

$ steppe job plan -region=crowded jobs/web.nomad.hcl
Scheduler dry-run:
- All tasks successfully allocated.

Preemptions:
Job ID  Namespace  Job Type  Preemptions
etl     default    batch     6
log     dev        system    5

Job Modify Index: 41
To submit the job with version verification run:

steppe job run -check-index 41 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?region=crowded&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 0

### A job for all nodes.

$ steppe job plan jobs/everywhere.nomad.hcl
Scheduler dry-run:
- WARNING: Failed to place allocations on all nodes.
  Task Group "app" (failed to place 1 allocation):
    * Resources exhausted on 1 nodes
    * Dimension "memory" exhausted on 1 nodes

Job Modify Index: 40
To submit the job with version verification run:

steppe job run -check-index 40 jobs/everywhere.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/everywhere/plan?namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

$ steppe job plan -json-output jobs/everywhere.nomad.hcl
{
    "Annotations": {
        "DesiredTGUpdates": {
            "app": {
                "Canary": 0,
                "DestructiveUpdate": 0,
                "Disconnect": 0,
                "Ignore": 0,
                "InPlaceUpdate": 0,
                "Migrate": 0,
                "Place": 1,
                "Preemptions": 0,
                "Reconnect": 0,
                "RescheduleLater": 0,
                "RescheduleNow": 0,
                "Stop": 0
            }
        },
        "PreemptedAllocs": null
    },
    "CreatedEvals": null,
    "Diff": null,
    "FailedTGAllocs": {
        "app": {
            "AllocationTime": 0,
            "ClassExhausted": null,
            "ClassFiltered": null,
            "CoalescedFailures": 0,
            "ConstraintFiltered": null,
            "DimensionExhausted": {
                "memory": 1
            },
            "NodePool": "",
            "NodesAvailable": null,
            "NodesEvaluated": 1,
            "NodesExhausted": 1,
            "NodesFiltered": 0,
            "NodesInPool": 0,
            "QuotaExhausted": null,
            "ResourcesExhausted": null,
            "ScoreMetaData": null,
            "Scores": null
        }
    },
    "Index": 0,
    "JobModifyIndex": 40,
    "NextPeriodicLaunch": null,
    "Warnings": ""
}
>>> PUT /v1/job/everywhere/plan?namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

### Several regions.

$ steppe job plan jobs/multi.nomad.hcl
Region: "west"
Job: "multi"
Task Group: "app" (1 ignore)

Scheduler dry-run:
- All tasks successfully allocated.

Region: "east"
+ Job: "multi"
+ Task Group: "app" (2 create)

Scheduler dry-run:
- All tasks successfully allocated.

>>> PUT /v1/job/multi/plan?region=east&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
>>> PUT /v1/job/multi/plan?region=west&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

$ steppe job plan -namespace=away jobs/multi.nomad.hcl
Region: "west"
Job: "multi"
Task Group: "app" (1 ignore)

Scheduler dry-run:
- All tasks successfully allocated.

--- stderr:
Error during plan for region "east": Unexpected response code: 500 (No path to region "east"; known regions: west)
>>> PUT /v1/job/multi/plan?region=east&namespace=away {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
>>> PUT /v1/job/multi/plan?region=west&namespace=away {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 255

### Errors.

$ steppe job plan -region=mars jobs/web.nomad.hcl
--- stderr:
Error during plan: Unexpected response code: 500 (No path to region "mars"; known regions: east, west)
>>> PUT /v1/job/web/plan?region=mars&namespace=default {"Diff":true,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 255

$ steppe job plan jobs/wrong.nomad.hcl
--- stderr:
Error getting job struct: Error parsing job file from jobs/wrong.nomad.hcl:
jobs/wrong.nomad.hcl:3,3: unsupported block "grup": did you mean "group"?
jobs/wrong.nomad.hcl:7,5: unsupported argument "cnt"
--- exit code: 255

$ steppe job plan jobs/impossible.nomad.hcl
--- stderr:
Job validation errors:
2 errors occurred:
	* jobs/impossible.nomad.hcl:2,14: Job priority must be between 1 and 32766, not 100000
	* jobs/impossible.nomad.hcl:5,13: group "app": count must not be negative: -1


--- exit code: 255

$ steppe job plan -address=http://127.0.0.1:1 jobs/web.nomad.hcl
--- stderr:
Error during plan: Put "http://127.0.0.1:1/v1/job/web/plan?namespace=default": dial tcp 127.0.0.1:1: connection refused: no agent listens there
--- exit code: 255

$ steppe job plan -diff=false -region=tight jobs/web.nomad.hcl
Scheduler dry-run:
- WARNING: Failed to place all allocations.
  Task Group "app" (failed to place 1 allocation):
    * Class "small": 1 nodes excluded by filter
    * Constraint "missing drivers": 1 nodes excluded by filter
    * Resources exhausted on 2 nodes
    * Class "large" exhausted on 2 nodes
    * Dimension "devices: no devices match request" exhausted on 1 nodes
    * Dimension "memory" exhausted on 1 nodes

Preemptions:
Alloc ID  Job ID  Task Group
0711cffd  etl     load

Job Modify Index: 39
To submit the job with version verification run:

steppe job run -check-index 39 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?region=tight&namespace=default {"Diff":false,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

$ steppe job plan -diff=false -verbose -region=tight jobs/web.nomad.hcl
Scheduler dry-run:
- WARNING: Failed to place all allocations.
  Task Group "app" (failed to place 1 allocation):
    * Class "small": 1 nodes excluded by filter
    * Constraint "missing drivers": 1 nodes excluded by filter
    * Resources exhausted on 2 nodes
    * Class "large" exhausted on 2 nodes
    * Dimension "devices: no devices match request" exhausted on 1 nodes
    * Dimension "memory" exhausted on 1 nodes
    Node                                  allocation-spread  binpack  preemption  final score
    a3c94b28-f11c-2f2a-f70b-328d55fa9027  -0.25              0.8      1           0.517

Preemptions:
Alloc ID                              Job ID  Task Group
0711cffd-0b86-e5c0-b0c9-e79d646ee2ee  etl     load

Job Modify Index: 39
To submit the job with version verification run:

steppe job run -check-index 39 jobs/web.nomad.hcl

With -check-index the job is only registered if nobody has changed it since
this plan was made: its modify index must still be the one above.
>>> PUT /v1/job/web/plan?region=tight&namespace=default {"Diff":false,"Job":"…","Namespace":"","PolicyOverride":false,"Region":""}
--- exit code: 1

