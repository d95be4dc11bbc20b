# A batch job that counts to five and is done: steppe job run config/jobs/count.nomad.hcl
job "count" {
  type        = "batch"
  datacenters = ["*"]

  group "count" {
    count = 1

    restart {
      attempts = 1
      interval = "5m"
      delay    = "1s"
      mode     = "fail"
    }

    task "count" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "for n in 1 2 3 4 5; do echo $n; sleep 1; done"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
