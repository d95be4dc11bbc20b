job "ports" {
  group "main" {
    network {
      mode = "host"

      port "http" {}

      port "admin" {
        to = 9000
      }

      port "fixed" {
        static = 15432
      }

      port "both" {
        static = 15433
        to     = 5433
      }

      port "same" {
        to = -1
      }
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
