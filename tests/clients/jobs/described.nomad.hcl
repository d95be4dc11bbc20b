job "described" {
  ui {
    description = "The *shop*, see below"

    link {
      label = "Runbook"
      url   = "https://example.org/runbook"
    }

    link {
      label = "Graphs"
      url   = "https://example.org/graphs"
    }
  }

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
