job "everywhere" {
  type = "system"

  group "app" {
    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
