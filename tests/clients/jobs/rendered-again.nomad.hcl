# refused: render_templates
job "rendered-again" {
  group "main" {
    restart {
      attempts         = 2
      interval         = "30m"
      delay            = "15s"
      mode             = "fail"
      render_templates = true
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      restart {
        attempts         = 1
        interval         = "5m"
        delay            = "1s"
        mode             = "delay"
        render_templates = true
      }
    }
  }
}
