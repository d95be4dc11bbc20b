# The server of the region east, next to the region west on the same machine.
name       = "east-1"
region     = "east"
datacenter = "east-1"
data_dir   = "/tmp/steppe/east/server"
bind_addr  = "127.0.0.1"

ports {
  http = 15646
  rpc  = 15647
  serf = 15648
}

server {
  enabled          = true
  bootstrap_expect = 1

  # One server of another region is enough to find the whole federation.
  server_join {
    retry_join     = ["127.0.0.1:14648"]
    retry_interval = "5s"
  }
}
