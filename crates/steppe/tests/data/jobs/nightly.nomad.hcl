job "nightly" {
  type        = "batch"
  datacenters = ["west-1"]

  periodic {
    crons   = ["0 3 * * *"]
    enabled = false
  }

  group "app" {
    task "report" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
