job "heredocs" {
  group "app" {
    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args = [
          "-c",
          <<EOF
set -e
echo "a \"quoted\" word and a back\\slash"
	tabbed
exit 0
EOF
          ,
          "after",
        ]
      }

      meta {
        indented = <<-END
          first
            second
          third
          END
        escaped  = <<END
price: $${amount} and %%{percent}
END
      }
    }
  }
}
