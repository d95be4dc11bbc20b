variable "ports" {
  default = {
    http  = 8080
    admin = 9090
  }
}

job "dynamic-blocks" {
  group "app" {
    network {
      dynamic "port" {
        for_each = var.ports
        labels   = [port.key]

        content {
          to = port.value
        }
      }
    }

    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }

      dynamic "constraint" {
        for_each = ["linux"]

        content {
          attribute = "${attr.kernel.name}"
          value     = constraint.value
        }
      }
    }
  }
}
