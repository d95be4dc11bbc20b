GET /v1/nodes
[{"ID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodePool": "default", "Datacenter": "west-1", "Name": "west-c1", "NodeClass": "", "Address": "127.0.0.1", "Version": "0.1.0", "SchedulingEligibility": "eligible", "Status": "ready"},
 {"ID": "b3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodePool": "edge", "Datacenter": "west-2", "Name": "west-c2", "NodeClass": "big", "Address": "127.0.0.2", "Version": "0.1.0", "Drain": true, "SchedulingEligibility": "ineligible", "Status": "down", "Attributes": {"os.name": "debian"}}]

GET /v1/nodes?per_page=1 -> 200 next
[{"ID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "NodePool": "default", "Datacenter": "west-1", "Name": "west-c1", "Status": "ready"}]

GET /v1/nodes?region=empty
[]

GET /v1/nodes?region=mars -> 500
No path to region "mars"; known regions: east, west

GET /v1/nodes?prefix=a3c94b28
[{"ID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027"}]

GET /v1/nodes?prefix=a3
[{"ID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "one"}, {"ID": "a3d94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "two"}]

GET /v1/nodes?prefix=b3
[{"ID": "b3c94b28-f11c-2f2a-f70b-328d55fa9027"}]

GET /v1/nodes?prefix=dead
[]

GET /v1/nodes?prefix=zzzz -> 500
Invalid UUID: "zzzz" cannot begin an id: invalid character 'z'

GET /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "west-c1", "NodePool": "default", "Datacenter": "west-1", "NodeClass": "", "SchedulingEligibility": "eligible", "Status": "ready",
 "Attributes": {"kernel.name": "linux", "cpu.arch": "amd64"}, "Meta": {"rack": "r1"},
 "Drivers": {"raw_exec": {"Detected": true, "Healthy": true, "HealthDescription": "Healthy", "UpdateTime": "2006-01-02T15:04:05Z"}, "mock_driver": {"Detected": true, "Healthy": false, "HealthDescription": "sick", "UpdateTime": "2006-01-02T15:04:05Z"}, "docker": {}},
 "Events": [{"Message": "Node registered", "Subsystem": "Cluster", "Timestamp": "2006-01-02T15:04:05Z"}, {"Message": "Driver is unhealthy", "Subsystem": "Driver", "Details": {"driver": "mock_driver"}, "Timestamp": "2006-01-02T15:05:05Z"}],
 "NodeResources": {"Cpu": {"CpuShares": 4600}, "Memory": {"MemoryMB": 24000}, "Disk": {"DiskMB": 75000}}, "ReservedResources": {"Cpu": {"CpuShares": 100}, "Memory": {"MemoryMB": 1000}}}

GET /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "EvalID": "93eecff7-2c2e-6526-3d4b-d870ce50fb3f", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "Job": {"Version": 1}, "DesiredStatus": "run", "ClientStatus": "running", "CreateIndex": 2, "CreateTime": "@ago 3810", "ModifyTime": "@ago 5430",
  "AllocatedResources": {"Tasks": {"server": {"Cpu": {"CpuShares": 20}, "Memory": {"MemoryMB": 16}}}, "Shared": {"DiskMB": 300}}},
 {"ID": "18011418-c581-3938-4ff6-df36bc691165", "NodeID": "a3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "DesiredStatus": "stop", "ClientStatus": "complete", "CreateIndex": 1, "CreateTime": "@ago 3690", "ModifyTime": "@ago 5430",
  "AllocatedResources": {"Tasks": {"server": {"Cpu": {"CpuShares": 1000}}}}}]

GET /v1/client/stats?node_id=a3c94b28-f11c-2f2a-f70b-328d55fa9027
{"Uptime": 1177, "CPUTicksConsumed": 2994.4, "Memory": {"Total": 25276510208, "Available": 24000000000, "Used": 295698432, "Free": 22000000000}, "AllocDirStats": {"Used": 18253611008, "Size": 270553174016},
 "CPU": [{"CPU": "cpu0", "User": 15.625, "System": 10, "Idle": 74.375}], "DiskStats": [{"Device": "/dev/vda", "Mountpoint": "/", "Size": 270553174016, "Used": 18253611008, "Available": 79870111744, "UsedPercent": 18.71, "InodesUsedPercent": 2.65}]}

