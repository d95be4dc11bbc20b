# A service that says hello once a second, until it is stopped: steppe job run config/jobs/hello.nomad.hcl
variable "greeting" {
  type    = string
  default = "hello"
}

job "hello" {
  type        = "service"
  datacenters = ["*"]

  group "hello" {
    count = 2

    update {
      max_parallel      = 1
      min_healthy_time  = "2s"
      healthy_deadline  = "1m"
      progress_deadline = "2m"
      auto_revert       = true
    }

    restart {
      attempts = 3
      interval = "1m"
      delay    = "5s"
      mode     = "delay"
    }

    task "say" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "while true; do echo \"$GREETING from $NOMAD_ALLOC_NAME on ${node.unique.name}\"; sleep 1; done"]
      }

      env {
        GREETING = var.greeting
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
