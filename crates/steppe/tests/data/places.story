GET /v1/namespaces
[{"Name": "default", "Description": "Default shared namespace"}, {"Name": "dev", "Description": ""}, {"Name": "dev-2", "Description": "second"}]

GET /v1/namespaces?prefix=dev
[{"Name": "dev", "Description": "for trying", "Meta": {"owner": "ann"}, "Capabilities": {"EnabledTaskDrivers": ["raw_exec", "exec"], "DisabledNetworkModes": ["host"]}, "NodePoolConfiguration": {"Default": "gpu", "Allowed": ["gpu*"], "Denied": null}, "CreateIndex": 3, "ModifyIndex": 7}, {"Name": "dev-2", "Description": "second"}]

GET /v1/namespaces?prefix=de
[{"Name": "default", "Description": "Default shared namespace"}, {"Name": "dev", "Description": ""}]

GET /v1/namespaces?prefix=nope
[]

GET /v1/namespaces?prefix=new
[]

PUT /v1/namespace

DELETE /v1/namespace/dev

DELETE /v1/namespace/busy -> 500
namespace "busy" has non-terminal jobs, such as "web": stop them first

GET /v1/node/pools
[{"Name": "all", "Description": "Node pool with all nodes in the cluster."}, {"Name": "default", "Description": "Default node pool."}, {"Name": "gpu", "Description": ""}]

GET /v1/node/pools?per_page=1 -> 200 next
[{"Name": "all", "Description": "Node pool with all nodes in the cluster."}]

GET /v1/node/pools?prefix=gpu
[{"Name": "gpu", "Description": "cards", "Meta": {"owner": "ann"}, "SchedulerConfiguration": {"SchedulerAlgorithm": "spread", "MemoryOversubscriptionEnabled": true}}]

GET /v1/node/pools?prefix=default
[{"Name": "default", "Description": "Default node pool."}]

GET /v1/node/pools?prefix=nope
[]

PUT /v1/node/pools

DELETE /v1/node/pool/gpu

