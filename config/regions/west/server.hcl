# The server of the region west, next to the region east on the same machine.
name       = "west-1"
region     = "west"
datacenter = "west-1"
data_dir   = "/tmp/steppe/west/server"
bind_addr  = "127.0.0.1"

ports {
  http = 14646
  rpc  = 14647
  serf = 14648
}

server {
  enabled          = true
  bootstrap_expect = 1

  # One server of another region is enough to find the whole federation.
  server_join {
    retry_join     = ["127.0.0.1:15648"]
    retry_interval = "5s"
  }
}
