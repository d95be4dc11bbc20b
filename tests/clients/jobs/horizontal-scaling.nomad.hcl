job "horizontal-scaling" {
  group "main" {
    count = 2

    scaling {
      enabled = true
      type    = "horizontal"
      min     = 1
      max     = 10

      policy {
        cooldown            = "1m"
        evaluation_interval = "30s"

        check "load" {
          source = "prometheus"
          query  = "avg(load)"

          strategy "target-value" {
            target = 0.7
          }
        }
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
