job "spreads" {
  spread {
    attribute = "${node.datacenter}"
    weight    = 80

    target "west-1" {
      percent = 70
    }

    target "west-2" {
      percent = 30
    }
  }

  group "main" {
    count = 4

    spread {
      attribute = "${meta.rack}"
      weight    = 20

      target "r1" {
        percent = 100
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
