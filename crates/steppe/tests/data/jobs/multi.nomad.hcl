job "multi" {
  multiregion {
    region "west" {
      count = 1
    }

    region "east" {
      count = 2
    }
  }

  group "app" {
    count = 0

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
