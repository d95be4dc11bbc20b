job "isolated" {
  group "main" {
    task "main" {
      driver = "exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
