GET /v1/agent/members
{"ServerName": "west-s1", "ServerRegion": "west", "Members": [
 {"Name": "west-s1.west", "Addr": "127.0.0.1", "Port": 24648, "Status": "alive", "ProtocolCur": 1, "Tags": {"region": "west", "dc": "west-1", "build": "0.1.0", "raft_vsn": "3", "rpc_addr": "127.0.0.1", "port": "24647"}},
 {"Name": "east-s1.east", "Addr": "127.0.0.1", "Port": 25648, "Status": "failed", "ProtocolCur": 1, "Tags": {"region": "east", "dc": "east-1", "build": "0.1.0", "raft_vsn": "3", "rpc_addr": "127.0.0.1", "port": "25647"}},
 {"Name": "east-s0.east", "Addr": "127.0.0.1", "Port": 25638, "Status": "alive", "ProtocolCur": 1, "Tags": {"region": "east", "dc": "east-1", "build": "0.1.0", "raft_vsn": "3", "rpc_addr": "127.0.0.1", "port": "25637"}}]}

GET /v1/agent/members?region=cut
{"Members": [{"Name": "a.mid", "Addr": "127.0.0.1", "Port": 1, "Status": "alive", "Tags": {"region": "mid"}}, {"Name": "b.far", "Addr": "127.0.0.1", "Port": 2, "Status": "failed", "Tags": {"region": "far"}}]}

GET /v1/status/leader?region=west
"127.0.0.1:24647"

GET /v1/status/leader?region=east
"127.0.0.1:25637"

GET /v1/status/leader?region=mid
""

GET /v1/status/leader?region=far -> 500
No path to region "far"; known regions: mid

PUT /v1/agent/join?address=10.0.0.1%3A4648
{"num_joined": 1, "error": ""}

PUT /v1/agent/join?address=10.0.0.9%3A4648
{"num_joined": 0, "error": "1 error occurred:\n\t* 10.0.0.9:4648: connection refused\n\n"}

PUT /v1/agent/join?address=10.0.0.1%3A4648&address=10.0.0.9%3A4648
{"num_joined": 1, "error": "1 error occurred:\n\t* 10.0.0.9:4648: connection refused\n\n"}

PUT /v1/agent/force-leave?node=east-s1.east

PUT /v1/agent/force-leave?node=nosuch -> 500
no member is called "nosuch"; known are: east-s1.east

GET /v1/operator/raft/configuration
{"Servers": [{"ID": "1", "Node": "west-s1.west", "Address": "127.0.0.1:24647", "Leader": true, "Voter": true, "RaftProtocol": "3"}, {"ID": "2", "Node": "west-s2.west", "Address": "127.0.0.1:24657", "Voter": false, "RaftProtocol": "3"}]}

PUT /v1/operator/raft/transfer-leadership?address=127.0.0.1:24657
{}

PUT /v1/operator/raft/transfer-leadership?id=2
{"From": {"ID": "1", "Address": "127.0.0.1:24647"}, "To": {"ID": "2", "Address": "127.0.0.1:24657"}, "Noop": false, "Err": null}

DELETE /v1/operator/raft/peer?id=2

DELETE /v1/operator/raft/peer?id=1 -> 400
west-s1 leads: let another server lead first (operator raft transfer-leadership)

GET /v1/operator/autopilot/configuration
{"CleanupDeadServers": true, "LastContactThreshold": "200ms", "MaxTrailingLogs": 250, "MinQuorum": 0, "ServerStabilizationTime": "10s", "EnableRedundancyZones": false, "DisableUpgradeMigration": false, "EnableCustomUpgrades": false, "CreateIndex": 4, "ModifyIndex": 9}

PUT /v1/operator/autopilot/configuration?cas=9
true

GET /v1/operator/autopilot/configuration?region=busy
{"CleanupDeadServers": true, "LastContactThreshold": "200ms", "MaxTrailingLogs": 250, "MinQuorum": 0, "ServerStabilizationTime": "10s", "ModifyIndex": 7}

PUT /v1/operator/autopilot/configuration?region=busy&cas=7
false

GET /v1/operator/autopilot/health -> 429
{"Healthy": false, "FailureTolerance": 0, "Leader": "1", "Voters": ["1", "2"], "Servers": [{"ID": "1", "Name": "west-s1.west", "Address": "127.0.0.1:24647", "SerfStatus": "alive", "Version": "0.1.0", "Leader": true, "LastContact": "0s", "LastTerm": 2, "LastIndex": 40, "Healthy": true, "Voter": true, "StableSince": "2026-11-27T20:00:00Z"}, {"ID": "2", "Name": "west-s2.west", "Address": "127.0.0.1:24657", "SerfStatus": "failed", "Version": "0.1.0", "Leader": false, "LastContact": "7.5s", "LastTerm": 2, "LastIndex": 31, "Healthy": false, "Voter": true, "StableSince": "2026-11-27T20:05:00Z"}]}

