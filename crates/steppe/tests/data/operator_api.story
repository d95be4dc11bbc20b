GET /v1/jobs
[{"ID": "web"}]

GET /v1/jobs?region=east&namespace=n&filter=ID == "web"
[{"ID": "of-the-east"}]

GET /v1/jobs?prefix=we&region=east
[]

PUT /v1/system/gc

PUT /v1/job/web/scale
{"EvalID": "x"}

GET /v1/job/none -> 404
job not found

=== transcript
### Any request, with the region, the namespace and the filter of the flags.

$ steppe operator api /v1/jobs
[{"ID": "web"}]
--- exit code: 0

$ steppe operator api -region east -namespace n -filter 'ID == "web"' v1/jobs
[{"ID": "of-the-east"}]
--- exit code: 0

$ steppe operator api -region east /v1/jobs?prefix=we
[]
--- exit code: 0

$ steppe operator api -X PUT /v1/system/gc
>>> PUT /v1/system/gc
--- exit code: 0

$ NOMAD_TOKEN=secret steppe operator api /v1/job/web/scale <<< {"Count":3,"Target":{"Group":"app"}}
{"EvalID": "x"}
>>> PUT /v1/job/web/scale (token secret) {"Count":3,"Target":{"Group":"app"}}
--- exit code: 0

$ steppe operator api /v1/job/none
job not found
--- stderr:
Unexpected response code: 404 Not Found
--- exit code: 1

### What would be asked, and what goes wrong.

$ NOMAD_TOKEN=secret steppe operator api -dryrun -X DELETE -H 'X-Note: it is' -region east /v1/job/web?purge=true
curl -X DELETE -H "X-Nomad-Token: ${NOMAD_TOKEN}" -H 'x-note: it is' 'http://agent/v1/job/web?purge=true&region=east'
--- exit code: 0

$ steppe operator api -dryrun /v1/job/web/scale <<< {}
curl -X PUT --data-binary @- 'http://agent/v1/job/web/scale'
--- exit code: 0

$ steppe operator api -H nothing /v1/jobs
--- stderr:
flag -H: invalid value "nothing": a header is written "name: value"
For additional help try 'steppe operator api -help'
--- exit code: 1

$ steppe operator api
--- stderr:
This command takes one argument: <path>
For additional help try 'steppe operator api -help'
--- exit code: 1

$ steppe operator snapshot save -redact x
--- stderr:
flag -redact is not supported: there are no keys in an archive that could be taken out
For additional help try 'steppe operator snapshot save -help'
--- exit code: 1

$ steppe operator autopilot set-config -upgrade-version-tag=x
--- stderr:
flag -upgrade-version-tag is not supported: servers of all versions vote alike, so no tag tells them apart
For additional help try 'steppe operator autopilot set-config -help'
--- exit code: 1

$ steppe monitor export -on-disk
--- stderr:
steppe monitor export is not supported yet
--- exit code: 1

