# refused: template
job "task-templates" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      template {
        source               = "local/in.tpl"
        destination          = "local/out.conf"
        change_mode          = "signal"
        change_signal        = "SIGHUP"
        once                 = true
        splay                = "5s"
        perms                = "0640"
        uid                  = 1000
        gid                  = 1000
        left_delimiter       = "[["
        right_delimiter      = "]]"
        env                  = false
        vault_grace          = "15s"
        error_on_missing_key = true

        wait {
          min = "2s"
          max = "60s"
        }
      }

      template {
        destination = "secrets/app.env"
        env         = true
        data        = <<-EOF
          {{ range nomadService "db" }}
          DB={{ .Address }}:{{ .Port }}
          {{ end }}
          EOF
      }

      template {
        destination = "local/c"
        data        = "x"
        change_mode = "script"

        change_script {
          command             = "/bin/kill"
          args                = ["-HUP", "1"]
          timeout             = "20s"
          fail_on_error       = true
          run_on_first_render = true
        }
      }
    }
  }
}
