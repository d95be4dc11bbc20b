job "rolling" {
  update {
    stagger           = "30s"
    max_parallel      = 2
    health_check      = "task_states"
    min_healthy_time  = "10s"
    healthy_deadline  = "5m"
    progress_deadline = "10m"
    canary            = 1
    auto_revert       = true
    auto_promote      = true
  }

  reschedule {
    delay          = "30s"
    delay_function = "exponential"
    max_delay      = "1h"
    unlimited      = true
  }

  migrate {
    max_parallel     = 1
    health_check     = "task_states"
    min_healthy_time = "10s"
    healthy_deadline = "5m"
  }

  group "main" {
    count = 4

    update {
      stagger           = "1m"
      max_parallel      = 1
      health_check      = "manual"
      min_healthy_time  = "0s"
      healthy_deadline  = "90s"
      progress_deadline = "0"
      canary            = 0
      auto_revert       = false
      auto_promote      = false
    }

    migrate {
      max_parallel     = 2
      health_check     = "task_states"
      min_healthy_time = "1s"
      healthy_deadline = "1m"
    }

    reschedule {
      attempts       = 3
      interval       = "24h"
      delay          = "5s"
      delay_function = "fibonacci"
      max_delay      = "2m"
      unlimited      = false
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}
