job "time-limit" {
  type = "batch"

  group "main" {
    max_run_duration = "1h30m"

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}