=== transcript
$ steppe server members
Name          Address    Port   Status  Leader  Raft Version  Build  Datacenter  Region
east-s0.east  127.0.0.1  25638  alive   true    3             0.1.0  east-1      east
east-s1.east  127.0.0.1  25648  failed  false   3             0.1.0  east-1      east
west-s1.west  127.0.0.1  24648  alive   true    3             0.1.0  west-1      west
--- exit code: 0

$ steppe server-members -detailed
Name          Address    Port   Status  Leader  Protocol  Raft Version  Build  Datacenter  Region  Tags
east-s0.east  127.0.0.1  25638  alive   true    1         3             0.1.0  east-1      east    build=0.1.0,dc=east-1,port=25637,raft_vsn=3,region=east,rpc_addr=127.0.0.1
east-s1.east  127.0.0.1  25648  failed  false   1         3             0.1.0  east-1      east    build=0.1.0,dc=east-1,port=25647,raft_vsn=3,region=east,rpc_addr=127.0.0.1
west-s1.west  127.0.0.1  24648  alive   true    1         3             0.1.0  west-1      west    build=0.1.0,dc=west-1,port=24647,raft_vsn=3,region=west,rpc_addr=127.0.0.1
--- exit code: 0

$ steppe server members -region=cut
Name   Address    Port  Status  Leader  Raft Version  Build   Datacenter  Region
b.far  127.0.0.1  2     failed  false   <none>        <none>  <none>      far
a.mid  127.0.0.1  1     alive   false   <none>        <none>  <none>      mid

--- stderr:
Error determining leaders: 2 errors occurred:
	* Region "far": Unexpected response code: 500 (No path to region "far"; known regions: mid)
	* Region "mid": No cluster leader


--- exit code: 1

$ steppe server members -json -region=cut
[
    {
        "Addr": "127.0.0.1",
        "DelegateCur": 0,
        "DelegateMax": 0,
        "DelegateMin": 0,
        "Name": "b.far",
        "Port": 2,
        "ProtocolCur": 0,
        "ProtocolMax": 0,
        "ProtocolMin": 0,
        "Status": "failed",
        "Tags": {
            "region": "far"
        }
    },
    {
        "Addr": "127.0.0.1",
        "DelegateCur": 0,
        "DelegateMax": 0,
        "DelegateMin": 0,
        "Name": "a.mid",
        "Port": 1,
        "ProtocolCur": 0,
        "ProtocolMax": 0,
        "ProtocolMin": 0,
        "Status": "alive",
        "Tags": {
            "region": "mid"
        }
    }
]
--- exit code: 0

$ steppe server members -t '{{range .}}{{.Name}} {{end}}'
east-s0.east east-s1.east west-s1.west 
--- exit code: 0

$ steppe server join 10.0.0.1:4648
Joined 1 servers successfully
>>> PUT /v1/agent/join?address=10.0.0.1:4648
--- exit code: 0

$ steppe server-join 10.0.0.9:4648
--- stderr:
Error joining: 1 error occurred:
	* 10.0.0.9:4648: connection refused


>>> PUT /v1/agent/join?address=10.0.0.9:4648
--- exit code: 1

$ steppe server join 10.0.0.1:4648 10.0.0.9:4648
Joined 1 servers successfully
--- stderr:
Error joining: 1 error occurred:
	* 10.0.0.9:4648: connection refused


>>> PUT /v1/agent/join?address=10.0.0.1:4648&address=10.0.0.9:4648
--- exit code: 1

$ steppe server force-leave east-s1.east
>>> PUT /v1/agent/force-leave?node=east-s1.east
--- exit code: 0

$ steppe server-force-leave -prune east-s1.east
>>> PUT /v1/agent/force-leave?node=east-s1.east&prune=true
--- exit code: 0

$ steppe server force-leave nosuch
--- stderr:
Error force-leaving server: Unexpected response code: 500 (no member is called "nosuch"; known are: east-s1.east)
>>> PUT /v1/agent/force-leave?node=nosuch
--- exit code: 1

$ steppe operator raft list-peers
Node          ID  Address          State     Voter  RaftProtocol
west-s1.west  1   127.0.0.1:24647  leader    true   3
west-s2.west  2   127.0.0.1:24657  follower  false  3
--- exit code: 0

$ steppe operator raft transfer-leadership -peer-id 2
Transferred leadership to peer with id "2"
>>> PUT /v1/operator/raft/transfer-leadership?id=2
--- exit code: 0

$ steppe operator raft transfer-leadership -peer-address 127.0.0.1:24657
Transferred leadership to peer with address "127.0.0.1:24657"
>>> PUT /v1/operator/raft/transfer-leadership?address=127.0.0.1:24657
--- exit code: 0

