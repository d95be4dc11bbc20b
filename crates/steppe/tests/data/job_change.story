GET /v1/jobs?prefix=web
[{"ID": "web", "Namespace": "default"}]

GET /v1/jobs?prefix=we
[{"ID": "web", "Namespace": "default"}]

GET /v1/jobs?prefix=multi
[{"ID": "multi", "Namespace": "default"}]

GET /v1/jobs?prefix=mul
[{"ID": "multi", "Namespace": "default"}]

GET /v1/jobs?prefix=off
[{"ID": "off", "Namespace": "default"}]

GET /v1/jobs?prefix=nosuch
[]

GET /v1/job/web
{"ID": "web", "Namespace": "default", "JobModifyIndex": 7, "TaskGroups": [{"Name": "app"}, {"Name": "db"}]}

GET /v1/job/off
{"ID": "off", "Namespace": "default", "Stop": true, "Version": 3, "JobModifyIndex": 7, "TaskGroups": [{"Name": "app"}]}

GET /v1/job/off/submission?version=3
{"Source": "job \"off\" {}", "Format": "hcl2"}

GET /v1/job/multi
{"ID": "multi", "Namespace": "default", "Multiregion": {"Regions": [{"Name": "west"}, {"Name": "east"}]}}

DELETE /v1/job/web
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

DELETE /v1/job/multi
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f", "UnreachedRegions": ["east"]}

DELETE /v1/job/off?purge=true -> 500
no leader

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete"}

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

GET /v1/job/web/versions
{"Versions": [{"ID": "web", "Version": 1}, {"ID": "web", "Version": 0}]}

PUT /v1/job/web/revert
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f", "Warnings": "think twice"}

PUT /v1/job/web/revert?region=east -> 500
can't revert to current version

PUT /v1/job/web/evaluate
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

GET /v1/job/web/deployment
{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa"}

GET /v1/job/off/deployment
null

PUT /v1/deployment/promote/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

PUT /v1/job/web/scale
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

PUT /v1/job/off/scale
{"EvalID": ""}

PUT /v1/jobs
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

GET /v1/job/web/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "Name": "web.app[0]", "TaskGroup": "app", "ClientStatus": "running", "TaskStates": {"server": {}}},
 {"ID": "28011418-c581-3938-4ff6-df36bc691165", "Name": "web.app[1]", "TaskGroup": "app", "ClientStatus": "running", "TaskStates": {"server": {}}},
 {"ID": "38011418-c581-3938-4ff6-df36bc691165", "Name": "web.db[0]", "TaskGroup": "db", "ClientStatus": "complete"}]

GET /v1/job/off/allocations
[]

PUT /v1/client/allocation/18011418-c581-3938-4ff6-df36bc691165/restart
{"Index": 0}

PUT /v1/client/allocation/28011418-c581-3938-4ff6-df36bc691165/restart -> 500
Task not running

PUT /v1/allocation/18011418-c581-3938-4ff6-df36bc691165/stop
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

GET /v1/allocation/18011418-c581-3938-4ff6-df36bc691165
{"ID": "18011418-c581-3938-4ff6-df36bc691165", "NextAllocation": "48011418-c581-3938-4ff6-df36bc691165"}

GET /v1/allocation/48011418-c581-3938-4ff6-df36bc691165
{"ID": "48011418-c581-3938-4ff6-df36bc691165", "ClientStatus": "running"}

GET /v1/allocation/28011418-c581-3938-4ff6-df36bc691165
{"ID": "28011418-c581-3938-4ff6-df36bc691165", "NextAllocation": "58011418-c581-3938-4ff6-df36bc691165"}

GET /v1/allocation/58011418-c581-3938-4ff6-df36bc691165
{"ID": "58011418-c581-3938-4ff6-df36bc691165", "ClientStatus": "complete"}

PUT /v1/allocation/28011418-c581-3938-4ff6-df36bc691165/stop
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

PUT /v1/jobs?region=quiet
{"EvalID": ""}

=== transcript
### Stop.

$ steppe job stop web
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> DELETE /v1/job/web?namespace=default
--- exit code: 0

$ steppe stop -detach -purge -no-shutdown-delay -eval-priority=70 web
8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> DELETE /v1/job/web?namespace=default&purge=true&no_shutdown_delay=true&eval_priority=70
--- exit code: 0

$ steppe job stop -detach we <<< y\n
Are you sure you want to stop job "web"? [y/N] 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> DELETE /v1/job/web?namespace=default
--- exit code: 0

$ steppe job stop we <<< n\n
Are you sure you want to stop job "web"? [y/N] Cancelling job stop
--- exit code: 0

$ steppe job stop we <<< \n
Are you sure you want to stop job "web"? [y/N] Cancelling job stop
--- exit code: 0

