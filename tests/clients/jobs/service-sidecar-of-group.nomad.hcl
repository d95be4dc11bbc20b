# refused: service
# A service of the group: sidecar.
job "group-sidecar" {
  group "main" {
    service {
      name = "api"
      port = "9001"

      connect {
        native = false

        sidecar_service {
          tags                      = ["proxy"]
          port                      = "proxy"
          disable_default_tcp_check = true

          meta {
            side = "car"
          }

          proxy {
            local_service_address = "127.0.0.1"
            local_service_port    = 9001

            config {
              protocol = "http"
            }

            expose {
              path {
                path            = "/metrics"
                protocol        = "http"
                local_path_port = 9102
                listener_port   = "metrics"
              }
            }

            upstreams {
              destination_name       = "db"
              destination_namespace  = "data"
              destination_peer       = "east"
              destination_partition  = "main"
              destination_type       = "service"
              local_bind_port        = 5432
              local_bind_address     = "127.0.0.1"
              local_bind_socket_path = "/run/db.sock"
              local_bind_socket_mode = "0660"
              datacenter             = "dc2"

              mesh_gateway {
                mode = "local"
              }

              config {
                connect_timeout_ms = 500
              }
            }

            transparent_proxy {
              uid                    = "101"
              outbound_port          = 15001
              exclude_inbound_ports  = ["22", "admin"]
              exclude_outbound_ports = [443, 8443]
              exclude_outbound_cidrs = ["10.0.0.0/8"]
              exclude_uids           = ["500"]
              no_dns                 = true
            }
          }
        }

        sidecar_task {
          name           = "envoy"
          driver         = "docker"
          user           = "nobody"
          kill_timeout   = "8s"
          shutdown_delay = "2s"
          kill_signal    = "SIGINT"

          config {
            image = "envoyproxy/envoy:v1.30"
          }

          env {
            LOG_LEVEL = "debug"
          }

          meta {
            role = "proxy"
          }

          logs {
            max_files     = 2
            max_file_size = 4
            disabled      = false
            enabled       = true
          }

          volume_mount {
            volume           = "certs"
            destination      = "/certs"
            read_only        = true
            propagation_mode = "private"
            selinux_label    = "z"
          }

          identity {
            name          = "envoy"
            aud           = ["envoy"]
            change_mode   = "signal"
            change_signal = "SIGUSR1"
            env           = true
            file          = true
            filepath      = "secrets/envoy.jwt"
            service_name  = "api"
            ttl           = "30m"
            extra_claims  = ["team"]
          }

          resources {
            cpu        = 100
            cores      = 1
            memory     = 64
            memory_max = 128
            disk       = 0
            secrets    = 8
            iops       = 0

            network {
              mode     = "host"
              device   = "eth0"
              cidr     = "10.1.0.0/16"
              ip       = "10.1.2.3"
              hostname = "envoy"
              mbits    = 10

              dns {
                servers  = ["1.1.1.1"]
                searches = ["internal"]
                options  = ["ndots:2"]
              }

              cni {
                args = {
                  color = "blue"
                }
              }

              reserved_ports "admin" {
                static           = 19000
                to               = 19000
                host_network     = "private"
                ignore_collision = true
              }

              port "data" {
                static           = 19001
                to               = 9001
                host_network     = "private"
                ignore_collision = true
              }
            }

            device "nvidia/gpu" {
              count = 1

              constraint {
                attribute = "${device.attr.memory}"
                operator  = ">="
                value     = "2 GiB"
              }

              affinity {
                attribute = "${device.model}"
                operator  = "regexp"
                value     = "^(A|H)100"
                weight    = 60
              }
            }

            numa {
              affinity = "prefer"
              devices  = ["nvidia/gpu"]
            }
          }
        }
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
