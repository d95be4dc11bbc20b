# What this file describes is registered with:    steppe job run example.nomad.hcl
# What that would change is shown by:             steppe job plan example.nomad.hcl
# How it is doing:                                steppe job status example

# Values come from -var greeting=…, a -var-file, or the environment: NOMAD_VAR_greeting.
variable "greeting" {
  type    = string
  default = "hello"
}

job "example" {
  # service: runs until it is stopped. batch: runs until it is done.
  type = "service"

  # Where it may run; "*" stands for any text.
  datacenters = ["*"]

  # How a new version replaces the old one.
  update {
    max_parallel      = 1     # allocations replaced at the same time
    min_healthy_time  = "10s" # how long one must be well before the next is replaced
    healthy_deadline  = "5m"  # after this, one that is not well counts as failed
    progress_deadline = "10m" # after this without progress, the deployment fails
    auto_revert       = true  # a failed deployment goes back to the last good version
  }

  # Tasks of a group run together on one node, as many times as count says.
  group "app" {
    count = 2

    # A task that fails is restarted where it is, this often within this time …
    restart {
      attempts = 2
      interval = "30m"
      delay    = "15s"
      mode     = "fail"
    }

    task "server" {
      driver = "raw_exec"

      # What the driver needs to know. $NOMAD_… is what the node gives to the task.
      config {
        command = "/bin/sh"
        args    = ["-c", "echo \"$GREETING from $NOMAD_ALLOC_NAME\"; exec sleep 3600"]
      }

      env {
        GREETING = var.greeting
      }

      # MHz and MB.
      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