$ steppe job stop we <<< Y\n
Are you sure you want to stop job "web"? [y/N] For confirmation, an exact 'y' is required.
--- exit code: 0

$ steppe job stop we <<< what\n
Are you sure you want to stop job "web"? [y/N] 
--- stderr:
No confirmation detected. For confirmation, an exact 'y' is required.
--- exit code: 1

$ steppe job stop we
Are you sure you want to stop job "web"? [y/N] 
Cancelling job stop
--- exit code: 0

$ steppe job stop -yes -detach we
8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> DELETE /v1/job/web?namespace=default
--- exit code: 0

$ steppe job stop nosuch
--- stderr:
No job(s) with prefix or ID "nosuch" found
--- exit code: 1

$ steppe job stop -detach nosuch web
8484aff3-2c2e-6526-3d4b-d870ce50fb3f
--- stderr:
No job(s) with prefix or ID "nosuch" found
>>> DELETE /v1/job/web?namespace=default
--- exit code: 1

$ steppe job stop -purge off
--- stderr:
Error deregistering job: Unexpected response code: 500 (no leader)
>>> DELETE /v1/job/off?namespace=default&purge=true
--- exit code: 1

### Stop a job of several regions.

$ steppe job stop multi <<< n\n
Are you sure you want to stop multi-region job "multi" in a single region? [y/N] Cancelling job stop
--- exit code: 0

$ steppe job stop -detach multi <<< y\n
Are you sure you want to stop multi-region job "multi" in a single region? [y/N] Region "east" was not reached: it stops the job as soon as it is heard from
8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> DELETE /v1/job/multi?namespace=default
--- exit code: 0

$ steppe job stop -detach mul <<< y\ny\n
Are you sure you want to stop job "multi"? [y/N] Are you sure you want to stop multi-region job "multi" in a single region? [y/N] Region "east" was not reached: it stops the job as soon as it is heard from
8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> DELETE /v1/job/multi?namespace=default
--- exit code: 0

$ steppe job stop -global -yes -detach multi
Region "east" was not reached: it stops the job as soon as it is heard from
>>> DELETE /v1/job/multi?namespace=default&global=true
--- exit code: 0

### Revert, evaluate, promote, scale.

$ steppe job revert -detach web 0
Job Warnings:
think twice

Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/job/web/revert?namespace=default {"EnforcePriorVersion":null,"JobID":"web","JobVersion":0,"Namespace":"","Region":""}
--- exit code: 0

$ steppe job revert web 0
Job Warnings:
think twice

==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/job/web/revert?namespace=default {"EnforcePriorVersion":null,"JobID":"web","JobVersion":0,"Namespace":"","Region":""}
--- exit code: 0

