# refused: is_not_set, is_set, set_contains_all, set_contains_any
job "distinct-racks" {
  constraint {
    distinct_property = "${meta.rack}"
  }

  group "main" {
    count = 3

    constraint {
      operator  = "distinct_property"
      attribute = "${node.class}"
      value     = "2"
    }

    constraint {
      attribute = "${meta.tags}"
      is_set    = "true"
    }

    constraint {
      attribute  = "${meta.gone}"
      is_not_set = "true"
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }

      constraint {
        attribute        = "${meta.tags}"
        set_contains_all = "a,b"
      }

      constraint {
        attribute        = "${meta.tags}"
        set_contains_any = "a"
      }
    }
  }
}
