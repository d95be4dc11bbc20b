job "impossible" {
  priority = 100000

  group "app" {
    count = -1

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
