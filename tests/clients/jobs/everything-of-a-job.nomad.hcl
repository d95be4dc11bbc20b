job "everything-of-a-job" {
  region      = "west"
  namespace   = "default"
  id          = "everything-of-a-job"
  name        = "everything-of-a-job"
  type        = "service"
  priority    = 70
  datacenters = ["west-1", "*"]
  node_pool   = "default"

  meta {
    owner     = "team a"
    with-dash = "a name with a dash"
    number    = 3
    flag      = true
  }

  group "main" {
    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
    }
  }
}