GET /v1/client/allocation/0711cffd-0b86-e5c0-b0c9-e79d646ee2ee/stats
{"ResourceUsage": {"MemoryStats": {"RSS": 39845888}, "CpuStats": {"TotalTicks": 7.2}}}

# A node that does not answer.

GET /v1/node/b3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "b3c94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "west-c2", "NodePool": "edge", "Datacenter": "west-2", "NodeClass": "big", "Drain": true, "DrainStrategy": {}, "SchedulingEligibility": "ineligible", "Status": "down", "NodeMaxAllocs": 30,
 "NodeResources": {"Cpu": {"CpuShares": 4600}, "Memory": {"MemoryMB": 24000}, "Disk": {"DiskMB": 75000}}}

GET /v1/node/b3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[]

GET /v1/agent/self
{"stats": {"client": {"node_id": "b3c94b28-f11c-2f2a-f70b-328d55fa9027"}}}

GET /v1/agent/self
{"stats": {"nomad": {"server": "true"}}}

PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/eligibility
{"NodeModifyIndex": 9}

PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/drain
{"NodeModifyIndex": 9}

# A node that drains.

GET /v1/nodes?prefix=c3c94b28
[{"ID": "c3c94b28-f11c-2f2a-f70b-328d55fa9027"}]

GET /v1/node/c3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "c3c94b28-f11c-2f2a-f70b-328d55fa9027", "Name": "west-c3", "Drain": true, "DrainStrategy": {"Deadline": 60000000000, "ForceDeadline": "2006-01-02T15:05:05Z", "IgnoreSystemJobs": true}, "SchedulingEligibility": "ineligible", "Status": "down",
 "HostNetworks": {"public": {"Name": "public", "CIDR": "203.0.113.0/24", "ReservedPorts": "22,80"}, "lan": {"Name": "lan", "Interface": "eth1"}}}

GET /v1/node/c3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[]

# A node that drains, and one that goes down while it does.

GET /v1/nodes?prefix=e3c94b28
[{"ID": "e3c94b28-f11c-2f2a-f70b-328d55fa9027"}]

PUT /v1/node/e3c94b28-f11c-2f2a-f70b-328d55fa9027/drain
{"NodeModifyIndex": 9}

GET /v1/node/e3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "e3c94b28-f11c-2f2a-f70b-328d55fa9027", "DrainStrategy": {"Deadline": 60000000000, "ForceDeadline": "2006-01-02T15:05:05Z"}, "Status": "ready"}

GET /v1/node/e3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "e3c94b28-f11c-2f2a-f70b-328d55fa9027", "LastDrain": {"Status": "complete"}, "Status": "ready"}

GET /v1/node/e3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "DesiredStatus": "run", "ClientStatus": "running"}]

GET /v1/node/e3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "DesiredStatus": "stop", "ClientStatus": "complete", "DesiredTransition": {"Migrate": true}}]

GET /v1/nodes?prefix=f3c94b28
[{"ID": "f3c94b28-f11c-2f2a-f70b-328d55fa9027"}]

PUT /v1/node/f3c94b28-f11c-2f2a-f70b-328d55fa9027/drain
{"NodeModifyIndex": 9}

GET /v1/node/f3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "f3c94b28-f11c-2f2a-f70b-328d55fa9027", "DrainStrategy": {"Deadline": 60000000000, "ForceDeadline": "2006-01-02T15:05:05Z"}, "Status": "ready"}

GET /v1/node/f3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "f3c94b28-f11c-2f2a-f70b-328d55fa9027", "DrainStrategy": {"Deadline": 60000000000, "ForceDeadline": "2006-01-02T15:05:05Z"}, "Status": "down"}

GET /v1/node/f3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "DesiredStatus": "run", "ClientStatus": "running"}]

GET /v1/node/f3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "DesiredStatus": "stop", "ClientStatus": "running", "DesiredTransition": {"Migrate": true}}]

