# A client of the region east.
name       = "east-client-1"
region     = "east"
datacenter = "east-1"
data_dir   = "/tmp/steppe/east/client"
bind_addr  = "127.0.0.1"

ports {
  http = 15649
  rpc  = 15650
}

client {
  enabled = true
  servers = ["127.0.0.1:15647"]

  # The clients of both regions share one machine, so each has its own ports for tasks.
  min_dynamic_port = 26000
  max_dynamic_port = 31999
}

plugin "raw_exec" {
  config {
    enabled = true
  }
}
