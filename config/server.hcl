# One of the three servers of a region; the other two differ in nothing but their host name.
region     = "global"
datacenter = "dc1"
data_dir   = "/var/lib/steppe"

# Listens on every address; others are told the host's first private one. Name it when that is not the right one:
# advertise {
#   http = "10.0.0.11"
#   rpc  = "10.0.0.11"
#   serf = "10.0.0.11"
# }

server {
  enabled = true

  # The region's log begins when this many servers have found each other: 1, 3 or 5.
  bootstrap_expect = 3

  # Any one of these is enough. A server of another region joins the federation in the same way.
  server_join {
    retry_join     = ["10.0.0.11:4648", "10.0.0.12:4648", "10.0.0.13:4648"]
    retry_interval = "10s"
  }
}

# A server that is stopped on purpose says goodbye.
leave_on_terminate = true
