job "minutely" {
  type = "batch"

  periodic {
    cron = "*/1 * * * *"
  }

  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}
