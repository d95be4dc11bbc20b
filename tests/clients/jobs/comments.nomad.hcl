# a hash
// slashes
/* a block
   over lines */
job "comments" { // behind the brace
  # inside
  datacenters = [ /* in a list */ "west-1", # first
    "west-2",                              // second
  ]

  group "app" {
    count = 1 /* how many */
    task "app" {
      driver = "raw_exec" # no isolation
      config {
        command = "/bin/true" // does nothing
      }
    }
  }
}
