# refused: artifact
job "artifacts" {
  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      artifact {
        source      = "https://example.org/app.tar.gz"
        destination = "local/app"
        mode        = "any"
        insecure    = false
        chown       = true

        options {
          checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
          archive  = "tar.gz"
        }

        headers {
          Accept = "application/octet-stream"
        }
      }
    }
  }
}
