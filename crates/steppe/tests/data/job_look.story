GET /v1/jobs?prefix=web
[{"ID": "web", "Namespace": "default"}]

GET /v1/jobs?prefix=new
[{"ID": "new", "Namespace": "default"}]

GET /v1/job/web
{"ID": "web", "Name": "web", "Namespace": "default", "Type": "service", "Version": 2}

GET /v1/job/web/versions
{"Versions": [{"ID": "web", "Version": 2, "SubmitTime": 1136214365000000000, "TaskGroups": [{"Name": "app", "Count": 3}]},
 {"ID": "web", "Version": 1, "Stable": true, "SubmitTime": 1136214305000000000, "TaskGroups": [{"Name": "app", "Count": 2}]},
 {"ID": "web", "Version": 0, "Stable": true, "SubmitTime": 1136214245000000000, "TaskGroups": [{"Name": "app", "Count": 2}]}]}

GET /v1/job/web/submission?version=2
{"Source": "job \"web\" {\n  # …\n}\n", "Format": "hcl2", "VariableFlags": {"version": "7"}, "Variables": "other = 1\n"}

GET /v1/job/web/submission?version=1 -> 404
job source not found

GET /v1/job/web/deployments
[{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "successful", "StatusDescription": "Deployment completed successfully", "CreateIndex": 10},
 {"ID": "fbceae35-6298-1ea4-6b49-376abab5eab9", "JobID": "web", "JobVersion": 1, "Status": "running", "StatusDescription": "Deployment is running", "CreateIndex": 20}]

GET /v1/job/web/deployment
{"ID": "fbceae35-6298-1ea4-6b49-376abab5eab9", "JobID": "web", "JobVersion": 1, "Status": "running", "StatusDescription": "Deployment is running"}

GET /v1/job/web/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "DesiredStatus": "run", "ClientStatus": "running", "CreateTime": "@ago 7230", "ModifyTime": "@ago 5430"}]

GET /v1/jobs?prefix=old
[{"ID": "old", "Namespace": "default"}]

GET /v1/job/old/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "JobID": "old", "ClientStatus": "running", "CreateTime": 1136214245000000000, "ModifyTime": 1136214245000000000}]

GET /v1/job/new/deployments
[]

GET /v1/job/new/deployment
null

GET /v1/job/new/allocations
[]

GET /v1/jobs?prefix=once
[{"ID": "once", "Namespace": "default"}]

GET /v1/job/once
{"ID": "once", "TaskGroups": [{"Name": "app", "MaxRunDuration": 600000000000}]}

GET /v1/job/once/allocations
[{"ID": "18011418-c581-3938-4ff6-df36bc691165", "TaskGroup": "app", "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430"}]

=== transcript
### Versions.

$ steppe job history web
Version     = 2
Stable      = false
Submit Date = 2006-01-02T15:06:05Z

Version     = 1
Stable      = true
Submit Date = 2006-01-02T15:05:05Z

Version     = 0
Stable      = true
Submit Date = 2006-01-02T15:04:05Z
--- exit code: 0

$ steppe job history -p web
Version     = 2
Stable      = false
Submit Date = 2006-01-02T15:06:05Z
Diff        = 
+/- Job: "web"
+/- Task Group: "app"
  +/- Count: "2" => "3"

Version     = 1
Stable      = true
Submit Date = 2006-01-02T15:05:05Z
Diff        = 
no changes

Version     = 0
Stable      = true
Submit Date = 2006-01-02T15:04:05Z
--- exit code: 0

$ steppe job history -version=2 -diff-version=0 web
Version     = 2
Stable      = false
Submit Date = 2006-01-02T15:06:05Z
Diff        = 
+/- Job: "web"
+/- Task Group: "app"
  +/- Count: "2" => "3"
--- exit code: 0