$ steppe job revert -region=east web 0
--- stderr:
Error reverting job: Unexpected response code: 500 (can't revert to current version)
>>> PUT /v1/job/web/revert?region=east&namespace=default {"EnforcePriorVersion":null,"JobID":"web","JobVersion":0,"Namespace":"","Region":""}
--- exit code: 1

$ steppe job revert web gold
--- stderr:
Job "web" has no version with the tag "gold"; its tags: none
--- exit code: 1

$ steppe job eval -detach -force-reschedule web
Created eval ID: "8484aff3"
>>> PUT /v1/job/web/evaluate?namespace=default {"EvalOptions":{"ForceReschedule":true},"JobID":"web","Namespace":"","Region":""}
--- exit code: 0

$ steppe job eval -verbose web
==> <now>: Monitoring evaluation "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3-2c2e-6526-3d4b-d870ce50fb3f" finished with status "complete"
>>> PUT /v1/job/web/evaluate?namespace=default {"EvalOptions":{"ForceReschedule":false},"JobID":"web","Namespace":"","Region":""}
--- exit code: 0

$ steppe job promote web
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/deployment/promote/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa?namespace=default {"All":true,"DeploymentID":"a71cd600-6e5b-e5ae-a270-28bdeb62bbaa","Groups":null,"Namespace":"","Region":""}
--- exit code: 0

$ steppe job promote -detach web
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/deployment/promote/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa?namespace=default {"All":true,"DeploymentID":"a71cd600-6e5b-e5ae-a270-28bdeb62bbaa","Groups":null,"Namespace":"","Region":""}
--- exit code: 0

$ steppe job promote -detach -group app -group db web
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/deployment/promote/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa?namespace=default {"All":false,"DeploymentID":"a71cd600-6e5b-e5ae-a270-28bdeb62bbaa","Groups":["app","db"],"Namespace":"","Region":""}
--- exit code: 0

$ steppe job promote off
--- stderr:
Job "off" has no deployment to promote
--- exit code: 1

$ steppe job scale -detach web app 5
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/job/web/scale?namespace=default {"Count":5,"Error":false,"JobModifyIndex":0,"Message":"submitted using the command line","Meta":null,"Namespace":"","PolicyOverride":false,"Region":"","Target":{"Group":"app"}}
--- exit code: 0

$ steppe job scale web app 5
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/job/web/scale?namespace=default {"Count":5,"Error":false,"JobModifyIndex":0,"Message":"submitted using the command line","Meta":null,"Namespace":"","PolicyOverride":false,"Region":"","Target":{"Group":"app"}}
--- exit code: 0

$ steppe job scale -check-index=7 off 0
Job scale successful
>>> PUT /v1/job/off/scale?namespace=default {"Count":0,"Error":false,"JobModifyIndex":7,"Message":"submitted using the command line","Meta":null,"Namespace":"","PolicyOverride":false,"Region":"","Target":{"Group":"app"}}
--- exit code: 0

$ steppe job scale web 5
--- stderr:
Job "web" has several groups, name one: app, db
--- exit code: 1

$ steppe job scale web app many
--- stderr:
The count "many" is not a whole number
For additional help try 'steppe job scale -help'
--- exit code: 1

### Start and restart.

$ steppe job start -detach off
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/jobs?namespace=default {"EnforceIndex":true,"Job":"…","JobModifyIndex":7,"Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ steppe start off
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/jobs?namespace=default {"EnforceIndex":true,"Job":"…","JobModifyIndex":7,"Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ steppe job start -region=quiet off
Job start successful
>>> PUT /v1/jobs?region=quiet&namespace=default {"EnforceIndex":true,"Job":"…","JobModifyIndex":7,"Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ steppe job start web
--- stderr:
Job "web" is not stopped
--- exit code: 1

$ steppe job restart web <<< y\n
==> <now>: Restarting 2 allocations
    <now>: Restarting allocation "18011418" for group "app"
    <now>: Restarting allocation "28011418" for group "app"
==> <now>: Job restart finished

--- stderr:
    <now>: Error restarting allocation "28011418": Unexpected response code: 500 (Task not running)
Allocations that could not be restarted: 1
>>> PUT /v1/client/allocation/18011418-c581-3938-4ff6-df36bc691165/restart {"AllTasks":false,"TaskName":""}
>>> PUT /v1/client/allocation/28011418-c581-3938-4ff6-df36bc691165/restart {"AllTasks":false,"TaskName":""}
--- exit code: 1

$ steppe job restart -on-error=fail -task server -group app web
==> <now>: Restarting 2 allocations
    <now>: Restarting task "server" in allocation "18011418" for group "app"
    <now>: Restarting task "server" in allocation "28011418" for group "app"
--- stderr:
    <now>: Error restarting allocation "28011418": Unexpected response code: 500 (Task not running)
Error restarting job: the remaining allocations were left as they are
>>> PUT /v1/client/allocation/18011418-c581-3938-4ff6-df36bc691165/restart {"AllTasks":false,"TaskName":"server"}
>>> PUT /v1/client/allocation/28011418-c581-3938-4ff6-df36bc691165/restart {"AllTasks":false,"TaskName":"server"}
--- exit code: 1

$ steppe job restart -yes -reschedule -batch-size=50% -batch-wait=1ms web
==> <now>: Restarting 2 allocations
    <now>: Rescheduling allocation "18011418" for group "app"
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
    <now>: Allocation "48011418" is running
==> <now>: Waiting 1ms before restarting the next batch
    <now>: Rescheduling allocation "28011418" for group "app"
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
    <now>: Allocation "58011418" is complete
==> <now>: Job restart finished

Job restarted successfully!
>>> PUT /v1/allocation/18011418-c581-3938-4ff6-df36bc691165/stop
>>> PUT /v1/allocation/28011418-c581-3938-4ff6-df36bc691165/stop
--- exit code: 0

$ steppe job restart off
No allocations to restart
--- exit code: 0

$ steppe job restart -yes -task=typo web
--- stderr:
job "web" has no task "typo"; it has server
--- exit code: 1

$ steppe job restart -yes -group=typo web
--- stderr:
job "web" has no group "typo"; it has app, db
--- exit code: 1

$ steppe job restart -batch-size=0 web
--- stderr:
flag -batch-size: "0" is neither a number above 0 nor a percentage from 1% to 100%
For additional help try 'steppe job restart -help'
--- exit code: 1

$ steppe job restart -batch-wait=soon web
--- stderr:
flag -batch-wait: "soon" is not a duration: write numbers with units, such as "300ms", "10s", "1m30s" or "2h"
For additional help try 'steppe job restart -help'
--- exit code: 1

$ steppe job restart -all-tasks -task=server web
--- stderr:
-all-tasks and -task exclude each other
For additional help try 'steppe job restart -help'
--- exit code: 1