# A node whose drain is over when it is looked at for the second time.

GET /v1/nodes?prefix=d3c94b28
[{"ID": "d3c94b28-f11c-2f2a-f70b-328d55fa9027"}]

GET /v1/node/d3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "d3c94b28-f11c-2f2a-f70b-328d55fa9027", "Drain": true, "DrainStrategy": {}, "SchedulingEligibility": "ineligible", "Status": "ready"}

GET /v1/node/d3c94b28-f11c-2f2a-f70b-328d55fa9027
{"ID": "d3c94b28-f11c-2f2a-f70b-328d55fa9027", "LastDrain": {"Status": "complete"}, "SchedulingEligibility": "ineligible", "Status": "ready"}

GET /v1/node/d3c94b28-f11c-2f2a-f70b-328d55fa9027/allocations
[{"ID": "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee", "NodeID": "d3c94b28-f11c-2f2a-f70b-328d55fa9027", "TaskGroup": "app", "DesiredStatus": "stop", "ClientStatus": "complete"}]

GET /v1/client/metadata
{"Meta": {"rack": "r2"}, "Dynamic": {"rack": "r2", "old": null}, "Static": {"rack": "r1", "old": "1"}}

POST /v1/client/metadata
{"Meta": {"rack": "r2"}, "Dynamic": {"rack": "r2"}, "Static": {}}

PUT /v1/client/metadata
{"Meta": {"rack": "r2"}, "Dynamic": {"rack": "r2"}, "Static": {}}

GET /v1/client/metadata?node_id=a3c94b28-f11c-2f2a-f70b-328d55fa9027
{"Meta": null, "Dynamic": null, "Static": null}

GET /v1/agent/servers
["10.0.0.1:4647", "10.0.0.2:4647"]

PUT /v1/agent/servers


=== transcript
$ steppe node status
ID        Node Pool  DC      Name     Class   Drain  Eligibility  Status
a3c94b28  default    west-1  west-c1  <none>  false  eligible     ready
b3c94b28  edge       west-2  west-c2  big     true   ineligible   down
--- exit code: 0

$ steppe node status -verbose -os
ID                                    Node Pool  DC      Name     Class   OS      Address    Version  Drain  Eligibility  Status
a3c94b28-f11c-2f2a-f70b-328d55fa9027  default    west-1  west-c1  <none>  <none>  127.0.0.1  0.1.0    false  eligible     ready
b3c94b28-f11c-2f2a-f70b-328d55fa9027  edge       west-2  west-c2  big     debian  127.0.0.2  0.1.0    true   ineligible   down
--- exit code: 0

$ steppe node status -allocs
ID        Node Pool  DC      Name     Class   Drain  Eligibility  Status  Running Allocs
a3c94b28  default    west-1  west-c1  <none>  false  eligible     ready   1
b3c94b28  edge       west-2  west-c2  big     true   ineligible   down    0
--- exit code: 0

$ steppe node status -quiet
a3c94b28
b3c94b28
--- exit code: 0

$ steppe node status -region=empty
No nodes registered
--- exit code: 0

$ steppe node status -region=empty -json
[]
--- exit code: 0

$ steppe node status -region=mars
--- stderr:
Error querying node status: Unexpected response code: 500 (No path to region "mars"; known regions: east, west)
--- exit code: 1

$ steppe node status -per-page=1
ID        Node Pool  DC      Name     Class   Drain  Eligibility  Status
a3c94b28  default    west-1  west-c1  <none>  false  eligible     ready

Results have been paginated. To get the next page run:

steppe node status -per-page=1 -page-token next-page
--- exit code: 0

$ steppe node status -t '{{range .}}{{.Name}}:{{.Status}} {{end}}'
west-c1:ready west-c2:down 
--- exit code: 0

### One.

$ steppe node status a3c94b28
ID              = a3c94b28-f11c-2f2a-f70b-328d55fa9027
Name            = west-c1
Node Pool       = default
Class           = <none>
DC              = west-1
Drain           = false
Eligibility     = eligible
Status          = ready
CSI Controllers = <none>
CSI Drivers     = <none>
Uptime          = 19m37s
Host Volumes    = <none>
Host Networks   = <none>
CSI Volumes     = <none>
Driver Status   = mock_driver (unhealthy),raw_exec

