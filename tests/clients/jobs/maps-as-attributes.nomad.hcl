job "maps-as-attributes" {
  meta = {
    a     = "1"
    "b-c" = "2"
    d : "3"
  }

  group "app" {
    task "app" {
      driver = "raw_exec"

      config = {
        command = "/bin/true"
        args    = []
      }

      env = {
        X = "y", Z = 1
      }
    }
  }
}
