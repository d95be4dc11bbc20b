GET /v1/deployments
[{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "successful", "StatusDescription": "Deployment completed successfully", "CreateIndex": 10},
 {"ID": "fbceae35-6298-1ea4-6b49-376abab5eab9", "JobID": "web", "JobVersion": 1, "Status": "running", "StatusDescription": "Deployment is running", "CreateIndex": 20}]

GET /v1/deployments?region=east
[]

GET /v1/deployments?prefix=fbceae
[{"ID": "fbceae35-6298-1ea4-6b49-376abab5eab9", "JobID": "web", "Namespace": "default", "JobVersion": 1, "Status": "running", "StatusDescription": "Deployment is running but requires manual promotion",
  "TaskGroups": {"app": {"AutoRevert": true, "DesiredCanaries": 2, "DesiredTotal": 3, "PlacedAllocs": 2, "HealthyAllocs": 1, "UnhealthyAllocs": 1},
   "db": {"Promoted": true, "DesiredTotal": 1, "ProgressDeadline": 600000000000}}}]

GET /v1/deployments?prefix=a71cd600
[{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Namespace": "default", "Status": "successful", "StatusDescription": "Deployment completed successfully",
  "TaskGroups": {"app": {"DesiredTotal": 3, "PlacedAllocs": 3, "HealthyAllocs": 3}}}]

GET /v1/deployments?prefix=aa
[{"ID": "aa1cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "one", "Status": "running"}, {"ID": "aa2cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "two", "Status": "running"}]

GET /v1/deployments?prefix=dead
[]

GET /v1/deployments?prefix=zzzz -> 500
Invalid UUID: "zzzz" cannot begin an id: invalid character 'z'

GET /v1/deployment/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "running", "StatusDescription": "Deployment is running"}

GET /v1/deployment/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "cancelled", "StatusDescription": "Cancelled because job is stopped"}

PUT /v1/deployment/fail/fbceae35-6298-1ea4-6b49-376abab5eab9
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f", "RevertedJobVersion": 3}

PUT /v1/deployment/fail/fbceae35-6298-1ea4-6b49-376abab5eab9
{"EvalID": ""}

PUT /v1/deployment/pause/fbceae35-6298-1ea4-6b49-376abab5eab9
{"EvalID": ""}

PUT /v1/deployment/promote/fbceae35-6298-1ea4-6b49-376abab5eab9
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

PUT /v1/deployment/unblock/fbceae35-6298-1ea4-6b49-376abab5eab9 -> 400
deployment fbceae35-6298-1ea4-6b49-376abab5eab9 is not part of a rollout of several regions

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete"}

GET /v1/evaluation/8484aff3-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

PUT /v1/deployment/pause/fbceae35-6298-1ea4-6b49-376abab5eab9
{"EvalID": "8484aff3-2c2e-6526-3d4b-d870ce50fb3f"}

=== transcript
$ steppe deployment list
ID        Job ID  Job Version  Status      Description
fbceae35  web     1            running     Deployment is running
a71cd600  web     0            successful  Deployment completed successfully
--- exit code: 0

$ steppe deployment list -verbose
ID                                    Job ID  Job Version  Status      Description
fbceae35-6298-1ea4-6b49-376abab5eab9  web     1            running     Deployment is running
a71cd600-6e5b-e5ae-a270-28bdeb62bbaa  web     0            successful  Deployment completed successfully
--- exit code: 0

$ steppe deployment list -region=east
No deployments found
--- exit code: 0

$ steppe deployment list -region=east -json
[]
--- exit code: 0

$ steppe deployment list -t '{{range .}}{{.JobVersion}} {{.Status}}{{"\n"}}{{end}}'
1 running
0 successful

--- exit code: 0

$ steppe deployment list -filter 'Status == failed' -region=east
No deployments found
--- exit code: 0

$ steppe deployment status
ID        Job ID  Job Version  Status      Description
fbceae35  web     1            running     Deployment is running
a71cd600  web     0            successful  Deployment completed successfully
--- exit code: 0

$ steppe deployment status fbceae3
ID          = fbceae35
Job ID      = web
Job Version = 1
Status      = running
Description = Deployment is running but requires manual promotion

Deployed
Task Group  Auto Revert  Promoted  Desired  Canaries  Placed  Healthy  Unhealthy  Progress Deadline
app         true         false     3        2         2       1        1          N/A
db          false        N/A       1        N/A       0       0        0          N/A
--- exit code: 0

$ steppe deployment status a71cd600
ID          = a71cd600
Job ID      = web
Job Version = 0
Status      = successful
Description = Deployment completed successfully

Deployed
Task Group  Desired  Placed  Healthy  Unhealthy
app         3        3       3        0
--- exit code: 0

