node_pool "example" {
  description = "Example node pool"

  # Whatever others shall know about the pool.
  meta {
    environment = "test"
    owner       = "sre"
  }

  # What differs in this pool from how the region schedules.
  # scheduler_config {
  #   scheduler_algorithm             = "spread"
  #   memory_oversubscription_enabled = true
  # }
}