Node Events
Time                  Subsystem            Message
2006-01-02T15:05:05Z  Driver: mock_driver  Driver is unhealthy
2006-01-02T15:04:05Z  Cluster              Node registered

Allocated Resources
CPU          Memory         Disk
20/4500 MHz  16 MiB/22 GiB  300 MiB/73 GiB

Allocation Resource Utilization
CPU         Memory
7/4600 MHz  38 MiB/24 GiB

Host Resource Utilization
CPU            Memory          Disk
2994/4600 MHz  282 MiB/24 GiB  17 GiB/252 GiB

Allocations
ID        Node ID   Task Group  Version  Desired  Status    Created   Modified
0711cffd  a3c94b28  app         1        run      running   1h3m ago  1h30m ago
18011418  a3c94b28  app         0        stop     complete  1h1m ago  1h30m ago
--- exit code: 0

$ steppe node status -verbose -stats a3c94b28
ID              = a3c94b28-f11c-2f2a-f70b-328d55fa9027
Name            = west-c1
Node Pool       = default
Class           = <none>
DC              = west-1
Drain           = false
Eligibility     = eligible
Status          = ready
CSI Controllers = <none>
CSI Drivers     = <none>
Uptime          = 19m37s

Drivers
Driver       Detected  Healthy  Message  Time
docker       false     false    <none>   <none>
mock_driver  true      false    sick     2006-01-02T15:04:05Z
raw_exec     true      true     Healthy  2006-01-02T15:04:05Z

Node Events
Time                  Subsystem            Message              Details
2006-01-02T15:05:05Z  Driver: mock_driver  Driver is unhealthy  driver = mock_driver
2006-01-02T15:04:05Z  Cluster              Node registered      <none>

Allocated Resources
CPU          Memory         Disk
20/4500 MHz  16 MiB/22 GiB  300 MiB/73 GiB

Allocation Resource Utilization
CPU         Memory
7/4600 MHz  38 MiB/24 GiB

Host Resource Utilization
CPU            Memory          Disk
2994/4600 MHz  282 MiB/24 GiB  17 GiB/252 GiB

CPU Stats
CPU    = cpu0
User   = 15.62%
System = 10.00%
Idle   = 74.38%

Memory Stats
Total     = 24 GiB
Available = 22 GiB
Used      = 282 MiB
Free      = 20 GiB

Disk Stats
Device         = /dev/vda
MountPoint     = /
Size           = 252 GiB
Used           = 17 GiB
Available      = 74 GiB
Used Percent   = 18.71%
Inodes Percent = 2.65%

Allocations
ID                                    Eval ID                               Node ID                               Task Group  Version  Desired  Status    Created               Modified
0711cffd-0b86-e5c0-b0c9-e79d646ee2ee  93eecff7-2c2e-6526-3d4b-d870ce50fb3f  a3c94b28-f11c-2f2a-f70b-328d55fa9027  app         1        run      running   <now>  <now>
18011418-c581-3938-4ff6-df36bc691165  <none>                                a3c94b28-f11c-2f2a-f70b-328d55fa9027  app         0        stop     complete  <now>  <now>

Attributes
cpu.arch    = amd64
kernel.name = linux

Meta
rack = r1
--- exit code: 0

$ steppe node status -short a3c94b28
ID              = a3c94b28-f11c-2f2a-f70b-328d55fa9027
Name            = west-c1
Node Pool       = default
Class           = <none>
DC              = west-1
Drain           = false
Eligibility     = eligible
Status          = ready
CSI Controllers = <none>
CSI Drivers     = <none>

Allocations
ID        Node ID   Task Group  Version  Desired  Status    Created   Modified
0711cffd  a3c94b28  app         1        run      running   1h3m ago  1h30m ago
18011418  a3c94b28  app         0        stop     complete  1h1m ago  1h30m ago
--- exit code: 0

