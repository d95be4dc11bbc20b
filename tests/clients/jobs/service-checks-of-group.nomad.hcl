# refused: service
# A service of the group: checks.
job "group-checks" {
  group "main" {
    service {
      name                = "web"
      tags                = ["blue", "v1"]
      canary_tags         = ["canary"]
      enable_tag_override = true
      port                = "http"
      address_mode        = "auto"
      address             = "web.example.org"
      task                = "main"
      on_update           = "ignore_warnings"
      provider            = "consul"
      cluster             = "default"
      kind                = ""

      meta {
        owner = "front"
      }

      canary_meta {
        owner = "front-canary"
      }

      tagged_addresses {
        wan = "203.0.113.7"
      }

      weights {
        passing = 10
        warning = 1
      }

      identity {
        name          = "web-identity"
        aud           = ["consul.io"]
        change_mode   = "signal"
        change_signal = "SIGHUP"
        env           = true
        file          = true
        filepath      = "local/web.jwt"
        service_name  = "web"
        ttl           = "1h"
        extra_claims  = ["team"]
      }

      check_restart {
        limit           = 2
        grace           = "45s"
        ignore_warnings = true
      }
      check {
        name                     = "alive"
        type                     = "http"
        path                     = "/health"
        protocol                 = "https"
        port                     = "http"
        method                   = "POST"
        body                     = "{\"ping\": true}"
        interval                 = "10s"
        timeout                  = "2500ms"
        initial_status           = "warning"
        notes                    = "asks the front page"
        address_mode             = "host"
        advertise                = "web.example.org"
        expose                   = false
        tls_server_name          = "web.example.org"
        tls_skip_verify          = true
        success_before_passing   = 2
        failures_before_critical = 3
        failures_before_warning  = 1
        on_update                = "require_healthy"

        header {
          Authorization = ["Basic abc"]
          X-From        = ["steppe", "tests"]
        }

        check_restart {
          limit           = 3
          grace           = "1m30s"
          ignore_warnings = false
        }
      }

      check {
        name     = "script"
        type     = "script"
        command  = "/bin/sh"
        args     = ["-c", "test -e /tmp/ready"]
        task     = "main"
        interval = "1m"
        timeout  = "5s"
      }

      check {
        type         = "grpc"
        port         = "http"
        grpc_service = "health.v1"
        grpc_use_tls = true
        interval     = "15s"
        timeout      = "1s"
      }
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
