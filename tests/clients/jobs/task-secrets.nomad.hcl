# refused: consul, identity, secret, vault
job "task-secrets" {
  group "main" {
    consul {
      namespace = "team"
      cluster   = "second"
      partition = "main"
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      vault {
        policies               = ["app"]
        role                   = "app"
        namespace              = "team"
        cluster                = "default"
        env                    = true
        disable_file           = true
        change_mode            = "signal"
        change_signal          = "SIGUSR2"
        allow_token_expiration = true
      }

      consul {
        namespace = "team"
        cluster   = "second"
        partition = "main"
      }

      secret "db" {
        provider = "vault"
        path     = "secret/data/db"

        config {
          engine = "kv_v2"
        }

        env {
          MODE = "read"
        }
      }

      identity {
        name          = "file"
        aud           = ["example.org"]
        change_mode   = "signal"
        change_signal = "SIGHUP"
        env           = true
        file          = true
        filepath      = "local/token.jwt"
        service_name  = ""
        ttl           = "90m"
        extra_claims  = ["team"]
      }
    }
  }
}