GET /v1/node/pool/gpu/nodes
[{"ID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "n1", "NodePool": "gpu", "Datacenter": "dc1", "NodeClass": "big", "SchedulingEligibility": "eligible", "Status": "ready"}]

GET /v1/node/pool/default/nodes
[]

GET /v1/node/pool/gpu/jobs
[{"ID": "web", "Namespace": "dev", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000}]

GET /v1/node/pool/default/jobs
[]

GET /v1/operator/scheduler/configuration
{"SchedulerConfig": {"SchedulerAlgorithm": "binpack", "PreemptionConfig": {"SystemSchedulerEnabled": true}, "ModifyIndex": 9}, "Index": 9, "KnownLeader": true}

PUT /v1/operator/scheduler/configuration?cas=9
{"Updated": true, "Index": 10}

PUT /v1/operator/scheduler/configuration?cas=8
{"Updated": false, "Index": 10}

GET /v1/evaluations?prefix=93eecff7
[{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "pending"}]

GET /v1/evaluation/93eecff7-2c2e-6526-3d4b-d870ce50fb3f
{"ID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "JobID": "web", "Status": "pending"}

GET /v1/evaluations/count?filter=JobID == web
{"Count": 3}

GET /v1/evaluations/count?filter=JobID == none
{"Count": 0}

DELETE /v1/evaluations
{"Count": 3, "Index": 12}

=== transcript
### Namespaces

$ steppe namespace list
Name     Description
default  Default shared namespace
dev      <none>
dev-2    second
--- exit code: 0

$ steppe namespace list -json
[
    {
        "Capabilities": null,
        "ConsulConfiguration": null,
        "CreateIndex": 0,
        "Description": "Default shared namespace",
        "Hash": null,
        "Meta": null,
        "ModifyIndex": 0,
        "Name": "default",
        "NodePoolConfiguration": null,
        "OptionalExtraClaims": null,
        "Quota": "",
        "RequiredExtraClaims": null,
        "VaultConfiguration": null
    },
    {
        "Capabilities": null,
        "ConsulConfiguration": null,
        "CreateIndex": 0,
        "Description": "",
        "Hash": null,
        "Meta": null,
        "ModifyIndex": 0,
        "Name": "dev",
        "NodePoolConfiguration": null,
        "OptionalExtraClaims": null,
        "Quota": "",
        "RequiredExtraClaims": null,
        "VaultConfiguration": null
    },
    {
        "Capabilities": null,
        "ConsulConfiguration": null,
        "CreateIndex": 0,
        "Description": "second",
        "Hash": null,
        "Meta": null,
        "ModifyIndex": 0,
        "Name": "dev-2",
        "NodePoolConfiguration": null,
        "OptionalExtraClaims": null,
        "Quota": "",
        "RequiredExtraClaims": null,
        "VaultConfiguration": null
    }
]
--- exit code: 0

$ steppe namespace list -t '{{range .}}{{.Name}} {{end}}'
default dev dev-2 
--- exit code: 0

$ steppe namespace status dev
Name                   = dev
Description            = for trying
Quota                  = <none>
Enabled Drivers        = raw_exec,exec
Disabled Drivers       = <none>
Enabled Network Modes  = *
Disabled Network Modes = host

Metadata
owner = ann

Node Pool Configuration
Default = gpu
Allowed = gpu*
Denied  = <none>
--- exit code: 0

$ steppe namespace status -json dev
{
    "Capabilities": {
        "DisabledNetworkModes": [
            "host"
        ],
        "DisabledTaskDrivers": null,
        "EnabledNetworkModes": null,
        "EnabledTaskDrivers": [
            "raw_exec",
            "exec"
        ]
    },
    "ConsulConfiguration": null,
    "CreateIndex": 3,
    "Description": "for trying",
    "Hash": null,
    "Meta": {
        "owner": "ann"
    },
    "ModifyIndex": 7,
    "Name": "dev",
    "NodePoolConfiguration": {
        "Allowed": [
            "gpu*"
        ],
        "Default": "gpu",
        "Denied": null
    },
    "OptionalExtraClaims": null,
    "Quota": "",
    "RequiredExtraClaims": null,
    "VaultConfiguration": null
}
--- exit code: 0

$ steppe namespace status -t '{{.Name}} {{.Meta.owner}}' dev
dev ann
--- exit code: 0

$ steppe namespace status de
--- stderr:
Prefix "de" matched multiple namespaces: default, dev
--- exit code: 1

$ steppe namespace status nope
--- stderr:
No namespace(s) with prefix "nope" found
--- exit code: 1

$ steppe namespace inspect dev
{
    "Capabilities": {
        "DisabledNetworkModes": [
            "host"
        ],
        "DisabledTaskDrivers": null,
        "EnabledNetworkModes": null,
        "EnabledTaskDrivers": [
            "raw_exec",
            "exec"
        ]
    },
    "ConsulConfiguration": null,
    "CreateIndex": 3,
    "Description": "for trying",
    "Hash": null,
    "Meta": {
        "owner": "ann"
    },
    "ModifyIndex": 7,
    "Name": "dev",
    "NodePoolConfiguration": {
        "Allowed": [
            "gpu*"
        ],
        "Default": "gpu",
        "Denied": null
    },
    "OptionalExtraClaims": null,
    "Quota": "",
    "RequiredExtraClaims": null,
    "VaultConfiguration": null
}
--- exit code: 0

$ steppe namespace inspect -t '{{.Description}}' dev
for trying
--- exit code: 0

$ steppe namespace apply -description='a new one' new
Successfully applied namespace "new"!
>>> PUT /v1/namespace {"Capabilities":null,"ConsulConfiguration":null,"CreateIndex":0,"Description":"a new one","Hash":null,"Meta":null,"ModifyIndex":0,"Name":"new","NodePoolConfiguration":null,"OptionalExtraClaims":null,"Quota":"","RequiredExtraClaims":null,"VaultConfiguration":null}
--- exit code: 0

$ steppe namespace apply -description=changed dev
Successfully applied namespace "dev"!
>>> PUT /v1/namespace {"Capabilities":{"DisabledNetworkModes":["host"],"DisabledTaskDrivers":null,"EnabledNetworkModes":null,"EnabledTaskDrivers":["raw_exec","exec"]},"ConsulConfiguration":null,"CreateIndex":3,"Description":"changed","Hash":null,"Meta":{"owner":"ann"},"ModifyIndex":7,"Name":"dev","NodePoolConfiguration":{"Allowed":["gpu*"],"Default":"gpu","Denied":null},"OptionalExtraClaims":null,"Quota":"","RequiredExtraClaims":null,"VaultConfiguration":null}
--- exit code: 0

$ steppe namespace apply - <<< name = "dev"\ndescription = "d"\nmeta {\n  owner = "ann"\n}\ncapabilities {\n  enabled_task_drivers = ["raw_exec"]\n}\nnode_pool_config {\n  default = "gpu"\n  allowed = ["gpu"]\n}\n
Successfully applied namespace "dev"!
>>> PUT /v1/namespace {"Capabilities":{"DisabledNetworkModes":null,"DisabledTaskDrivers":null,"EnabledNetworkModes":null,"EnabledTaskDrivers":["raw_exec"]},"ConsulConfiguration":null,"CreateIndex":0,"Description":"d","Hash":null,"Meta":{"owner":"ann"},"ModifyIndex":0,"Name":"dev","NodePoolConfiguration":{"Allowed":["gpu"],"Default":"gpu","Denied":null},"OptionalExtraClaims":null,"Quota":"","RequiredExtraClaims":null,"VaultConfiguration":null}
--- exit code: 0

$ steppe namespace apply -json - <<< {"Name": "dev", "Meta": {"a": "b"}}
Successfully applied namespace "dev"!
>>> PUT /v1/namespace {"Capabilities":null,"ConsulConfiguration":null,"CreateIndex":0,"Description":"","Hash":null,"Meta":{"a":"b"},"ModifyIndex":0,"Name":"dev","NodePoolConfiguration":null,"OptionalExtraClaims":null,"Quota":"","RequiredExtraClaims":null,"VaultConfiguration":null}
--- exit code: 0

$ steppe namespace apply - <<< name = "dev"\nvault {\n  default = "x"\n}\n
--- stderr:
stdin:2:1: vault is not supported yet
--- exit code: 1

$ steppe namespace apply - <<< name = "dev"\ndescriptoin = "x"\n
--- stderr:
stdin:2:1: unknown key "descriptoin"; it takes name, description, quota, meta, capabilities, node_pool_config, vault, consul, required_extra_claims, optional_extra_claims
--- exit code: 1

$ steppe namespace apply - <<< name = dev.x\n
--- stderr:
stdin:1:1: name is a literal string
--- exit code: 1

$ steppe namespace apply - <<< description = "x"\n
--- stderr:
Error parsing namespace: it has no name
--- exit code: 1

$ steppe namespace delete dev
Successfully deleted namespace "dev"!
>>> DELETE /v1/namespace/dev
--- exit code: 0

$ steppe namespace delete busy
--- stderr:
Error deleting namespace: Unexpected response code: 500 (namespace "busy" has non-terminal jobs, such as "web": stop them first)
>>> DELETE /v1/namespace/busy
--- exit code: 1

### Node pools

$ steppe node pool list
Name     Description
all      Node pool with all nodes in the cluster.
default  Default node pool.
gpu      <none>
--- exit code: 0

$ steppe node pool list -per-page=1
Name  Description
all   Node pool with all nodes in the cluster.

Results have been paginated. To get the next page run:

steppe node pool list -per-page=1 -page-token next-page
--- exit code: 0

$ steppe node pool list -json -per-page=1
[
    {
        "CreateIndex": 0,
        "Description": "Node pool with all nodes in the cluster.",
        "Hash": null,
        "Meta": null,
        "ModifyIndex": 0,
        "Name": "all",
        "SchedulerConfiguration": null
    }
]
--- exit code: 0

$ steppe node pool list -t '{{range .}}{{.Name}} {{end}}'
all default gpu 
--- exit code: 0

$ steppe node pool info gpu
Name        = gpu
Description = cards

Metadata
owner = ann

Scheduler Configuration
Scheduler Algorithm             = spread
Memory Oversubscription Enabled = true
--- exit code: 0

$ steppe node pool info -json gpu
{
    "CreateIndex": 0,
    "Description": "cards",
    "Hash": null,
    "Meta": {
        "owner": "ann"
    },
    "ModifyIndex": 0,
    "Name": "gpu",
    "SchedulerConfiguration": {
        "MemoryOversubscriptionEnabled": true,
        "SchedulerAlgorithm": "spread"
    }
}
--- exit code: 0

$ steppe node pool info -t '{{.SchedulerConfiguration.SchedulerAlgorithm}}' gpu
spread
--- exit code: 0

$ steppe node pool info default
Name        = default
Description = Default node pool.

Metadata
No metadata

Scheduler Configuration
No scheduler configuration
--- exit code: 0

$ steppe node pool info nope
--- stderr:
No node pool with prefix "nope" found
--- exit code: 1

$ steppe node pool nodes gpu
ID        Node Pool  DC   Name  Class  Drain  Eligibility  Status
a3c94b28  gpu        dc1  n1    big    false  eligible     ready
--- exit code: 0

$ steppe node pool nodes -verbose gpu
ID                                    Node Pool  DC   Name  Class  Address  Version  Drain  Eligibility  Status
a3c94b28-f11c-2f2a-f70b-328d55fa9027  gpu        dc1  n1    big    <none>   <none>   false  eligible     ready
--- exit code: 0

$ steppe node pool nodes default
No nodes
--- exit code: 0

$ steppe node pool nodes -json default
[]
--- exit code: 0

$ steppe node pool nodes -t '{{range .}}{{.Name}}{{end}}' gpu
n1
--- exit code: 0

$ steppe node pool jobs -namespace='*' gpu
ID   Namespace  Type     Priority  Status   Submit Date
web  dev        service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ steppe node pool jobs default
No jobs
--- exit code: 0

$ steppe node pool jobs -json default
[]
--- exit code: 0

$ steppe node pool jobs -namespace='*' -t '{{range .}}{{.ID}}{{end}}' gpu
web
--- exit code: 0

$ steppe node pool apply - <<< node_pool "gpu" {\n  description = "cards"\n  scheduler_config {\n    scheduler_algorithm = "spread"\n    memory_oversubscription_enabled = true\n  }\n}\n
Successfully applied node pool "gpu"!
>>> PUT /v1/node/pools {"CreateIndex":0,"Description":"cards","Hash":null,"Meta":null,"ModifyIndex":0,"Name":"gpu","SchedulerConfiguration":{"MemoryOversubscriptionEnabled":true,"SchedulerAlgorithm":"spread"}}
--- exit code: 0

$ steppe node pool apply - <<< node_pool {\n}\n
--- stderr:
stdin:1:1: a node_pool has one name: node_pool "name" {
--- exit code: 1

$ steppe node pool apply - <<< node_pool "gpu" {\n  node_identity_ttl = "1h"\n}\n
--- stderr:
stdin:2:3: node_identity_ttl is not supported yet
--- exit code: 1

$ steppe node pool apply - <<< pool "gpu" {\n}\n
--- stderr:
stdin:1:1: the file has one block, node_pool "name" { … }, and nothing else
--- exit code: 1

$ steppe node pool delete gpu
Successfully deleted node pool "gpu"!
>>> DELETE /v1/node/pool/gpu
--- exit code: 0

### How a region schedules

$ steppe operator scheduler get-config
Scheduler Algorithm               = binpack
Memory Oversubscription           = false
Reject Job Registration           = false
Pause Eval Broker                 = false
Preemption System Scheduler       = true
Preemption Service Scheduler      = false
Preemption Batch Scheduler        = false
Preemption SysBatch Scheduler     = false
Node Limit For Feasibility Checks = 100
Modify Index                      = 9
--- exit code: 0

$ steppe operator scheduler get-config -json
{
    "Index": 9,
    "KnownLeader": true,
    "LastContact": 0,
    "NextToken": "",
    "SchedulerConfig": {
        "CreateIndex": 0,
        "MemoryOversubscriptionEnabled": false,
        "ModifyIndex": 9,
        "NodeLimitForFeasibilityChecks": 0,
        "PauseEvalBroker": false,
        "PreemptionConfig": {
            "BatchSchedulerEnabled": false,
            "ServiceSchedulerEnabled": false,
            "SysBatchSchedulerEnabled": false,
            "SystemSchedulerEnabled": true
        },
        "RejectJobRegistration": false,
        "SchedulerAlgorithm": "binpack"
    }
}
--- exit code: 0

$ steppe operator scheduler get-config -t '{{.SchedulerConfig.SchedulerAlgorithm}}'
binpack
--- exit code: 0

$ steppe operator scheduler set-config -scheduler-algorithm=spread -pause-eval-broker=true -preempt-system-scheduler=false
Scheduler configuration updated!
>>> PUT /v1/operator/scheduler/configuration?cas=9 {"CreateIndex":0,"MemoryOversubscriptionEnabled":false,"ModifyIndex":9,"NodeLimitForFeasibilityChecks":0,"PauseEvalBroker":true,"PreemptionConfig":{"BatchSchedulerEnabled":false,"ServiceSchedulerEnabled":false,"SysBatchSchedulerEnabled":false,"SystemSchedulerEnabled":false},"RejectJobRegistration":false,"SchedulerAlgorithm":"spread"}
--- exit code: 0

$ steppe operator scheduler set-config -check-index=8 -reject-job-registration=true
--- stderr:
Scheduler configuration could not be atomically updated, please try again
>>> PUT /v1/operator/scheduler/configuration?cas=8 {"CreateIndex":0,"MemoryOversubscriptionEnabled":false,"ModifyIndex":9,"NodeLimitForFeasibilityChecks":0,"PauseEvalBroker":false,"PreemptionConfig":{"BatchSchedulerEnabled":false,"ServiceSchedulerEnabled":false,"SysBatchSchedulerEnabled":false,"SystemSchedulerEnabled":true},"RejectJobRegistration":true,"SchedulerAlgorithm":"binpack"}
--- exit code: 1

$ steppe operator scheduler set-config -scheduler-algorithm=best
--- stderr:
-scheduler-algorithm is binpack or spread, not "best"
For additional help try 'steppe operator scheduler set-config -help'
--- exit code: 1

### Evaluations that are deleted

$ steppe eval delete
--- stderr:
This command takes one argument: <evaluation>, or -filter
For additional help try 'steppe eval delete -help'
--- exit code: 1

$ steppe eval delete 93eecff7 <<< n\n
Are you sure you want to delete evaluation "93eecff7-2c2e-6526-3d4b-d870ce50fb3f"? [y/N] Cancelling eval delete
--- exit code: 0

$ steppe eval delete -yes 93eecff7
Successfully deleted 3 evaluations
>>> DELETE /v1/evaluations {"EvalIDs":["93eecff7-2c2e-6526-3d4b-d870ce50fb3f"],"Filter":""}
--- exit code: 0

$ steppe eval delete -filter 'JobID == web' <<< y\n
Are you sure you want to delete 3 evaluations? [y/N] Successfully deleted 3 evaluations
>>> DELETE /v1/evaluations {"EvalIDs":null,"Filter":"JobID == web"}
--- exit code: 0

$ steppe eval delete -filter 'JobID == none'
No evaluations were deleted
--- exit code: 0

