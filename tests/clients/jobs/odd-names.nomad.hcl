job "Odd_names-1.2/x" {
  name = "Odd_names-1.2/x"

  group "group with spaces" {
    task "täsk-ü" {
      driver = "raw_exec"
      config { command = "/bin/true" }
    }
  }
}
