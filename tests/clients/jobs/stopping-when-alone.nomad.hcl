job "stopping-when-alone" {
  group "main" {
    disconnect {
      stop_on_client_after = "90s"
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
