job "one-line-blocks" {
  group "g" {
    restart { attempts = 1 }
    task "t" {
      driver = "raw_exec"
      config { command = "/bin/true" }
      env { A = "b" }
      resources { cpu = 20 }
      logs { max_files = 1 }
    }
  }
}