$ steppe node-status b3c
ID              = b3c94b28-f11c-2f2a-f70b-328d55fa9027
Name            = west-c2
Node Pool       = edge
Class           = big
DC              = west-2
Drain           = true; no deadline
Eligibility     = ineligible
Status          = down
CSI Controllers = <none>
CSI Drivers     = <none>
Host Volumes    = <none>
Host Networks   = <none>
CSI Volumes     = <none>
Driver Status   = <none>

Node Events
Time  Subsystem  Message

Allocated Resources
CPU         Memory      Disk        Alloc Count
0/4600 MHz  0 B/23 GiB  0 B/73 GiB  0/30

Allocations
No allocations placed
--- exit code: 0

$ steppe node status -self -short
ID              = b3c94b28-f11c-2f2a-f70b-328d55fa9027
Name            = west-c2
Node Pool       = edge
Class           = big
DC              = west-2
Drain           = true; no deadline
Eligibility     = ineligible
Status          = down
CSI Controllers = <none>
CSI Drivers     = <none>

Allocations
No allocations placed
--- exit code: 0

$ steppe node status -t '{{.Name}} {{.Status}}' a3c94b28
west-c1 ready
--- exit code: 0

$ steppe node status -self
--- stderr:
Error querying agent info: the agent is not a client, so it has no node
--- exit code: 1

$ steppe node status a3
--- stderr:
Prefix matched multiple nodes

ID        Node Pool  DC      Name  Class   Drain  Eligibility  Status
a3c94b28  <none>     <none>  one   <none>  false  eligible     initializing
a3d94b28  <none>     <none>  two   <none>  false  eligible     initializing
--- exit code: 1

$ steppe node status dead
--- stderr:
No node(s) with prefix "dead" found
--- exit code: 1

$ steppe node status zzzz
--- stderr:
Error querying node info: Unexpected response code: 500 (Invalid UUID: "zzzz" cannot begin an id: invalid character 'z')
--- exit code: 1

### Acts.

$ steppe node eligibility -disable a3c94b28
Node "a3c94b28-f11c-2f2a-f70b-328d55fa9027" scheduling eligibility set: ineligible for scheduling
>>> PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/eligibility {"Eligibility":"ineligible","Namespace":"","NodeEvent":null,"NodeID":"a3c94b28-f11c-2f2a-f70b-328d55fa9027","Region":"","UpdatedAt":0}
--- exit code: 0

$ steppe node eligibility -enable a3c94b28
Node "a3c94b28-f11c-2f2a-f70b-328d55fa9027" scheduling eligibility set: eligible for scheduling
>>> PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/eligibility {"Eligibility":"eligible","Namespace":"","NodeEvent":null,"NodeID":"a3c94b28-f11c-2f2a-f70b-328d55fa9027","Region":"","UpdatedAt":0}
--- exit code: 0

$ steppe node eligibility a3c94b28
--- stderr:
One of -enable and -disable is needed, and not both
For additional help try 'steppe node eligibility -help'
--- exit code: 1

$ steppe node eligibility -enable
--- stderr:
Either -self or one node is needed: <node>
For additional help try 'steppe node eligibility -help'
--- exit code: 1

$ steppe node drain -enable -detach -yes -deadline=2m -m 'new disks' -meta who=me a3c94b28
Node "a3c94b28-f11c-2f2a-f70b-328d55fa9027" drain strategy set
>>> PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/drain {"DrainSpec":{"Deadline":120000000000,"IgnoreSystemJobs":false},"MarkEligible":false,"Meta":{"message":"new disks","who":"me"},"NodeID":"a3c94b28-f11c-2f2a-f70b-328d55fa9027"}
--- exit code: 0

$ steppe node drain -disable a3c94b28
Node "a3c94b28-f11c-2f2a-f70b-328d55fa9027" drain strategy unset
>>> PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/drain {"DrainSpec":null,"MarkEligible":true,"Meta":null,"NodeID":"a3c94b28-f11c-2f2a-f70b-328d55fa9027"}
--- exit code: 0

