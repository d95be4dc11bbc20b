job "three-groups" {
  datacenters = ["*"]

  group "zeta" {
    count = 3

    task "z" {
      driver = "raw_exec"
      config { command = "/bin/true" }
    }
  }

  group "alpha" {
    task "b" {
      driver = "raw_exec"
      leader = true
      config { command = "/bin/true" }
    }

    task "a" {
      driver = "raw_exec"
      config { command = "/bin/true" }
    }
  }

  group "none" {
    count = 0

    task "n" {
      driver = "mock_driver"

      config {
        run_for   = "10m"
        exit_code = 0
      }
    }
  }
}
