job "two-regions" {
  multiregion {
    strategy {
      max_parallel = 1
      on_failure   = "fail_local"
    }

    region "west" {
      count       = 2
      datacenters = ["west-1"]
      node_pool   = "default"

      meta {
        side = "left"
      }
    }

    region "east" {
      count       = 1
      datacenters = ["east-1", "east-2"]

      meta {
        side  = "right"
        count = 1
      }
    }
  }

  group "app" {
    count = 0

    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["600"]
      }
    }
  }
}