$ steppe node drain -enable a3c94b28 <<< n\n
Are you sure you want to enable drain mode for node "a3c94b28-f11c-2f2a-f70b-328d55fa9027"? [y/N] Cancelling node drain
--- exit code: 0

$ steppe node drain -monitor a3c94b28
No drain strategy set
--- exit code: 0

$ steppe node drain a3c94b28
--- stderr:
One of -enable, -disable and -monitor is needed, and only one
For additional help try 'steppe node drain -help'
--- exit code: 1

$ steppe node drain -enable -force -no-deadline a3c94b28
--- stderr:
-deadline, -force and -no-deadline exclude each other
For additional help try 'steppe node drain -help'
--- exit code: 1

$ steppe node drain -enable -deadline=tomorrow a3c94b28
--- stderr:
flag -deadline: "tomorrow" is not a duration: write numbers with units, such as "300ms", "10s", "1m30s" or "2h"
For additional help try 'steppe node drain -help'
--- exit code: 1

$ steppe node drain -enable -yes -detach -force a3c94b28
Node "a3c94b28-f11c-2f2a-f70b-328d55fa9027" drain strategy set
>>> PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/drain {"DrainSpec":{"Deadline":-1,"IgnoreSystemJobs":false},"MarkEligible":false,"Meta":null,"NodeID":"a3c94b28-f11c-2f2a-f70b-328d55fa9027"}
--- exit code: 0

$ steppe node drain -disable -keep-ineligible -m done a3c94b28
Node "a3c94b28-f11c-2f2a-f70b-328d55fa9027" drain strategy unset
>>> PUT /v1/node/a3c94b28-f11c-2f2a-f70b-328d55fa9027/drain {"DrainSpec":null,"MarkEligible":false,"Meta":{"message":"done"},"NodeID":"a3c94b28-f11c-2f2a-f70b-328d55fa9027"}
--- exit code: 0

$ steppe node-drain -enable -yes -deadline=1m e3c94b28
Node "e3c94b28-f11c-2f2a-f70b-328d55fa9027" drain strategy set
<now>: Ctrl-C to stop monitoring: will not cancel the node drain
<now>: Alloc "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee" marked for migration
<now>: Alloc "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee" status running -> complete
<now>: Drain complete for node e3c94b28-f11c-2f2a-f70b-328d55fa9027
<now>: All allocations on node "e3c94b28-f11c-2f2a-f70b-328d55fa9027" have stopped
>>> PUT /v1/node/e3c94b28-f11c-2f2a-f70b-328d55fa9027/drain {"DrainSpec":{"Deadline":60000000000,"IgnoreSystemJobs":false},"MarkEligible":false,"Meta":null,"NodeID":"e3c94b28-f11c-2f2a-f70b-328d55fa9027"}
--- exit code: 0

$ steppe node drain -enable -yes -deadline=1m f3c94b28
Node "f3c94b28-f11c-2f2a-f70b-328d55fa9027" drain strategy set
<now>: Ctrl-C to stop monitoring: will not cancel the node drain
<now>: Alloc "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee" marked for migration
<now>: Alloc "0711cffd-0b86-e5c0-b0c9-e79d646ee2ee" draining
<now>: Node "f3c94b28-f11c-2f2a-f70b-328d55fa9027" down
>>> PUT /v1/node/f3c94b28-f11c-2f2a-f70b-328d55fa9027/drain {"DrainSpec":{"Deadline":60000000000,"IgnoreSystemJobs":false},"MarkEligible":false,"Meta":null,"NodeID":"f3c94b28-f11c-2f2a-f70b-328d55fa9027"}
--- exit code: 0

$ steppe node drain -monitor d3c94b28
<now>: Ctrl-C to stop monitoring: will not cancel the node drain
<now>: Drain complete for node d3c94b28-f11c-2f2a-f70b-328d55fa9027
<now>: All allocations on node "d3c94b28-f11c-2f2a-f70b-328d55fa9027" have stopped
--- exit code: 0

$ steppe node drain -monitor c3c94b28
<now>: Ctrl-C to stop monitoring: will not cancel the node drain
<now>: Node "c3c94b28-f11c-2f2a-f70b-328d55fa9027" down
--- exit code: 0

