# Everything goes well.

PUT /v1/jobs
{"EvalID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobModifyIndex": 10, "Warnings": "1 warning:\n\n* think twice"}

GET /v1/evaluation/93eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "pending", "CreateIndex": 10}

GET /v1/evaluation/93eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete", "DeploymentID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "CreateIndex": 10}

GET /v1/evaluation/93eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[{"ID": "5d63e123-2120-d95f-b64a-688dc9f9a72a", "EvalID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "ClientStatus": "pending", "CreateIndex": 11}]

GET /v1/evaluation/93eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[{"ID": "5d63e123-2120-d95f-b64a-688dc9f9a72a", "EvalID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "ClientStatus": "running", "ClientDescription": "Tasks are running", "CreateIndex": 11},
 {"ID": "18011418-c581-3938-4ff6-df36bc691165", "EvalID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "ClientStatus": "running", "CreateIndex": 4}]

GET /v1/deployment/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "running", "StatusDescription": "Deployment is running", "TaskGroups": {"app": {"DesiredTotal": 2, "PlacedAllocs": 2, "ProgressDeadline": 600000000000, "RequireProgressBy": "2006-01-02T15:14:05Z"}}}

GET /v1/deployment/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "running", "StatusDescription": "Deployment is running", "TaskGroups": {"app": {"DesiredTotal": 2, "PlacedAllocs": 2, "ProgressDeadline": 600000000000, "RequireProgressBy": "2006-01-02T15:14:05Z"}}}

GET /v1/deployment/a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "successful", "StatusDescription": "Deployment completed successfully", "TaskGroups": {"app": {"DesiredTotal": 2, "PlacedAllocs": 2, "HealthyAllocs": 2, "ProgressDeadline": 600000000000, "RequireProgressBy": "2006-01-02T15:14:05Z"}}}

# The deployment fails.

PUT /v1/jobs?region=failing
{"EvalID": "11eecff7-2c2e-6526-3d4b-d870ce50fb3f"}

GET /v1/evaluation/11eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "11eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete", "DeploymentID": "221cd600-6e5b-e5ae-a270-28bdeb62bbaa"}

GET /v1/evaluation/11eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

GET /v1/deployment/221cd600-6e5b-e5ae-a270-28bdeb62bbaa -> 500
No cluster leader

GET /v1/deployment/221cd600-6e5b-e5ae-a270-28bdeb62bbaa
{"ID": "221cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "JobVersion": 1, "Status": "failed", "StatusDescription": "Failed due to unhealthy allocations - rolling back to job version 0"}

# A batch job finds no place for all of it.

PUT /v1/jobs?region=full
{"EvalID": "33eecff7-2c2e-6526-3d4b-d870ce50fb3f"}

GET /v1/evaluation/33eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "33eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete", "BlockedEval": "99015540-2c2e-6526-3d4b-d870ce50fb3f",
 "FailedTGAllocs": {"app": {"NodesEvaluated": 1, "CoalescedFailures": 1, "NodesAvailable": {"west-1": 1, "west-2": 0}, "NodesExhausted": 1, "DimensionExhausted": {"memory": 1}}, "db": {}}}

GET /v1/evaluation/33eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

# The evaluation fails.

PUT /v1/jobs?region=broken
{"EvalID": "44eecff7-2c2e-6526-3d4b-d870ce50fb3f"}

GET /v1/evaluation/44eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "44eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "failed", "StatusDescription": "maximum attempts reached (3)"}

GET /v1/evaluation/44eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

# Nothing to evaluate, refusals.

PUT /v1/jobs?region=quiet
{"EvalID": "", "JobModifyIndex": 10}

PUT /v1/jobs?region=changed -> 500
Enforcing job modify index 9: job exists with conflicting job modify index: 11

PUT /v1/jobs?region=mars -> 500
No path to region "mars"; known regions: east, west

PUT /v1/jobs?region=busy -> 409
region east runs another rollout of the job

PUT /v1/jobs?region=again
{"EvalID": "55eecff7-2c2e-6526-3d4b-d870ce50fb3f"}

GET /v1/evaluation/55eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "55eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "failed", "StatusDescription": "maximum attempts reached (3)", "NextEval": "66eecff7-2c2e-6526-3d4b-d870ce50fb3f", "Wait": 60000000000}

GET /v1/evaluation/55eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

GET /v1/evaluation/66eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "66eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "complete"}

GET /v1/evaluation/66eecff7-2c2e-6526-3d4b-d870ce50fb3f/allocations
[]

=== transcript
$ steppe job run -var version=7 jobs/web.nomad.hcl
Job Warnings:
1 warning:

* think twice

==> <now>: Monitoring evaluation "93eecff7"
    <now>: Evaluation triggered by job "web"
    <now>: Allocation "5d63e123" created: node "a3c94b28", group "app"
    <now>: Evaluation within deployment: "a71cd600"
    <now>: Allocation "18011418" modified: node "a3c94b28", group "app"
    <now>: Allocation "5d63e123" status changed: "pending" -> "running" (Tasks are running)
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "93eecff7" finished with status "complete"
==> <now>: Monitoring deployment "a71cd600"

<now>
ID          = a71cd600
Job ID      = web
Job Version = 0
Status      = running
Description = Deployment is running

Deployed
Task Group  Desired  Placed  Healthy  Unhealthy  Progress Deadline
app         2        2       0        0          2006-01-02T15:14:05Z

<now>
ID          = a71cd600
Job ID      = web
Job Version = 0
Status      = successful
Description = Deployment completed successfully

Deployed
Task Group  Desired  Placed  Healthy  Unhealthy  Progress Deadline
app         2        2       2        0          2006-01-02T15:14:05Z
>>> PUT /v1/jobs?namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ steppe job run -detach -eval-priority=70 jobs/web.nomad.hcl
Job Warnings:
1 warning:

* think twice

Job registration successful
Evaluation ID: 93eecff7-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/jobs?namespace=default {"EvalPriority":70,"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ steppe job run -detach -namespace=n -preserve-counts -check-index 11 jobs/web.nomad.hcl
Job Warnings:
1 warning:

* think twice

Job registration successful
Evaluation ID: 93eecff7-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/jobs?namespace=n {"EnforceIndex":true,"Job":"…","JobModifyIndex":11,"Namespace":"","PreserveCounts":true,"Region":"","Submission":"…"}
--- exit code: 0

$ steppe job run -region=failing jobs/web.nomad.hcl
==> <now>: Monitoring evaluation "11eecff7"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation within deployment: "221cd600"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "11eecff7" finished with status "complete"
==> <now>: Monitoring deployment "221cd600"

<now>
ID          = 221cd600
Job ID      = web
Job Version = 1
Status      = failed
Description = Failed due to unhealthy allocations - rolling back to job version 0
>>> PUT /v1/jobs?region=failing&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 1

$ steppe job run -region=full jobs/web.nomad.hcl
==> <now>: Monitoring evaluation "33eecff7"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "33eecff7" finished with status "complete" but failed to place all allocations:
    <now>: Task Group "app" (failed to place 2 allocations):
      * No nodes are available in datacenter "west-2"
      * Resources exhausted on 1 nodes
      * Dimension "memory" exhausted on 1 nodes
    <now>: Task Group "db" (failed to place 1 allocation):
      * No nodes were eligible for evaluation
    <now>: Evaluation "99015540" waiting for additional capacity to place remainder
>>> PUT /v1/jobs?region=full&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 2

$ steppe job run -region=broken -verbose jobs/web.nomad.hcl
==> <now>: Monitoring evaluation "44eecff7-2c2e-6526-3d4b-d870ce50fb3f"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "failed"
==> <now>: Evaluation "44eecff7-2c2e-6526-3d4b-d870ce50fb3f" finished with status "failed": maximum attempts reached (3)
>>> PUT /v1/jobs?region=broken&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 1

$ steppe job run -region=again jobs/web.nomad.hcl
==> <now>: Monitoring evaluation "55eecff7"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "failed"
==> <now>: Evaluation "55eecff7" finished with status "failed": maximum attempts reached (3)
==> <now>: Monitoring next evaluation "66eecff7" in 1m0s
==> <now>: Monitoring evaluation "66eecff7"
    <now>: Evaluation triggered by job "web"
    <now>: Evaluation status changed: "pending" -> "complete"
==> <now>: Evaluation "66eecff7" finished with status "complete"
>>> PUT /v1/jobs?region=again&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ steppe job run -region=quiet jobs/web.nomad.hcl
Job registration successful
>>> PUT /v1/jobs?region=quiet&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

### Refusals.

$ steppe job run -region=changed -check-index=9 jobs/web.nomad.hcl
--- stderr:
Enforcing job modify index 9: job exists with conflicting job modify index: 11
Job not updated
>>> PUT /v1/jobs?region=changed&namespace=default {"EnforceIndex":true,"Job":"…","JobModifyIndex":9,"Namespace":"","Region":"","Submission":"…"}
--- exit code: 1

$ steppe job run -region=mars jobs/web.nomad.hcl
--- stderr:
Error submitting job: Unexpected response code: 500 (No path to region "mars"; known regions: east, west)
>>> PUT /v1/jobs?region=mars&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 1

$ steppe job run -region=busy jobs/multi.nomad.hcl
--- stderr:
Error submitting job: Unexpected response code: 409 (region east runs another rollout of the job)
>>> PUT /v1/jobs?region=busy&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 1

$ steppe job run -address=http://127.0.0.1:1 jobs/web.nomad.hcl
--- stderr:
Error submitting job: Put "http://127.0.0.1:1/v1/jobs?namespace=default": dial tcp 127.0.0.1:1: connection refused: no agent listens there
--- exit code: 1

### Several regions are not followed.

$ steppe job run -region=full jobs/multi.nomad.hcl
Job registration successful
Evaluation ID: 33eecff7-2c2e-6526-3d4b-d870ce50fb3f
>>> PUT /v1/jobs?region=full&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

### The file.

$ steppe job run nosuch.nomad.hcl
--- stderr:
Error getting job struct: Error reading job file from nosuch.nomad.hcl: No such file or directory (os error 2)
--- exit code: 1

$ steppe job run jobs/wrong.nomad.hcl
--- stderr:
Error getting job struct: Error parsing job file from jobs/wrong.nomad.hcl:
jobs/wrong.nomad.hcl:3,3: unsupported block "grup": did you mean "group"?
jobs/wrong.nomad.hcl:7,5: unsupported argument "cnt"
--- exit code: 1

$ steppe job run jobs/impossible.nomad.hcl
--- stderr:
Job validation errors:
2 errors occurred:
	* jobs/impossible.nomad.hcl:2,14: Job priority must be between 1 and 32766, not 100000
	* jobs/impossible.nomad.hcl:5,13: group "app": count must not be negative: -1


--- exit code: 1

$ steppe job run -var version jobs/web.nomad.hcl
--- stderr:
Error getting job struct: -var "version" is not name=value
--- exit code: 1

$ steppe job run -var nosuch=1 jobs/web.nomad.hcl
--- stderr:
Error getting job struct: Error parsing job file from jobs/web.nomad.hcl:
-var nosuch: undeclared variable "nosuch": the job file does not declare it
--- exit code: 1

$ steppe run -detach -hcl2-strict=false -var nosuch=1 jobs/web.nomad.hcl
Job Warnings:
1 warning:

* think twice

Job registration successful
Evaluation ID: 93eecff7-2c2e-6526-3d4b-d870ce50fb3f
--- stderr:
-var nosuch: undeclared variable "nosuch": the job file does not declare it
>>> PUT /v1/jobs?namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

$ NOMAD_VAR_version=8 steppe job run -output jobs/web.nomad.hcl
{
    "Job": {
        "Affinities": null,
        "AllAtOnce": null,
        "Constraints": null,
        "ConsulNamespace": null,
        "ConsulToken": null,
        "CreateIndex": null,
        "Datacenters": [
            "west-1"
        ],
        "DispatchIdempotencyToken": null,
        "Dispatched": null,
        "ID": "web",
        "JobModifyIndex": null,
        "Meta": null,
        "Migrate": null,
        "ModifyIndex": null,
        "Multiregion": null,
        "Name": "web",
        "Namespace": null,
        "NodePool": null,
        "NomadTokenID": null,
        "ParameterizedJob": null,
        "ParentID": null,
        "Payload": null,
        "Periodic": null,
        "Priority": null,
        "Region": null,
        "Reschedule": null,
        "Spreads": null,
        "Stable": null,
        "Status": null,
        "StatusDescription": null,
        "Stop": null,
        "SubmitTime": null,
        "TaskGroups": [
            {
                "Affinities": null,
                "Constraints": null,
                "Consul": null,
                "Count": 2,
                "Disconnect": null,
                "EphemeralDisk": null,
                "MaxClientDisconnect": null,
                "MaxRunDuration": null,
                "Meta": null,
                "Migrate": null,
                "Name": "app",
                "Networks": null,
                "PreventRescheduleOnLost": null,
                "ReschedulePolicy": null,
                "RestartPolicy": null,
                "Scaling": null,
                "Services": null,
                "ShutdownDelay": null,
                "Spreads": null,
                "StopAfterClientDisconnect": null,
                "Tasks": [
                    {
                        "Actions": null,
                        "Affinities": null,
                        "Artifacts": null,
                        "CSIPluginConfig": null,
                        "Config": {
                            "args": [
                                "-c",
                                "echo 8; exec sleep 3600"
                            ],
                            "command": "/bin/sh"
                        },
                        "Constraints": null,
                        "Consul": null,
                        "DispatchPayload": null,
                        "Driver": "raw_exec",
                        "Env": null,
                        "Identities": null,
                        "Identity": null,
                        "KillSignal": "",
                        "KillTimeout": null,
                        "Kind": null,
                        "Leader": false,
                        "Lifecycle": null,
                        "LogConfig": null,
                        "Meta": null,
                        "Name": "server",
                        "Resources": null,
                        "RestartPolicy": null,
                        "ScalingPolicies": null,
                        "Schedule": null,
                        "Secrets": null,
                        "Services": null,
                        "ShutdownDelay": 0,
                        "Templates": null,
                        "User": "",
                        "Vault": null,
                        "VolumeMounts": null
                    }
                ],
                "Update": null,
                "Volumes": null
            }
        ],
        "Type": null,
        "UI": null,
        "Update": null,
        "VaultNamespace": null,
        "VaultToken": null,
        "Version": null,
        "VersionTag": null
    }
}
--- exit code: 0

$ steppe job run -region=quiet - <<< job "a" {\n group "g" {\n task "t" {\n driver = "raw_exec"\n config {\n command = "/bin/true"\n }\n }\n }\n}\n
Job registration successful
>>> PUT /v1/jobs?region=quiet&namespace=default {"Job":"…","Namespace":"","Region":"","Submission":"…"}
--- exit code: 0

