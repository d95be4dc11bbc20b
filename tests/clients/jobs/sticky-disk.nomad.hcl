job "sticky-disk" {
  group "main" {
    ephemeral_disk {
      sticky  = true
      migrate = true
      size    = 500
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}
