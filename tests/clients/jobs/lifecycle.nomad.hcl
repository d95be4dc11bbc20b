# Helpers around a main task.
job "lifecycle" {
  type = "batch"

  group "steps" {
    task "before" {
      lifecycle {
        hook    = "prestart"
        sidecar = false
      }

      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }

    task "beside" {
      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["60"]
      }
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }

    task "greeter" {
      lifecycle {
        hook = "poststart"
      }

      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }

    task "after" {
      lifecycle {
        hook = "poststop"
      }

      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
