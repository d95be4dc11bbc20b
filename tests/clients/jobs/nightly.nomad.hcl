job "nightly" {
  type = "batch"

  periodic {
    enabled          = true
    crons            = ["0 3 * * *", "@hourly"]
    prohibit_overlap = true
    time_zone        = "Europe/Berlin"
  }

  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
