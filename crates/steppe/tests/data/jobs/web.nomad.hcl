variable "version" {
  default = "1"
}

job "web" {
  datacenters = ["west-1"]

  group "app" {
    count = 2

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo ${var.version}; exec sleep 3600"]
      }
    }
  }
}
