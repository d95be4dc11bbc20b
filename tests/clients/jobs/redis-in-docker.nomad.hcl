job "redis-in-docker" {
  group "main" {
    network {
      port "db" {
        to = 6379
      }
    }

    task "main" {
      driver = "docker"

      config {
        image = "redis:7"
        ports = ["db"]

        mount {
          type   = "bind"
          source = "local"
          target = "/data"
        }

        mount {
          type   = "tmpfs"
          target = "/tmp"
        }

        labels {
          team = "data"
        }
      }
    }
  }
}