$ steppe operator raft transfer-leadership
--- stderr:
Which server shall lead? Name it by either -peer-id or -peer-address
For additional help try 'steppe operator raft transfer-leadership -help'
--- exit code: 1

$ steppe operator raft remove-peer -peer-id 2
Removed peer with id "2"
>>> DELETE /v1/operator/raft/peer?id=2
--- exit code: 0

$ steppe operator raft remove-peer -peer-id=1
--- stderr:
Error removing peer: Unexpected response code: 400 (west-s1 leads: let another server lead first (operator raft transfer-leadership))
>>> DELETE /v1/operator/raft/peer?id=1
--- exit code: 1

$ steppe operator raft remove-peer
--- stderr:
Missing peer id required (-peer-id)
For additional help try 'steppe operator raft remove-peer -help'
--- exit code: 1

$ steppe operator autopilot get-config
CleanupDeadServers = true
LastContactThreshold = 200ms
MaxTrailingLogs = 250
MinQuorum = 0
ServerStabilizationTime = 10s
EnableRedundancyZones = false
DisableUpgradeMigration = false
EnableCustomUpgrades = false
--- exit code: 0

$ steppe operator autopilot get-config -json
{
    "CleanupDeadServers": true,
    "CreateIndex": 4,
    "DisableUpgradeMigration": false,
    "EnableCustomUpgrades": false,
    "EnableRedundancyZones": false,
    "LastContactThreshold": "200ms",
    "MaxTrailingLogs": 250,
    "MinQuorum": 0,
    "ModifyIndex": 9,
    "ServerStabilizationTime": "10s"
}
--- exit code: 0

$ steppe operator autopilot get-config -t '{{.MinQuorum}}'
0
--- exit code: 0

$ steppe operator autopilot set-config -cleanup-dead-servers=false -min-quorum 3 -server-stabilization-time 30s
Configuration updated!
>>> PUT /v1/operator/autopilot/configuration?cas=9 {"CleanupDeadServers":false,"CreateIndex":4,"DisableUpgradeMigration":false,"EnableCustomUpgrades":false,"EnableRedundancyZones":false,"LastContactThreshold":"200ms","MaxTrailingLogs":250,"MinQuorum":3,"ModifyIndex":9,"ServerStabilizationTime":"30s"}
--- exit code: 0

$ steppe operator autopilot set-config -region busy -max-trailing-logs=500
--- stderr:
Configuration could not be atomically updated, please try again
>>> PUT /v1/operator/autopilot/configuration?region=busy&cas=7 {"CleanupDeadServers":true,"CreateIndex":0,"DisableUpgradeMigration":false,"EnableCustomUpgrades":false,"EnableRedundancyZones":false,"LastContactThreshold":"200ms","MaxTrailingLogs":500,"MinQuorum":0,"ModifyIndex":7,"ServerStabilizationTime":"10s"}
--- exit code: 1

$ steppe operator autopilot set-config -last-contact-threshold soon
--- stderr:
-last-contact-threshold: "soon" is not a duration such as 10s, 1m30s or 250ms
For additional help try 'steppe operator autopilot set-config -help'
--- exit code: 1

$ steppe operator autopilot health
Healthy:           false
FailureTolerance:  0
Leader:            1
Voters:
	1
	2
Servers:
ID  Name          Address          SerfStatus  Version  Leader  Voter  Healthy  LastContact  LastTerm  LastIndex  StableSince
1   west-s1.west  127.0.0.1:24647  alive       0.1.0    true    true   true     0s           2         40         <now>
2   west-s2.west  127.0.0.1:24657  failed      0.1.0    false   true   false    7.5s         2         31         <now>
--- exit code: 0

$ steppe operator autopilot health -json
{
    "FailureTolerance": 0,
    "Healthy": false,
    "Leader": "1",
    "Servers": [
        {
            "Address": "127.0.0.1:24647",
            "Healthy": true,
            "ID": "1",
            "LastContact": "0s",
            "LastIndex": 40,
            "LastTerm": 2,
            "Leader": true,
            "Name": "west-s1.west",
            "SerfStatus": "alive",
            "StableSince": "<now>",
            "Version": "0.1.0",
            "Voter": true
        },
        {
            "Address": "127.0.0.1:24657",
            "Healthy": false,
            "ID": "2",
            "LastContact": "7.5s",
            "LastIndex": 31,
            "LastTerm": 2,
            "Leader": false,
            "Name": "west-s2.west",
            "SerfStatus": "failed",
            "StableSince": "<now>",
            "Version": "0.1.0",
            "Voter": true
        }
    ],
    "Voters": [
        "1",
        "2"
    ]
}
--- exit code: 0

