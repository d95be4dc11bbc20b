# Calls, conditionals, loops: left open by the comparison, but they have to be read.
variable "names" {
  default = ["one", "two", "three"]
}

locals {
  upper = [for name in var.names : upper(name)]
  sizes = { for name in var.names : name => length(name) }
  long  = [for name in var.names : name if length(name) > 3]
}

job "functions" {
  datacenters = concat(["west-1"], ["west-2"])

  group "app" {
    count = length(var.names) > 2 ? 3 : 1

    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/echo"
        args    = concat(local.upper, local.long, [join("-", var.names), format("%03d", 7), jsonencode(local.sizes)])
      }

      env {
        FIRST = var.names[0]
        LAST  = element(var.names, 2)
        SUM   = 2 + 3 * 4
      }

      meta {
        trimmed = trimspace("  padded  ")
        plain   = "literal"
      }

      kill_timeout = "${2 * 5}s"
    }
  }
}
