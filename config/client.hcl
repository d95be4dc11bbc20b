# A machine that runs the region's work.
region     = "global"
datacenter = "dc1"
data_dir   = "/var/lib/steppe"

client {
  enabled    = true
  servers    = ["10.0.0.11:4647", "10.0.0.12:4647", "10.0.0.13:4647"]
  node_class = "general"

  meta {
    rack = "r1"
  }

  # What the machine needs for itself.
  reserved {
    cpu            = 100
    memory         = 256
    disk           = 1024
    reserved_ports = "22"
  }
}

# Runs a command as it is, as the user who runs the agent, without isolation: switched on where that is wanted.
plugin "raw_exec" {
  config {
    enabled = true
  }
}
