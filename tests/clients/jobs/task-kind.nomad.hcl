# refused: kind
job "task-kind" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      kind = "connect-proxy:api"
    }
  }
}
