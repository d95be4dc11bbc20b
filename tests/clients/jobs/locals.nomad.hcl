locals {
  name    = "locals"
  tries   = 5
  command = "/bin/sh"
  script  = "sleep 5; exit 0"
  tags    = ["a", "b"]
  pause   = "45s"
}

locals {
  greeting = "hello"
}

job "locals" {
  type = "batch"

  meta {
    greeting = local.greeting
    full     = "${local.greeting} from ${local.name}"
  }

  group "app" {
    restart {
      attempts = local.tries
      delay    = local.pause
    }

    task "app" {
      driver = "raw_exec"

      config {
        command = local.command
        args    = ["-c", local.script]
      }
    }
  }
}