$ steppe deployment status -verbose a71cd600
ID          = a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
Job ID      = web
Job Version = 0
Status      = successful
Description = Deployment completed successfully

Deployed
Task Group  Desired  Placed  Healthy  Unhealthy
app         3        3       3        0
--- exit code: 0

$ steppe deployment status -json aa2
{
    "CreateIndex": 0,
    "CreateTime": 0,
    "EvalPriority": 0,
    "ID": "aa2cd600-6e5b-e5ae-a270-28bdeb62bbaa",
    "IsMultiregion": false,
    "JobCreateIndex": 0,
    "JobID": "two",
    "JobModifyIndex": 0,
    "JobSpecModifyIndex": 0,
    "JobVersion": 0,
    "ModifyIndex": 0,
    "ModifyTime": 0,
    "Namespace": "",
    "Status": "running",
    "StatusDescription": "",
    "TaskGroups": null
}
--- exit code: 0

$ steppe deployment status -t '{{.Status}}' aa2
running
--- exit code: 0

$ steppe deployment status aa
--- stderr:
Prefix matched multiple deployments

ID        Job ID  Job Version  Status   Description
aa1cd600  one     0            running  <none>
aa2cd600  two     0            running  <none>
--- exit code: 1

$ steppe deployment status aa2
ID          = aa2cd600
Job ID      = two
Job Version = 0
Status      = running
Description = <none>
--- exit code: 0

$ steppe deployment status aab
--- stderr:
Error retrieving deployment: no deployment(s) with prefix or ID "aab" found
--- exit code: 1

$ steppe deployment status deadb
--- stderr:
Error retrieving deployment: no deployment(s) with prefix or ID "deadb" found
--- exit code: 1

$ steppe deployment status zzzz
--- stderr:
Error retrieving deployment: Unexpected response code: 500 (Invalid UUID: "zzzz" cannot begin an id: invalid character 'z')
--- exit code: 1

$ steppe deployment status f
--- stderr:
Identifier must contain at least two characters.
--- exit code: 1

$ steppe deployment status -monitor -wait=1ms a71cd600
==> <now>: Monitoring deployment "a71cd600"

<now>
ID          = a71cd600
Job ID      = web
Job Version = 0
Status      = running
Description = Deployment is running

<now>
ID          = a71cd600
Job ID      = web
Job Version = 0
Status      = cancelled
Description = Cancelled because job is stopped
--- exit code: 1

$ steppe deployment status -monitor -wait=never a71cd600
--- stderr:
flag -wait: "never" is not a duration: write numbers with units, such as "300ms", "10s", "1m30s" or "2h"
For additional help try 'steppe deployment status -help'
--- exit code: 1

### Acts.

$ steppe deployment fail -detach fbceae
Deployment "fbceae35-6298-1ea4-6b49-376abab5eab9" failed. Auto-reverted to job version 3.

Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/deployment/fail/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Namespace":"","Region":""}
--- exit code: 0

$ steppe deployment fail fbceae
Deployment "fbceae35-6298-1ea4-6b49-376abab5eab9" failed
>>> PUT /v1/deployment/fail/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Namespace":"","Region":""}
--- exit code: 0

$ steppe deployment pause fbceae
Deployment "fbceae35-6298-1ea4-6b49-376abab5eab9" paused
>>> PUT /v1/deployment/pause/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Namespace":"","Pause":true,"Region":""}
--- exit code: 0

$ steppe deployment resume -detach fbceae
Deployment "fbceae35-6298-1ea4-6b49-376abab5eab9" resumed
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/deployment/pause/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Namespace":"","Pause":false,"Region":""}
--- exit code: 0

$ steppe deployment promote -detach fbceae
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/deployment/promote/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"All":true,"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Groups":null,"Namespace":"","Region":""}
--- exit code: 0

$ steppe deployment promote fbceae
==> <now>: Monitoring evaluation "8484aff3"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "8484aff3" finished with status "complete"
>>> PUT /v1/deployment/promote/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"All":true,"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Groups":null,"Namespace":"","Region":""}
--- exit code: 0

$ steppe deployment promote -detach -group=app fbceae
Evaluation ID: 8484aff3-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/deployment/promote/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"All":false,"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Groups":["app"],"Namespace":"","Region":""}
--- exit code: 0

$ steppe deployment unblock fbceae
--- stderr:
Error unblocking deployment: Unexpected response code: 400 (deployment fbceae35-6298-1ea4-6b49-376abab5eab9 is not part of a rollout of several regions)
>>> PUT /v1/deployment/unblock/fbceae35-6298-1ea4-6b49-376abab5eab9?namespace=default {"DeploymentID":"fbceae35-6298-1ea4-6b49-376abab5eab9","Namespace":"","Region":""}
--- exit code: 1

