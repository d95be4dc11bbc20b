job "numbers" {
  priority = 1e1

  meta {
    float    = 1.5
    negative = -3
    big      = 1000000
    power    = 1.5e3
    zero     = 0
  }

  group "main" {
    count = "2"

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      resources {
        cpu    = "100"
        memory = 64.0
      }
    }
  }
}
