variable "stage" {
  default = "test"
}

job "conditionals" {
  priority = var.stage == "production" ? 80 : 40

  group "app" {
    count = 2

    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/echo"
        args    = ["%{ if var.stage == "test" }trying%{ else }serving%{ endif }"]
      }

      env {
        STAGE = var.stage
        LIST  = "%{ for n in ["a", "b"] }${n};%{ endfor }"
      }
    }
  }
}
