job "wrong" {
  datacenters = ["west-1"]
  grup "app" {
  }

  group "app" {
    cnt = 1

    task "server" {
      driver = "raw_exec"
    }
  }
}
