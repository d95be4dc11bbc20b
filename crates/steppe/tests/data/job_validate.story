PUT /v1/validate/job
{"DriverConfigValidated": true}

PUT /v1/validate/job?region=stern
{"DriverConfigValidated": true, "ValidationErrors": ["namespace \"n\" does not exist"], "Error": "1 error occurred:\n\t* namespace \"n\" does not exist\n\n"}

PUT /v1/validate/job?region=worried
{"DriverConfigValidated": true, "Warnings": "1 warning:\n\n* think twice"}

PUT /v1/validate/job?region=mars -> 500
No path to region "mars"; known regions: east, west

=== transcript
$ steppe job validate jobs/web.nomad.hcl
Job validation successful
>>> PUT /v1/validate/job?namespace=default {"Job":"…","Namespace":"","Region":""}
--- exit code: 0

$ steppe validate -namespace=n -region=stern jobs/web.nomad.hcl
--- stderr:
Job validation errors:
1 error occurred:
	* namespace "n" does not exist


>>> PUT /v1/validate/job?region=stern&namespace=n {"Job":"…","Namespace":"","Region":""}
--- exit code: 1

$ steppe job validate -region=worried jobs/web.nomad.hcl
Job Warnings:
1 warning:

* think twice

Job validation successful
>>> PUT /v1/validate/job?region=worried&namespace=default {"Job":"…","Namespace":"","Region":""}
--- exit code: 0

$ steppe job validate -region=mars jobs/web.nomad.hcl
--- stderr:
Error validating job: Unexpected response code: 500 (No path to region "mars"; known regions: east, west)
>>> PUT /v1/validate/job?region=mars&namespace=default {"Job":"…","Namespace":"","Region":""}
--- exit code: 1

$ steppe job validate -address=http://127.0.0.1:1 jobs/web.nomad.hcl
Job validation successful
--- stderr:
No agent answers at http://127.0.0.1:1: the job was only checked here.
--- exit code: 0

### Everything that is wrong is said at once, with its place.

$ steppe job validate jobs/wrong.nomad.hcl
--- stderr:
Error getting job struct: Error parsing job file from jobs/wrong.nomad.hcl:
jobs/wrong.nomad.hcl:3,3: unsupported block "grup": did you mean "group"?
jobs/wrong.nomad.hcl:7,5: unsupported argument "cnt"
--- exit code: 255

$ steppe job validate jobs/impossible.nomad.hcl
--- stderr:
Job validation errors:
2 errors occurred:
	* jobs/impossible.nomad.hcl:2,14: Job priority must be between 1 and 32766, not 100000
	* jobs/impossible.nomad.hcl:5,13: group "app": count must not be negative: -1


--- exit code: 1

$ steppe job validate nosuch.nomad.hcl
--- stderr:
Error getting job struct: Error reading job file from nosuch.nomad.hcl: No such file or directory (os error 2)
--- exit code: 255

$ steppe job validate -json jobs/web.nomad.hcl
--- stderr:
Error getting job struct: Error parsing job file from jobs/web.nomad.hcl:
-json is for a job in JSON, and jobs/web.nomad.hcl does not begin with an object
--- exit code: 255

$ steppe job validate - <<< job
--- stderr:
Error getting job struct: Error parsing job file from stdin:
stdin:1,1: syntax error: unexpected token
--- exit code: 255