$ steppe job history -version=1 -full web
Version     = 1
Stable      = true
Submit Date = 2006-01-02T15:05:05Z
Full        = {
    "Affinities": null,
    "AllAtOnce": false,
    "Constraints": null,
    "ConsulNamespace": "",
    "CreateIndex": 0,
    "Datacenters": null,
    "DispatchIdempotencyToken": "",
    "Dispatched": false,
    "ID": "web",
    "JobModifyIndex": 0,
    "Meta": null,
    "ModifyIndex": 0,
    "Multiregion": null,
    "Name": "",
    "Namespace": "",
    "NodePool": "",
    "NomadTokenID": "",
    "ParameterizedJob": null,
    "ParentID": "",
    "Payload": null,
    "Periodic": null,
    "Priority": 0,
    "Region": "",
    "Spreads": null,
    "Stable": true,
    "Status": "pending",
    "StatusDescription": "",
    "Stop": false,
    "SubmitTime": 1136214305000000000,
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
            "PreventRescheduleOnLost": false,
            "ReschedulePolicy": null,
            "RestartPolicy": null,
            "Scaling": null,
            "Services": null,
            "ShutdownDelay": null,
            "Spreads": null,
            "StopAfterClientDisconnect": null,
            "Tasks": null,
            "Update": null,
            "Volumes": null
        }
    ],
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
    "Version": 1,
    "VersionTag": null
}
--- exit code: 0

$ steppe job history -t '{{range .}}{{.Version}} {{end}}' web
2 1 0 
--- exit code: 0

$ steppe job history -json -version=0 web
{
    "Affinities": null,
    "AllAtOnce": false,
    "Constraints": null,
    "ConsulNamespace": "",
    "CreateIndex": 0,
    "Datacenters": null,
    "DispatchIdempotencyToken": "",
    "Dispatched": false,
    "ID": "web",
    "JobModifyIndex": 0,
    "Meta": null,
    "ModifyIndex": 0,
    "Multiregion": null,
    "Name": "",
    "Namespace": "",
    "NodePool": "",
    "NomadTokenID": "",
    "ParameterizedJob": null,
    "ParentID": "",
    "Payload": null,
    "Periodic": null,
    "Priority": 0,
    "Region": "",
    "Spreads": null,
    "Stable": true,
    "Status": "pending",
    "StatusDescription": "",
    "Stop": false,
    "SubmitTime": 1136214245000000000,
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
            "PreventRescheduleOnLost": false,
            "ReschedulePolicy": null,
            "RestartPolicy": null,
            "Scaling": null,
            "Services": null,
            "ShutdownDelay": null,
            "Spreads": null,
            "StopAfterClientDisconnect": null,
            "Tasks": null,
            "Update": null,
            "Volumes": null
        }
    ],
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

$ steppe job history -version=9 web
--- stderr:
Job "web" has no version 9; there are 2, 1, 0
--- exit code: 1

### The job and its source.

$ steppe job inspect -t '{{.ID}} {{.Version}}' web
web 2
--- exit code: 0

$ steppe inspect -version=0 web
{
    "Job": {
        "Affinities": null,
        "AllAtOnce": false,
        "Constraints": null,
        "ConsulNamespace": "",
        "CreateIndex": 0,
        "Datacenters": null,
        "DispatchIdempotencyToken": "",
        "Dispatched": false,
        "ID": "web",
        "JobModifyIndex": 0,
        "Meta": null,
        "ModifyIndex": 0,
        "Multiregion": null,
        "Name": "",
        "Namespace": "",
        "NodePool": "",
        "NomadTokenID": "",
        "ParameterizedJob": null,
        "ParentID": "",
        "Payload": null,
        "Periodic": null,
        "Priority": 0,
        "Region": "",
        "Spreads": null,
        "Stable": true,
        "Status": "pending",
        "StatusDescription": "",
        "Stop": false,
        "SubmitTime": 1136214245000000000,
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
                "PreventRescheduleOnLost": false,
                "ReschedulePolicy": null,
                "RestartPolicy": null,
                "Scaling": null,
                "Services": null,
                "ShutdownDelay": null,
                "Spreads": null,
                "StopAfterClientDisconnect": null,
                "Tasks": null,
                "Update": null,
                "Volumes": null
            }
        ],
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
}
--- exit code: 0

