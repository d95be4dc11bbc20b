# refused: volume, volume_mount
job "volumes" {
  group "main" {
    volume "data" {
      type            = "csi"
      source          = "data"
      read_only       = false
      sticky          = true
      per_alloc       = true
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"

      mount_options {
        fs_type     = "ext4"
        mount_flags = ["noatime", "ro"]
      }
    }

    volume "certs" {
      type      = "host"
      source    = "ca-certificates"
      read_only = true
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      volume_mount {
        volume           = "data"
        destination      = "/srv"
        read_only        = false
        propagation_mode = "host-to-task"
        selinux_label    = "Z"
      }
    }
  }
}
