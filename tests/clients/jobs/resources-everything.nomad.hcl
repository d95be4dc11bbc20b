# refused: cidr, cni, device, devices, dns, hostname, ip, secrets
# Everything that a task can ask for, networks of tasks as in old files included.
job "hungry" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
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
