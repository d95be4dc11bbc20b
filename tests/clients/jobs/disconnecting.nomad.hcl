job "disconnecting" {
  group "main" {
    disconnect {
      lost_after           = "6h"
      replace              = false
      reconcile            = "keep_original"
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
