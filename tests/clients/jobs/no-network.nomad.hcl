job "no-network" {
  group "main" {
    network {
      mode = "none"
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