$ steppe job inspect -json -version=1 web
{
    "Job": {
        "Affinities": null,
        "AllAtOnce": false,
        "Constraints": null,
        "ConsulNamespace": "",
        "CreateIndex": 0,
        "Datacenters": null,
        "DispatchIdempotencyToken": "",
        "Dispatched": false,
        "ID": "web",
        "JobModifyIndex": 0,
        "Meta": null,
        "ModifyIndex": 0,
        "Multiregion": null,
        "Name": "",
        "Namespace": "",
        "NodePool": "",
        "NomadTokenID": "",
        "ParameterizedJob": null,
        "ParentID": "",
        "Payload": null,
        "Periodic": null,
        "Priority": 0,
        "Region": "",
        "Spreads": null,
        "Stable": true,
        "Status": "pending",
        "StatusDescription": "",
        "Stop": false,
        "SubmitTime": 1136214305000000000,
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
                "PreventRescheduleOnLost": false,
                "ReschedulePolicy": null,
                "RestartPolicy": null,
                "Scaling": null,
                "Services": null,
                "ShutdownDelay": null,
                "Spreads": null,
                "StopAfterClientDisconnect": null,
                "Tasks": null,
                "Update": null,
                "Volumes": null
            }
        ],
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
        "Version": 1,
        "VersionTag": null
    }
}
--- exit code: 0

$ steppe job inspect -hcl web
job "web" {
  # …
}
--- exit code: 0

$ steppe job inspect -hcl -with-vars web
job "web" {
  # …
}

Variable Flags
version = 7

Variables
other = 1
--- exit code: 0

$ steppe job inspect -hcl -version=1 web
--- stderr:
Error inspecting job: Unexpected response code: 404 (job source not found)
--- exit code: 1

### What it has.

$ steppe job deployments web
ID        Job ID  Job Version  Status      Description
fbceae35  web     1            running     Deployment is running
a71cd600  web     0            successful  Deployment completed successfully
--- exit code: 0

$ steppe job deployments -latest web
ID          = fbceae35
Job ID      = web
Job Version = 1
Status      = running
Description = Deployment is running
--- exit code: 0

$ steppe job deployments -latest -t '{{.ID}}' web
fbceae35-6298-1ea4-6b49-376abab5eab9
--- exit code: 0

$ steppe job deployments -verbose web
ID                                    Job ID  Job Version  Status      Description
fbceae35-6298-1ea4-6b49-376abab5eab9  web     1            running     Deployment is running
a71cd600-6e5b-e5ae-a270-28bdeb62bbaa  web     0            successful  Deployment completed successfully
--- exit code: 0

$ steppe job deployments -json new
[]
--- exit code: 0

$ steppe job deployments -t '{{len .}}' web
2
--- exit code: 0

$ steppe job deployments new
No deployments found
--- exit code: 0

$ steppe job deployments -latest new
No deployment found
--- exit code: 0

$ steppe job allocs web
ID        Node ID   Task Group  Version  Desired  Status   Created  Modified
18011418  a3c94b28  app         0        run      running  2h ago   1h30m ago
--- exit code: 0

$ steppe job allocs -verbose web
ID                                    Eval ID  Node ID                               Node Name  Task Group  Version  Desired  Status   Created               Modified
18011418-c581-3938-4ff6-df36bc691165  <none>   a3c94b28-f11c-2f2a-f70b-328d55fa9027  <none>     app         0        run      running  <now>  <now>
--- exit code: 0

$ steppe job allocs once
ID        Node ID  Task Group  Version  Desired  Status   Created   Modified   Max Run Deadline
18011418  <none>   app         0        run      pending  1h3m ago  1h30m ago  <now>
--- exit code: 0

$ steppe job allocs -verbose=true -t '{{len .}}' web
1
--- exit code: 0

$ steppe job allocs -json old
[
    {
        "ClientDescription": "",
        "ClientStatus": "running",
        "CreateIndex": 0,
        "CreateTime": 1136214245000000000,
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
        "ID": "18011418-c581-3938-4ff6-df36bc691165",
        "JobID": "old",
        "JobType": "service",
        "JobVersion": 0,
        "ModifyIndex": 0,
        "ModifyTime": 1136214245000000000,
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

$ steppe job allocs new
No allocations placed
--- exit code: 0

$ steppe job allocs -json new
[]
--- exit code: 0

