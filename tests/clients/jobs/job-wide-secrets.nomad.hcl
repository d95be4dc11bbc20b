# refused: secret, vault
job "job-wide-secrets" {
  vault {
    role = "everybody"
  }

  secret "job" {
    provider = "nomad"
    path     = "nomad/jobs/app"
  }

  task "alone" {
    driver = "raw_exec"

    config {
      command = "/bin/true"
    }
  }

  group "main" {
    vault {
      role = "group"
    }

    secret "group" {
      provider = "nomad"
      path     = "nomad/jobs/app/main"
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
