job "old-log-words" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      logs {
        enabled = true
      }
    }
  }
}
