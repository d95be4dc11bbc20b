job "affinities" {
  affinity {
    attribute = "${node.datacenter}"
    operator  = "="
    value     = "west-1"
    weight    = 50
  }

  affinity {
    attribute = "${attr.kernel.version}"
    version   = ">= 4.0"
    weight    = -20
  }

  affinity {
    attribute = "${attr.os.version}"
    semver    = ">= 1.0.0"
  }

  group "main" {
    affinity {
      attribute = "${meta.rack}"
      operator  = "regexp"
      value     = "^r[0-9]+$"
      weight    = 100
    }

    affinity {
      attribute = "${meta.rack}"
      regexp    = "^r1"
    }

    affinity {
      attribute    = "${meta.tags}"
      set_contains = "ssd,fast"
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      affinity {
        attribute = "${node.class}"
        operator  = "!="
        value     = "slow"
        weight    = 10
      }

      affinity {
        attribute        = "${meta.tags}"
        set_contains_all = "ssd"
      }

      affinity {
        attribute        = "${meta.tags}"
        set_contains_any = "ssd,hdd"
      }
    }
  }
}