$ steppe node status c3c94b28
ID              = c3c94b28-f11c-2f2a-f70b-328d55fa9027
Name            = west-c3
Node Pool       = <none>
Class           = <none>
DC              = <none>
Drain           = true; deadline 2006-01-02T15:05:05Z; system jobs stay
Eligibility     = ineligible
Status          = down
CSI Controllers = <none>
CSI Drivers     = <none>
Host Volumes    = <none>
Host Networks   = lan,public
CSI Volumes     = <none>
Driver Status   = <none>

Node Events
Time  Subsystem  Message

Allocations
No allocations placed
--- exit code: 0

$ steppe node status -verbose c3c94b28
ID              = c3c94b28-f11c-2f2a-f70b-328d55fa9027
Name            = west-c3
Node Pool       = <none>
Class           = <none>
DC              = <none>
Drain           = true; deadline 2006-01-02T15:05:05Z; system jobs stay
Eligibility     = ineligible
Status          = down
CSI Controllers = <none>
CSI Drivers     = <none>

Host Networks
Name    CIDR            Interface  ReservedPorts
lan     <none>          eth1       <none>
public  203.0.113.0/24  <none>     22,80

Drivers
Driver  Detected  Healthy  Message  Time

Node Events
Time  Subsystem  Message  Details

Allocations
No allocations placed
--- exit code: 0

$ steppe node meta read
All Meta
rack = r2

Dynamic Meta
old  = <unset>
rack = r2

Static Meta
old  = 1
rack = r1
--- exit code: 0

$ steppe node meta read -node-id a3c94b28
All Meta


Dynamic Meta


Static Meta

--- exit code: 0

$ steppe node meta read -json
{
    "Dynamic": {
        "old": null,
        "rack": "r2"
    },
    "Meta": {
        "rack": "r2"
    },
    "Static": {
        "old": "1",
        "rack": "r1"
    }
}
--- exit code: 0

$ steppe node meta read -t '{{.Meta.rack}}'
r2
--- exit code: 0

$ steppe node meta apply rack=r2 -unset=old
>>> PUT /v1/client/metadata {"Meta":{"old":null,"rack":"r2"},"NodeID":""}
--- exit code: 0

$ steppe node meta apply -unset=a,b rack=r2 free=
>>> PUT /v1/client/metadata {"Meta":{"a":null,"b":null,"free":"","rack":"r2"},"NodeID":""}
--- exit code: 0

$ steppe node meta apply -node-id a3c94b28 rack=r2
>>> PUT /v1/client/metadata?node_id=a3c94b28-f11c-2f2a-f70b-328d55fa9027 {"Meta":{"rack":"r2"},"NodeID":"a3c94b28-f11c-2f2a-f70b-328d55fa9027"}
--- exit code: 0

$ steppe node meta apply
--- stderr:
There is nothing to change: name pairs key=value, or keys with -unset
For additional help try 'steppe node meta apply -help'
--- exit code: 1

$ steppe node meta apply rack
--- stderr:
"rack" is not key=value
For additional help try 'steppe node meta apply -help'
--- exit code: 1

$ steppe node meta apply -unset=rack rack=r2
--- stderr:
the key "rack" cannot be set and unset at once
For additional help try 'steppe node meta apply -help'
--- exit code: 1

$ steppe node config -servers
10.0.0.1:4647
10.0.0.2:4647
--- exit code: 0

$ steppe client-config -servers
10.0.0.1:4647
10.0.0.2:4647
--- exit code: 0

$ steppe node config -update-servers 10.0.0.9 10.0.0.8:7
Updated server list
>>> PUT /v1/agent/servers?address=10.0.0.9&address=10.0.0.8:7
--- exit code: 0

$ steppe node config -update-servers
--- stderr:
-update-servers needs the address of at least one server
For additional help try 'steppe node config -help'
--- exit code: 1

$ steppe node config
--- stderr:
One of -servers and -update-servers is needed, and not both
For additional help try 'steppe node config -help'
--- exit code: 1

