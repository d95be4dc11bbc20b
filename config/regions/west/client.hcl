# A client of the region west.
name       = "west-client-1"
region     = "west"
datacenter = "west-1"
data_dir   = "/tmp/steppe/west/client"
bind_addr  = "127.0.0.1"

ports {
  http = 14649
  rpc  = 14650
}

client {
  enabled = true
  servers = ["127.0.0.1:14647"]

  # The clients of both regions share one machine, so each has its own ports for tasks.
  min_dynamic_port = 20000
  max_dynamic_port = 25999
}

plugin "raw_exec" {
  config {
    enabled = true
  }
}
