job "vertical-scaling" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      scaling "cpu" {
        enabled = true
        min     = 100
        max     = 500
        type    = "vertical_cpu"

        policy {
          cooldown = "5m"
        }
      }

      scaling "mem" {
        enabled = false
        min     = 64
        max     = 256
        type    = "vertical_mem"

        policy {
          cooldown = "5m"
        }
      }
    }
  }
}
