# refused: schedule
job "office-hours" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      schedule {
        cron {
          start    = "0 8 * * 1-5 *"
          end      = "0 18"
          timezone = "Europe/Berlin"
        }
      }
    }
  }
}
