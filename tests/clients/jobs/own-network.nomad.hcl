# refused: cidr, cni, device, dns, hostname, ip
job "own-network" {
  group "main" {
    network {
      mode     = "bridge"
      device   = "eth1"
      cidr     = "192.168.0.0/24"
      ip       = "192.168.0.9"
      hostname = "web-${NOMAD_ALLOC_INDEX}"
      mbits    = 5

      dns {
        servers  = ["9.9.9.9", "1.1.1.1"]
        searches = ["example.org"]
        options  = ["timeout:1"]
      }

      cni {
        args = {
          vlan = "17"
        }
      }

      reserved_ports "old" {
        static           = 15000
        to               = 80
        host_network     = "public"
        ignore_collision = true
      }

      port "http" {
        to               = 8080
        host_network     = "public"
        ignore_collision = true
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
