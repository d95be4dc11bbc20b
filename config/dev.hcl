# A server and a client in one, for trying things out: steppe agent -config config/dev.hcl
# (`steppe agent -dev` is the same without a file, and keeps nothing.)
region     = "global"
datacenter = "dc1"
data_dir   = "/tmp/steppe-dev"
bind_addr  = "127.0.0.1"

server {
  enabled          = true
  bootstrap_expect = 1
}

client {
  enabled = true
}

# Runs a command as it is, as the user who runs the agent, without isolation.
plugin "raw_exec" {
  config {
    enabled = true
  }
}
