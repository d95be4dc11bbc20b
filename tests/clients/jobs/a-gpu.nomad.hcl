job "a-gpu" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      resources {
        cores      = 2
        memory     = 1024
        memory_max = 4096

        device "nvidia/gpu/A100" {
          count = 2
        }
      }
    }
  }
}
