GET /v1/jobs
[]

GET /v1/jobs?prefix=web
[{"ID": "web", "Namespace": "default"}]

PUT /v1/search
{"Matches": {"jobs": ["web"]}}

PUT /v1/search
{"Matches": {"jobs": ["web", "website"], "nodes": ["a3c94b28-f11c-2f2a-f70b-328d55fa9027"], "evals": ["93eecff7-2c2e-6526-3d4b-d870ce50fb3f"]}}

PUT /v1/search
{"Matches": {"deployment": ["a71cd600-6e5b-e5ae-a270-28bdeb62bbaa"], "allocs": ["b71cd600-6e5b-e5ae-a270-28bdeb62bbaa"]}}

PUT /v1/search
{"Matches": {}}

GET /v1/job/web -> 500
the job is asked for

GET /v1/jobs?prefix=site
[{"ID": "site", "Namespace": "default"}]

GET /v1/job/site
{"ID": "site", "Name": "site", "Namespace": "default", "Type": "service", "Priority": 50, "Datacenters": ["west-1"], "NodePool": "default", "Status": "running", "SubmitTime": 1136214245000000000}

GET /v1/job/site/summary
{"JobID": "site", "Summary": {"app": {"Running": 3}}}

GET /v1/job/site/evaluations
[]

GET /v1/job/site/deployments
[]

GET /v1/job/site/allocations
[]

GET /v1/jobs?region=east
[{"ID": "site", "Namespace": "default", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000}]

GET /v1/jobs?namespace=*
[{"ID": "site", "Namespace": "dev", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1136214245000000000}]

PUT /v1/search?region=east
{"Matches": {"jobs": ["site"]}}

GET /v1/deployments?prefix=a71cd600-6e5b-e5ae-a270-28bdeb62bbaa
[{"ID": "a71cd600-6e5b-e5ae-a270-28bdeb62bbaa", "JobID": "web", "Status": "successful"}]

GET /v1/agent/self
{"config": {"Region": "west"}, "stats": {"runtime": {"version": "0.1.0", "arch": "amd64"}, "nomad": {"server": "true", "leader": "false"}}}

PUT /v1/system/gc

PUT /v1/system/reconcile/summaries

PUT /v1/system/gc?region=mars -> 500
No path to region "mars"; known regions: east, west

=== transcript
$ steppe status
No running jobs
--- exit code: 0

$ steppe status -region=east
ID    Type     Priority  Status   Submit Date
site  service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ steppe status -namespace='*'
ID    Namespace  Type     Priority  Status   Submit Date
site  dev        service  50        running  2006-01-02T15:04:05Z
--- exit code: 0

$ steppe status -region=east site
ID            = site
Name          = site
Submit Date   = 2006-01-02T15:04:05Z
Type          = service
Priority      = 50
Datacenters   = west-1
Namespace     = default
Node Pool     = default
Status        = running
Periodic      = false
Parameterized = false

Summary
Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
app         0       0         3        0       0         0     0

Allocations
No allocations placed
>>> PUT /v1/search?region=east {"Context":"all","Namespace":"","Prefix":"site","Region":""}
--- exit code: 0

$ steppe status web
--- stderr:
Error querying job: Unexpected response code: 500 (the job is asked for)
>>> PUT /v1/search {"Context":"all","Namespace":"","Prefix":"web","Region":""}
--- exit code: 1

$ steppe status we
--- stderr:
Multiple matches found for id "we"

Jobs:
web, website
>>> PUT /v1/search {"Context":"all","Namespace":"","Prefix":"we","Region":""}
--- exit code: 1

$ steppe status a71
ID          = a71cd600
Job ID      = web
Job Version = 0
Status      = successful
Description = <none>
>>> PUT /v1/search {"Context":"all","Namespace":"","Prefix":"a71","Region":""}
--- exit code: 0

$ steppe status nosuch
--- stderr:
No matches found for id "nosuch"
>>> PUT /v1/search {"Context":"all","Namespace":"","Prefix":"nosuch","Region":""}
--- exit code: 1

### The agent and its region.

$ steppe agent-info
nomad
  leader = false
  server = true
runtime
  arch = amd64
  version = 0.1.0
--- exit code: 0

$ steppe agent-info -t '{{.config.Region}}'
west
--- exit code: 0

$ steppe agent-info -json
{
    "config": {
        "Region": "west"
    },
    "stats": {
        "nomad": {
            "leader": "false",
            "server": "true"
        },
        "runtime": {
            "arch": "amd64",
            "version": "0.1.0"
        }
    }
}
--- exit code: 0

$ steppe system gc
>>> PUT /v1/system/gc
--- exit code: 0

$ steppe system reconcile summaries
>>> PUT /v1/system/reconcile/summaries
--- exit code: 0

$ steppe system gc -region=mars
--- stderr:
Error running system garbage-collection: Unexpected response code: 500 (No path to region "mars"; known regions: east, west)
>>> PUT /v1/system/gc?region=mars
--- exit code: 1

