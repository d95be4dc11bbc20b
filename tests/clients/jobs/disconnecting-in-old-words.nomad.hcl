job "disconnecting-in-old-words" {
  group "main" {
    stop_after_client_disconnect = "2m"
    max_client_disconnect        = "1h"
    prevent_reschedule_on_lost   = true

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}
