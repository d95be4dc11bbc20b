job "restarting" {
  group "main" {
    count          = 1
    shutdown_delay = "1500ms"

    restart {
      attempts = 10
      interval = "5m"
      delay    = "25s"
      mode     = "delay"
    }

    ephemeral_disk {
      size = 300
    }

    meta {
      tier = "front"
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      user           = "nobody"
      leader         = true
      kill_timeout   = "20s"
      kill_signal    = "SIGQUIT"
      shutdown_delay = "250ms"

      restart {
        attempts = 0
        mode     = "fail"
      }

      logs {
        max_files     = 3
        max_file_size = 15
        disabled      = false
      }

      resources {
        cpu        = 50
        memory     = 32
        memory_max = 64
      }

      meta {
        inner = "yes"
      }

      env {
        PLAIN = "text"
        PORT  = 8080
        DEBUG = false
        ALLOC = "${NOMAD_ALLOC_ID}"
        WHERE = "${node.datacenter} on ${attr.cpu.arch}"
      }
    }
  }
}
