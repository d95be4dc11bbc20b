variable "version" {
  type        = string
  default     = "1.4.2"
  description = "what to run"
}

variable "count" {
  type    = number
  default = 2
}

variable "datacenters" {
  type    = list(string)
  default = ["west-1", "west-2"]
}

variable "labels" {
  type = map(string)
  default = {
    team = "blue"
    tier = "2"
  }
}

variable "debug" {
  type    = bool
  default = false
}

job "variables" {
  datacenters = var.datacenters

  meta = var.labels

  group "app" {
    count = var.count

    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/echo"
        args    = ["version", var.version, "v${var.version}-rc", "${var.version}"]
      }

      env {
        VERSION = var.version
        DEBUG   = var.debug
        COUNT   = var.count
        MIXED   = "${var.version} in ${NOMAD_DC}"
      }
    }
  }
}
