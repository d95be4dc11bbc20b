job "windows-line-ends" {
  # a comment
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/true"
      }
      meta {
        a = "b"
      }
    }
  }
}
