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

$ steppe namespace list -json

$ steppe namespace list -t '{{range .}}{{.Name}} {{end}}'

$ steppe namespace status dev

$ steppe namespace status de

$ steppe namespace status nope

$ steppe namespace inspect dev

$ steppe namespace apply -description='a new one' new

$ steppe namespace apply -description=changed dev

$ steppe namespace apply - <<< name = "dev"\ndescription = "d"\nmeta {\n  owner = "ann"\n}\ncapabilities {\n  enabled_task_drivers = ["raw_exec"]\n}\nnode_pool_config {\n  default = "gpu"\n  allowed = ["gpu"]\n}\n

$ steppe namespace apply -json - <<< {"Name": "dev", "Meta": {"a": "b"}}

$ steppe namespace apply - <<< name = "dev"\nvault {\n  default = "x"\n}\n

$ steppe namespace apply - <<< name = "dev"\ndescriptoin = "x"\n

$ steppe namespace apply - <<< name = dev.x\n

$ steppe namespace apply - <<< description = "x"\n

$ steppe namespace delete dev

$ steppe namespace delete busy

### Node pools

$ steppe node pool list

$ steppe node pool list -per-page=1

$ steppe node pool info gpu

$ steppe node pool info default

$ steppe node pool info nope

$ steppe node pool nodes gpu

$ steppe node pool nodes -verbose gpu

$ steppe node pool nodes default

$ steppe node pool jobs -namespace='*' gpu

$ steppe node pool jobs default

$ steppe node pool apply - <<< node_pool "gpu" {\n  description = "cards"\n  scheduler_config {\n    scheduler_algorithm = "spread"\n    memory_oversubscription_enabled = true\n  }\n}\n

$ steppe node pool apply - <<< node_pool {\n}\n

$ steppe node pool apply - <<< node_pool "gpu" {\n  node_identity_ttl = "1h"\n}\n

$ steppe node pool apply - <<< pool "gpu" {\n}\n

$ steppe node pool delete gpu

### How a region schedules

$ steppe operator scheduler get-config

$ steppe operator scheduler set-config -scheduler-algorithm=spread -pause-eval-broker=true -preempt-system-scheduler=false

$ steppe operator scheduler set-config -check-index=8 -reject-job-registration=true

$ steppe operator scheduler set-config -scheduler-algorithm=best

### Evaluations that are deleted

$ steppe eval delete

$ steppe eval delete 93eecff7 <<< n\n

$ steppe eval delete -yes 93eecff7

$ steppe eval delete -filter 'JobID == web' <<< y\n

$ steppe eval delete -filter 'JobID == none'

