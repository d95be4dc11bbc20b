job "all-units" {
  group "main" {
    shutdown_delay = "1500000ns"

    restart {
      interval = "1h15m30s"
      delay    = "2s500ms"
    }

    reschedule {
      delay     = "30000ms"
      max_delay = "1.5h"
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      kill_timeout   = "5000000us"
      shutdown_delay = 250000000
    }
  }
}
