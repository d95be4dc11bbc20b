job "every-node" {
  type     = "system"
  priority = 80

  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}
