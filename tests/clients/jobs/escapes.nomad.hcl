job "escapes" {
  meta {
    newline   = "a\nb"
    tab       = "a\tb"
    quote     = "say \"hi\""
    backslash = "C:\\temp"
    unicode   = "\u00e9\U0001F600é😀"
    dollar    = "$${HOME} costs $5 %d"
    percent   = "%%{if} 100%"
    empty     = ""
    spaces    = "  both  "
  }

  group "app" {
    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo $HOME $${HOME} ${NOMAD_TASK_DIR}"]
      }
    }
  }
}
