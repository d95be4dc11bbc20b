job "constraints" {
  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  constraint {
    attribute = "${attr.cpu.arch}"
    operator  = "!="
    value     = "sparc"
  }

  constraint {
    attribute = "${attr.kernel.version}"
    version   = ">= 3.0, < 99"
  }

  group "main" {
    constraint {
      attribute = "${attr.kernel.version}"
      operator  = "semver"
      value     = "> 2.0.0"
    }

    constraint {
      attribute = "${attr.cpu.numcores}"
      operator  = ">="
      value     = 1
    }

    constraint {
      distinct_hosts = true
    }

    task "main" {
      constraint {
        attribute = "${node.unique.name}"
        regexp    = "^[a-z]+-client-\\d+$"
      }

      constraint {
        attribute    = "${meta.tags}"
        set_contains = "a,b"
      }

      constraint {
        attribute = "${attr.driver.raw_exec}"
        operator  = "is_set"
      }

      constraint {
        attribute = "${attr.os.version}"
        semver    = ">= 1.2.3-beta"
      }
    }
  }
}
