# refused: action
job "actions" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      action "reload" {
        command = "/bin/kill"
        args    = ["-HUP", "1"]
      }

      action "version" {
        command = "/bin/uname"
      }
    }
  }
}
